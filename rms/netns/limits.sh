# The control groups that limit what runs in a node, of whichever version has the controller on this host.
#
#     limits.sh make NOTE NAME MEMORY CPU, with bytes and thousandths of a processor; nothing is no limit
#     limits.sh remove NOTE
#
# They are made below the group that whoever runs this is in, so his own limits hold for them as well. NOTE has the path
# of each before it is made; `make` says them.

set -u
fail() {
	echo "$1" >&2
	exit 1
}
where() { # CONTROLLER: the group below which there can be one that it limits
	while IFS=: read -r _ controllers own; do
		case ,$controllers, in *,"$1",*) first "$1" "$own" && return ;; esac
		[ -n "$controllers" ] || unified=$own
	done </proc/self/cgroup
	second "$1"
}
first() { # CONTROLLER GROUP
	while read -r _ mount type options _; do
		case $type,$options, in cgroup,*,"$1",*) ;; *) continue ;; esac
		parent=$mount$2 files=1
		[ -d "$parent" ] || parent=$mount # it is not seen from here
		return
	done </proc/mounts
	return 1
}
second() { # CONTROLLER
	while read -r _ mount type _; do
		[ "$type" = cgroup2 ] || continue
		parent=$mount${unified-} files=2
		while :; do # what has processes has no limits to give: somewhere above there is one that has
			case " $(cat "$parent/cgroup.subtree_control" 2>/dev/null) " in *" $1 "*) return ;; esac
			[ "$parent" != "$mount" ] && [ "$parent" != / ] || break
			parent=${parent%/*}
		done
	done </proc/mounts
	fail "no control group here has the controller '$1', so a node cannot be limited by it"
}
make() { # CONTROLLER
	where "$1"
	group=${parent%/}/$name
	echo "$group" >>"$note" || exit
	mkdir -p "$group" 2>/dev/null || fail "a control group cannot be made in $parent: to limit a node, root is needed, or a group of one's own"
	echo "$group"
}
put() { # VALUE FILE
	(echo "$1" >"$group/$2") || fail "the kernel does not take $1 as $group/$2"
}
limit_memory() { # BYTES
	make memory
	if [ $files = 1 ]; then
		put "$1" memory.limit_in_bytes
		[ ! -e "$group/memory.memsw.limit_in_bytes" ] || put "$1" memory.memsw.limit_in_bytes
	else
		put "$1" memory.max
		[ ! -e "$group/memory.swap.max" ] || put 0 memory.swap.max
	fi
}
limit_cpu() { # THOUSANDTHS of a period of 100 ms
	make cpu
	if [ $files = 1 ]; then
		put 100000 cpu.cfs_period_us
		put $(($1 * 100)) cpu.cfs_quota_us
	else
		put "$(($1 * 100)) 100000" cpu.max
	fi
}
remove() { # GROUP; who was in it may just be ending
	tries=100
	while [ -d "$1" ] && ! rmdir "$1" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "the control group $1 cannot be removed: in it are still $(tr '\n' ' ' <"$1/cgroup.procs")"
		sleep 0.1
	done
}

verb=$1 note=$2
case $verb in
make)
	name=$3
	[ -z "$4" ] || limit_memory "$4"
	[ -z "$5" ] || limit_cpu "$5"
	;;
remove)
	[ -e "$note" ] || exit 0
	while read -r group; do remove "$group"; done <"$note"
	;;
esac
