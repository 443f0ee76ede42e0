# Holds the namespaces of an emulation: the first process of a namespace of its own for processes, so that all that runs
# in the emulation ends with it. It runs itself over again, in the new namespaces.

if [ $# = 0 ]; then
	PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
	export PATH
	for program in unshare nsenter setsid mount ip; do
		command -v "$program" >/dev/null || { echo "$program is missing: install iproute2 and util-linux" >&2; exit 1; }
	done
	exec unshare $NETREEL_FLAGS --net --pid -- sh "$0" inside
fi
{
	read -r stat </proc/self/stat # that of the host: it learns its number there
	pid=${stat%% *}
	set -- ${stat##*") "}
	start=${20} netem=
	ip link set lo up || exit
	# Whether this kernel has it is seen where nothing else is yet.
	tc qdisc add dev lo root netem 2>/dev/null && tc qdisc delete dev lo root && netem=' netem'
	echo "holder $pid $start$netem"
	exec >/dev/null 2>&1
	while sleep 2147483647 & wait; do :; done
} &
wait
