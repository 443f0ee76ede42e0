# Starts commands that outlive whoever asked for them, and tells how they fare. docs/launch.md says why it is safe.
#
#     . launch.sh, with the parameters VERB BASE EPOCH [TOKEN [ARGUMENT...]] and its own path in $script
#
# For any POSIX shell on Linux, with readlink, setsid and the usual file utilities.
#
# What must be remembered is a mark: a symbolic link, whose target is its content. One system call puts it in
# place with its content and fails if it is there, so marks are complete, first come first served, and final.
# Every content has a blank in it, so no mark ever points at something that exists.
#
# "step:" comments name the moments at which the tests kill or pause the process.

set -u
case ${0##*/} in .launch-*) script=$0 ;; esac # it has started itself
verb=$1 base=$2 epoch=$3 token=${4:-}
at=$base/$token
read -r boot </proc/sys/kernel/random/boot_id
read -r here </proc/sys/kernel/hostname || here=

fail() {
	echo "$1" >&2
	exit 1
}

run() { # THE PARAMETERS
	shift 3
	[ $# = 0 ] || shift
	"do_$verb" "$@"
	exit
}

mark() { # CONTENT NAME
	ln -s "$1" "$at/$2" 2>/dev/null
}

# Sets what is known about a process: its number, group, start time, the signals that it ignores. False if it has ended,
# which a zombie has. Without a fork: a host may have many processes to look at.
look() { # PID, OR self, WHICH IN A SUBSHELL IS NOT $$
	stat=
	while IFS= read -r line; do stat="$stat $line"; done 2>/dev/null <"/proc/$1/stat"
	case $stat in *') '*) ;; *) return 1 ;; esac
	pid=${stat%%' ('*} pid=${pid#' '}
	# The name of the program may hold anything, so fields count from its end. To cut all off at once, by ##, takes longer.
	until case $stat in *') '*) false ;; esac do stat=${stat#*') '}; done
	set -- $stat # from field 3 on
	group=$3 start=${20} ignored=${31}
	case $1 in
	Z) [ "${18}" -gt 1 ] ;; # only its first thread has ended: what another one still holds may go on
	X) return 1 ;;
	esac
}

# Is this very process there? A number alone may long be another's.
alive() { # PID START BOOT
	[ "$3" = "$boot" ] && look "$1" && [ "$2" = "$start" ]
}

latest_epoch() { # they have leading zeros: the last name is the highest number
	for latest in "$base"/epochs/*; do :; done
	latest=${latest##*/}
}

# Publishes the controller's epoch, and only then looks whether a later controller has been here.
enter() {
	[ -d "$base/epochs/$epoch" ] || mkdir "$base/epochs/$epoch" 2>/dev/null || [ -d "$base/epochs/$epoch" ] ||
		fail "$base is not, or no longer, the directory of a run: epoch $epoch cannot be published there"
	# step: published
	latest_epoch
	[ "$latest" = "$epoch" ] && return
	echo "fenced $latest"
	exit 75
}

journal() { # one short line, one write, to the end of the file: lines of several processes do not mix
	echo "$1" >>"$base/journal"
}

# Whoever puts the mark in place tells the journal, so the end is told once.
recorded=
record() { # END
	mark "end $1" exit && journal "end $token $1" && recorded=$1
}

# Sleeps, each time longer, as $pauses has it.
pause() {
	# step: pausing
	set -- $pauses
	sleep "$1" 2>/dev/null || sleep 1
	[ $# = 1 ] || { shift && pauses=$*; }
}

# The same by the only one who knows the end. If the disk is full it waits for room, unless the attempt is removed. For
# the line it does not wait long: whoever watches is told of the end of this process, too, and asks then.
insist() { # END
	pauses='0.05 0.1 0.2 0.5 1 2 4'
	until mark "end $1" exit; do
		[ -L "$at/claim" ] && [ ! -L "$at/exit" ] || return
		pause
	done
	recorded=$1
	journal "end $token $1" && return
	for pauses in 0.1 0.5 1 2 4; do
		pause
		[ -L "$at/claim" ] || return
		journal " ?
end $token $1" && return # the first try may have left half a line, which must not become one that says something
	done
}

# --- Beginning the command. Each part is run as soon as it is read: to read the rest takes as long as to start a program.

do_command() { # SPEC, PID AND START TIME OF THE SUPERVISOR
	cd "$at/run" || exit
	exec 2>>stderr # what goes wrong from here on is for the user to read
	: >>stdout || exit # whoever is told of the start may follow both
	look $$
	# step: beginning
	mark "$$ $start" started || exit
	# step: started
	if [ -L "$at/void" ]; then # read after the mark: either this sees the void, or the one who voids sees the mark
		insist void
		exit
	fi
	# step: permitted
	journal "start $token $$ $start $boot"
	trap : PIPE # `start` may have been killed: that is no reason for the command to die
	echo "began $$ $start $2 $3 $boot" 2>/dev/null
	exec >>stdout </dev/null
	[ ! -e "$1/stdin" ] || exec <"$1/stdin"
	spec=$1
	set -- "$(command -v sh)" "../${1##*/}/command" # short, since shells put it before what they complain of
	if [ "$ignored" != 0 ] && env --default-signal true 2>/dev/null; then
		set -- "$(command -v env)" --default-signal "$@"
	fi
	[ ! -e "$spec/root" ] || set -- sudo -n -E "$@"
	. /proc/self/fd/4 # last, since it may change any variable; its own last line is `become`
	fail "its prelude has arrived only in part"
}

become() { # COMMAND
	exec "$@" 4<&-
}

[ "$verb" != command ] || run "$@"

# --- Opening.

private() {
	set -- $(ls -ldn "$base")
	case $1 in
	drwx--[-S]--- | drwx--[-S]---.) ;;
	*) fail "$base has type and mode $1: it must be a directory that only its owner may enter (0700)" ;;
	esac
	[ "$3" = "$(id -u)" ] || fail "$base belongs to user $3: it must belong to user $(id -u)"
}

# Runs before the host has this script in a file. Says where the base is.
do_open() { # NAME FOR THE FILE, THIS SCRIPT
	case $base in "~/"*) base=$HOME/${base#??} ;; esac
	umask 077
	[ -d "${base%/*}/" ] || mkdir -p "${base%/*}" || exit
	if [ ! -e "$base" ] && mkdir -m 700 "$base" "$base/epochs" "$base/epochs/$epoch" 2>/dev/null; then
		# step: made
		set -C # what another one has put there meanwhile is whole, and is left alone
		put "$base/$1" "$2" 2>/dev/null && set +C && : >"$base/$1.whole"
		set +C
	else # it is there, or cannot be
		mkdir -p "$base" || exit
		private
		[ -z "$(ls -A "$base")" ] || [ -d "$base/epochs" ] || # in this order: another one may be opening it
			fail "$base has files in it that are not of a run: give a run a directory of its own"
		mkdir -p "$base/epochs/$epoch" || exit
	fi
	: >>"$base/journal" || exit
	enter
	[ ! -e "$base/released" ] || rm -f "$base/released" || exit
	keep "$base/$1" "$2"
	printf 'base %s\n' "$base"
}

# Whoever has made the directory may still be writing the file, or have been killed at it: then it is not whole.
keep() { # FILE, TEXT
	[ ! -e "$1.whole" ] || return 0
	put "$1.$$" "$2" && mv -f "$1.$$" "$1" && : >"$1.whole" && return
	rm -f "$1.$$"
	fail "$1 cannot be written: is there room on the disk?" # shells say "I/O error" of a full one
}

# Without a process of its own; but what may be secret must show in no process's arguments, and for some ksh printf is one.
put() { # FILE, TEXT
	case ${KSH_VERSION:-} in
	'') printf '%s\n' "$2" >"$1" ;;
	*)
		cat >"$1" <<END
$2
END
		;;
	esac
}

[ "$verb" != open ] || run "$@"

# --- Starting: this script runs three times over. `start` goes when the command has begun. `supervise` stays until it
# has recorded how the command ended. `command` becomes the command. `attend` is the first two in one.

# Sets what the next N lines are. `read` takes no byte more than the line, so what follows is left to others.
take() { # N
	text= left=$1
	while [ "$left" -gt 0 ]; do
		IFS= read -r line || fail "standard input ended early"
		text="$text$line
" left=$((left - 1))
	done
	text=${text%?}
}

store_input() { # FILE, BYTES
	cat >"$1" || exit
	set -- "$1" "$2" $(wc -c <"$1")
	[ "$2" = "$3" ] && return
	rm -f "$1"
	fail "standard input ended after $3 of $2 bytes"
}

# Sets the prelude, and stores the rest of what is to run: the command, and its own standard input. All come by standard
# input. If the connection breaks, it ends too early, and nothing begins. Of an attempt that is taken, says how it fares.
store() { # LINES OF PRELUDE, LINES OF COMMAND, BYTES OF INPUT OR "nothing", "root" OR "user", [DIRECTORY TO MAKE]
	if [ -L "$at/claim" ]; then
		answer
		exit
	fi
	take "$1"
	prelude=$text
	take "$2"
	spec=$at/spec.$$ # each `start` its own: another one with this token may be at the same point
	mkdir -p "$at/run" "$spec" "${5:-$spec}" && put "$spec/command" "$text" || exit
	[ "$3" = nothing ] || store_input "$spec/stdin" "$3"
	[ "$4" = user ] || : >"$spec/root" || exit
	# step: stored
}

do_start() { # see store
	store "$@"
	# The first setsid leads a session, so the second one must fork, and does not wait: as good as a
	# background command, but without INT and QUIT ignored for good, as a shell does to those.
	# The pipe wakes this process when the command has begun, or when nobody is left who could begin it.
	# The prelude may hold secrets, so it is handed down as an open file that no one else finds.
	setsid setsid sh "$script" supervise "$base" "$epoch" "$token" "$spec" </dev/null 2>&1 4<<END | {
$prelude
become "\$@"
END
		read -r reply
		case $reply in
		"began "*) echo "$reply" ;; # the marks need not be asked
		*) echo "reply $reply" && answer ;;
		esac
	}
}

# The same by a process that is left to it for as long as the command runs, leads a session and loses nothing but its
# standard input and output with its connection: so it is the supervisor itself. It says how the command ended, too.
do_attend() { # see store
	store "$@"
	do_supervise "$spec" 4<<END
$prelude
become "\$@"
END
	if [ -n "$recorded" ]; then echo "end $recorded"; else answer; fi
}

# A command that was told to stop has ended when its whole group has: what a shell that died first has left behind may
# still be saving its results, and `stop` may still have to kill it. Nobody tells of the end of processes that are not
# our children, so this must ask; by and by less often.
await_group() {
	set -- $(readlink "$at/started")
	leader=$1
	pauses='0.02 0.05 0.1 0.2 0.5 1'
	while group_lives "$leader"; do pause; done
}

is_root() {
	set -- "$at"/spec.*/root
	[ -e "$1" ]
}

# To a whole process group. Of root's only root's kill reaches all: sudo itself takes signals from its user, so ours would
# succeed, and reach nobody else. It is the shell's, since that of procps takes groups up to 64 for signals.
send() { # SIGNAL GROUP
	{ is_root && sudo -n sh -c 'kill -s "$1" -- "-$2"' sh "$1" "$2" 2>/dev/null; } || kill -s "$1" -- "-$2" 2>/dev/null
}

group_lives() { # NUMBER
	kill -0 "-$1" 2>/dev/null || is_root || return 1 # busybox knows no -s 0 with --
	for process in /proc/[0-9]*; do # for kill a zombie counts, and some hosts have nobody who reaps them
		look "${process##*/}" && [ "$group" = "$1" ] && return
	done
	return 1
}

claim() {
	look self
	me="$pid $start"
	ln -s "$epoch $me $boot $here" "$at/claim"
}

do_supervise() { # SPEC
	cd / # a file system that the controller stood in can be unmounted
	# Caught, not ignored: the status is to be recorded whatever comes, and the command gets the defaults back.
	trap : HUP INT QUIT TERM PIPE
	# step: supervising
	claim || return
	# step: claimed
	latest_epoch # read after the claim: either this sees a later controller, or that one sees the claim
	if [ "$latest" != "$epoch" ]; then
		record "fenced $latest"
		return
	fi
	# step: entitled
	# It leads a session and a group of its own, with its own pid as number.
	setsid sh "$script" command "$base" "$epoch" "$token" "$1" $me 4<&4
	code=$?
	exec 2>/dev/null # whoever listened may have left, and ksh does not bear that when it says how the command ended
	# step: returned
	[ "$code" -le 384 ] || code=$((code - 256)) # yash: 384 + signal
	[ "$code" -le 256 ] || code=$((code - 128)) # ksh: 256 + signal; 128 + signal in all others
	if [ -L "$at/started" ]; then
		[ ! -L "$at/stop" ] || await_group
		insist "$code"
	else
		record void
	fi
	# step: recorded
}

# --- What became of it.

# Sets what the marks say. Of each process it is asked whether it lives before that is read which it would write last: a
# mark that is missing then is missing for good, if the process was gone.
report() {
	claimed $(readlink "$at/claim")
	begun $(readlink "$at/started")
	# step: asked
	end=$(readlink "$at/exit")
	end=${end#end }
	# It may have begun and ended since `started` was read.
	[ -z "$end" ] || [ -n "$started" ] || started=$(readlink "$at/started")
}

claimed() { # WHAT THE CLAIM SAYS, IF THERE IS ONE
	claim=$* claim_boot=${4:-} claim_host=${5:-} supervisor=
	[ $# -lt 4 ] || ! alive "$2" "$3" "$4" || supervisor=alive
}

begun() { # WHAT THE MARK `started` SAYS, IF THERE IS ONE
	started=$* command=
	[ $# -lt 2 ] || ! alive "$1" "$2" "$claim_boot" || command=alive
}

# From here on the attempt will not begin, unless it has: whoever is about to begin it marks that first, and then looks
# for the void.
void() {
	mark "void $epoch" void || [ -L "$at/void" ] || fail "$at: cannot be marked as void"
	# step: voided
	[ -L "$at/started" ] || record void
}

# Reports. An attempt that was claimed, and that nobody has begun or is alive to begin, is made void first.
settle() {
	report
	if [ -n "$claim" ] && [ -z "$supervisor$started$end" ] && [ "$claim_boot" = "$boot" ]; then
		void
		report
	fi
	tell
}

tell() {
	echo "boot $boot"
	echo "claim $claim"
	echo "started $started"
	echo "end $end"
	echo "supervisor $supervisor"
	echo "command $command"
}

# Says what time it is, as start times go: a process begins now. /proc/uptime may be that of a container only. A subshell
# would not do: not every shell begins a process for it.
tell_now() {
	{ look self && echo "now $start"; } &
	wait $!
}

answer() {
	settle
	tell_now
}

# An attempt that nobody has claimed is claimed now and void: no start that is still on its way can make the answer wrong.
take_unclaimed() {
	[ ! -L "$at/claim" ] || return 0
	mkdir -p "$at" || exit
	! claim 2>/dev/null || record void
}

# Reports on many: one look says everything of those that have begun, and that live or have ended; each of the others is
# settled by itself.
do_probe() { # TOKEN...
	do_look "$@"
	for token; do
		case $is_told in *" $token "*) continue ;; esac
		at=$base/$token
		take_unclaimed
		echo "attempt $token"
		settle
	done
}

# Reports on those that have begun, and changes nothing. Their ends are read last, as in `report`.
do_look() { # TOKEN...
	cd "$base" || exit
	tell_now
	names='' exits='' owner='' has_begun=' ' is_told=' '
	for token; do
		names="$names $token/claim $token/started" exits="$exits $token/exit"
	done
	each_mark tell_if_begun $names
	# step: seen
	each_mark tell_end $exits
}

# Calls a function with the name and the content of each of these marks that is there, sorted by name. No shell reads a
# link by itself, so it is one process that does.
each_mark() { # FUNCTION, TOKEN/NAME...
	tells=$1
	shift
	IFS='
'
	set -- $(LC_ALL=C ls -ldn "$@" 2>/dev/null)
	unset IFS
	for line; do
		name=${line%% -> *}
		"$tells" "${name##* }" ${line#* -> }
	done
}

tell_if_begun() { # TOKEN/claim OR, NEXT, TOKEN/started, WHAT IT SAYS
	token=${1%/*} mark=${1##*/}
	shift
	if [ "$mark" = claim ]; then
		owner=$token
		claimed "$@"
		return
	fi
	[ "$token" = "$owner" ] || return
	started=$* command=
	[ -n "$supervisor" ] || begun "$@" # if that lives, its end is the next news, and the command need not be looked at
	has_begun="$has_begun$token " end=
	[ -z "$supervisor$command" ] || is_told="$is_told$token "
	echo "attempt $token"
	tell
}

tell_end() { # TOKEN/exit "end" CODE
	token=${1%/*}
	shift 2
	case $has_begun in *" $token "*) ;; *) return ;; esac
	is_told="$is_told$token "
	echo "attempt $token"
	echo "end $*"
}

# --- Stopping. The command leads its group, so the group's number is its own, and nobody else's while it lives.

do_signal() { # SIGNAL
	report
	[ -z "$command" ] || ! send "$1" "${started% *}" || echo sent
}

do_stop() { # SIGNAL
	take_unclaimed
	mark "stop $epoch" stop
	[ -L "$at/started" ] || void
	report
	if [ -n "$command" ] || leaderless; then send "$1" "${started% *}"; fi
	answer
}

# Is the supervisor waiting for the rest of the group, and has nobody taken the number?
leaderless() {
	[ -n "$supervisor" ] && [ -n "$started" ] && [ -z "$end" ] && ! look "${started% *}"
}

# --- Removing. What a command of root's has left, only root can remove.

discard() { # DIRECTORY
	rm -rf "$1" 2>/dev/null || sudo -n rm -rf "$1" 2>/dev/null || rm -rf "$1"
}

# Sets the attempts of a run that have not ended, as far as this host can tell.
look_for_running() { # DIRECTORY
	running=
	for at in "$1"/*; do
		[ -L "$at/claim" ] || continue
		report # a supervisor that has recorded the end may still be there for a moment
		if [ -n "$end" ]; then
			continue
		elif is_elsewhere; then
			running="$running ${at##*/} on $claim_host"
		elif [ -n "$supervisor$command" ]; then
			running="$running ${at##*/}"
		fi
	done
}

# Hosts may share a home. Of what another one runs nothing is to be seen here, which looks as after a reboot of our own.
is_elsewhere() {
	[ "$claim_boot" != "$boot" ] && [ -n "$claim_host" ] && [ "$claim_host" != "$here" ]
}

do_discard() {
	report
	[ -n "$end" ] || [ -z "$supervisor$command" ] || fail "$at is not removed, since it runs; stop it first"
	discard "$at" && journal "discard $token"
}

# Nobody needs what is here any more, so that other runs may sweep it away.
do_release() {
	: >"$base/released"
}

do_sweep() { # NAME OF OUR OWN, DIRECTORY, PATTERN
	own=$1
	set -- "$2"$3
	for other; do
		[ "${other##*/}" != "$own" ] && [ -d "$other/epochs" ] && [ -f "$other/journal" ] || continue
		look_for_running "$other"
		# One of which nothing runs just now may be waiting for something, or be taken over.
		if [ -n "$running" ] || [ ! -e "$other/released" ]; then echo "$other"; else discard "$other" || exit; fi
	done
}

do_remove() {
	private
	look_for_running "$base"
	[ -z "$running" ] || fail "$base is not removed, since something of it runs:$running; stop it first"
	discard "$base"
}

case $verb in
supervise) ;;
*) enter ;;
esac
run "$@"
