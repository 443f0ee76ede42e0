# Runs zebra and other daemons of FRR in a node, with all their files in this directory.
#
#     frr.sh DAEMON...
#
# It has a namespace of its own for mounts, and frr.conf is there. It ends as soon as one of them does.

set -u
umask 077
PATH="$PATH:/usr/lib/frr:/usr/libexec/frr"

# They insist on a user who is in this group, and root is not.
echo 'frrvty:x:0:root' >group
mount --bind group /etc/group || exit
for directory in /var/run /var/tmp /var/lib/frr; do # where they leave files, and would find those of others
	[ ! -d "$directory" ] || mount -t tmpfs tmpfs "$directory" || exit
done
mkdir /var/run/frr || exit
: >vtysh.conf # else the one of the host is read
mkfifo ends && exec 3<>ends || exit

finish() { # WHY, if nobody has told it to
	[ -n "$told" ] || echo "$1" >&2
	cat ./*.pid 2>/dev/null | while read -r pid; do kill "$pid" 2>/dev/null; done
	wait
	[ -n "$told" ]
	exit
}
run() { # DAEMON
	"$1" --user root --group root --vty_socket . --socket ./zserv.api --pid_file "./$1.pid" --vty_port 0 --config_file /dev/null \
		--log file:log --log-level informational <&- 3<&-
	echo "$1 has ended with exit status $?; the trace log may say why" >>ended
	echo >&3
}
await() { # SOCKET DAEMON: it makes the socket when it answers
	left=$patience
	until [ -S "$1" ]; do
		[ -z "$told" ] && [ ! -s ended ] && [ "$left" -gt 0 ] ||
			finish "$(cat ended 2>/dev/null || echo "$2 does not answer; the trace log may say why")"
		left=$((left - 1))
		sleep 0.05
	done
}

told='' patience=600 # that is half a minute
trap 'told=yes' TERM
run zebra &
await zserv.api zebra # the others look for it once, and then seldom
for daemon; do run "$daemon" & done
for daemon in zebra "$@"; do await "$daemon.vty" "$daemon"; done
vtysh --vty_socket . --config_dir . --inputfile frr.conf >&2 || finish 'the configuration is not taken'
echo ready >ready
read -r _ <&3
finish "$(cat ended)"
