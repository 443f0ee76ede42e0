# Reads "PID START" lines, and says "gone PID START" of each when that very process has ended. Ends with its input.
#
# $1 $2 the process group and the start time of a predecessor
#
# Nobody tells of the end of processes that are not our children, so this must ask: each second, without a process of
# its own for any of them, and of many the less often, since each costs about 0.1 ms.

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

ask() { # PID:START
	look "${1%:*}" && [ "$start" = "${1#*:}" ] && return
	echo "gone ${1%:*} ${1#*:}"
	return 1
}

sweep() {
	all=$watched watched='' count=0
	for process in $all; do
		! ask "$process" || { watched="$watched $process" && count=$((count + 1)); }
	done
	rest=$((count / 50))
}

[ -z "$1" ] || ! look "$1" || [ "$start" != "$2" ] || kill -s TERM -- "-$1"
look $$
read -r boot </proc/sys/kernel/random/boot_id
echo "ready $$ $start $boot"
exec 3<&0
{
	{ while IFS= read -r line; do echo "$line"; done; echo end; } <&3 3<&- &
	exec 3<&-
	while sleep 1; do echo tick; done
} | {
	exec 3<&-
	watched='' count=0 rest=0
	while read -r pid born; do
		case $pid in
		end) break ;;
		tick) [ $((rest -= 1)) -ge 0 ] || sweep ;;
		*) ! ask "$pid:$born" || watched="$watched $pid:$born" ;;
		esac
	done
}
