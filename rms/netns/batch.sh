# Changes networks in the namespaces of an emulation.
#
#     batch.sh BASE EPOCH HOLDER STARTTIME USER DIRECTORY, with the changes on standard input
#
# HOLDER is the process that holds the emulation, USER what nsenter needs to become root there, if we are not. Of each
# node, DIRECTORY/node-GUID has the number and the start time of its first process.

set -u
base=$1 epoch=$2 holder=$3 user=$5
[ -d "$base/epochs/$epoch" ] || mkdir "$base/epochs/$epoch" || exit # as launch.sh does it: first publish, then look
for latest in "$base"/epochs/*; do :; done
[ "${latest##*/}" = "$epoch" ] || { echo "fenced ${latest##*/}"; exit 75; }

functions='
alive() { # PID STARTTIME
	read -r stat 2>/dev/null <"/proc/$1/stat" || return
	wanted=$2
	set -- ${stat##*") "}
	[ "$1" != Z ] && [ "${20}" = "$wanted" ]
}
here() {
	"$@"
}
at() { # PID STARTTIME COMMAND...
	alive "$1" "$2" || { echo "the node is gone: its first process, $1, has ended"; return 1; }
	process=$1
	shift 2
	nsenter --net="/proc/$process/ns/net" -- "$@"
}
end() { # PID STARTTIME
	! alive "$@" || kill -s KILL "$1"
}
make_nodes() { # the text that asks for them is on standard input
	asked=$(cat)
	# A session of their own, in the namespace of the emulation for processes, so that they end with it.
	# What they say goes through a pipe, which ends when all of them have begun, or failed.
	nsenter --target "$HOLDER" --pid -- setsid sh -c "$FUNCTIONS$asked" 2>&1 </dev/null | cat
}
make() { # GUID NAME [forwarding]
	note=$DIRECTORY/node-$1
	if read -r pid start 2>/dev/null <"$note" && alive "$pid" "$start"; then
		echo "node $1 $pid $start" # this was asked for before
		return
	fi
	unshare --net --uts --mount --pid -- sh -c "$NODE" sh "$1" "$2" "$note" "${3:-}"
}
'
# Its first background process is the first of the new namespace for processes. What /proc is before it has its own is
# that of the host, so it learns its number there. It reaps what others leave.
node='
{
	read -r stat </proc/self/stat
	pid=${stat%% *} guid=$1 name=$2 note=$3 forwarding=$4
	set -- ${stat##*") "}
	why=$(exec 2>&1; mount -t proc proc /proc && mount -t sysfs sysfs /sys && ip link set lo up &&
		{ (echo "$name" >/proc/sys/kernel/hostname) 2>/dev/null || hostname "$name"; }) || # only root may write to it
		{ echo "no node $guid: $why"; exit 1; }
	cd /proc/sys/net
	[ -z "$forwarding" ] || echo 1 >ipv4/ip_forward
	if [ -e ipv6 ]; then # a kernel may be without
		echo 0 >ipv6/conf/default/accept_dad # or for two seconds an interface answers nobody
		[ -z "$forwarding" ] || echo 1 >ipv6/conf/all/forwarding
	fi
	cd /
	echo "$pid ${20}" >"$note"
	echo "node $guid $pid ${20}"
	exec >/dev/null 2>&1
	while sleep 2147483647 & wait; do :; done
} &
'
HOLDER=$holder FUNCTIONS=$functions NODE=$node DIRECTORY=$6
export HOLDER FUNCTIONS NODE DIRECTORY
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

eval "$functions"
alive "$holder" "$4" || { echo "the emulation is gone: its process $holder has ended" >&2; exit 1; }
exec nsenter --target "$holder" $user --net -- sh -c "$FUNCTIONS"'eval "$(cat)"'
