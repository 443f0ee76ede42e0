# Says what a file holds from some byte on, and then what is appended to it, until its input ends.
#
# $1 $2 the process group and the start time of a predecessor; $3 the file; $4 the byte, counted from 1

export LC_ALL=C

look() { # PID: sets its start time; false if it has ended
	stat=
	while IFS= read -r line; do stat="$stat $line"; done 2>/dev/null <"/proc/$1/stat"
	case $stat in *') '*) ;; *) return 1 ;; esac
	set -- ${stat##*') '} # the name of the program may hold anything, so fields count from its end: this is field 3
	start=${20}
	case $1 in
	Z) [ "${18}" -gt 1 ] ;; # only its first thread has ended
	X) return 1 ;;
	esac
}

[ -z "$1" ] || ! look "$1" || [ "$start" != "$2" ] || kill -s TERM -- "-$1"
[ ! -p "$3" ] || { # which one might wait for, for ever
	echo "$3 is no regular file" >&2
	printf refused
	exit 1
}
tail -c 1 "$3" >/dev/null || { # whether it can be run here, and if so, what is wrong with the file
	[ $? != 1 ] || printf refused # as opposed to the shell, of tail
	exit
}
look $$
read -r boot </proc/sys/kernel/random/boot_id
echo "ready $$ $start $boot"
exec 3<&0
{ while read -r _; do :; done; kill -s TERM $$; } <&3 3<&- >/dev/null 2>&1 &
exec tail -c "+$4" -f "$3" </dev/null 3<&-
