# Puts the files of an archive in place, each at once: a reader sees the old file or the new one.
#
#     store.sh STORE DIGEST DIRECTORY EPOCHS EPOCH [receive]
#
# With "receive" the archive is standard input. Without it, it is one that the store has; says "missing" if not.
# EPOCHS is where controllers of the run publish theirs, as launch.sh does.

set -u
umask 077
store=$1 digest=$2 directory=$3 epochs=$4 epoch=$5
archive=$store/$digest
read -r host </proc/sys/kernel/hostname # hosts may share a home
draft=$store/.$digest.$host.$$ # a directory: its files are moved, so it is on the same disk

# What its owner may not write in cannot be emptied.
open_up() {
	find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \;
}

discard() {
	rm -rf "$1" 2>/dev/null || { open_up "$1" && rm -rf "$1"; }
}

# What was killed, or was on a host that went down, could not clear away its own.
discard_abandoned() {
	for each in "$store"/.*."$host".*; do
		[ ! -d "$each" ] || [ -d "/proc/${each##*.}" ] || discard "$each"
	done
}

is_whole() {
	sum=$(sha256sum <"$1") || exit
	[ "${sum%% *}" = "$digest" ]
}

# Nothing is put in place by a controller that was declared dead, however long what it sends has been on its way.
check_epoch() {
	[ -d "$epochs/$epoch" ] || mkdir "$epochs/$epoch" || exit
	for latest in "$epochs"/*; do :; done
	[ "${latest##*/}" = "$epoch" ] && return
	echo "another controller has taken the run over, as epoch ${latest##*/}: only the latest may put files here" >&2
	exit 1
}

trap 'discard "$draft"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$draft" "$directory" || exit
discard_abandoned

if [ $# = 6 ]; then
	cat >"$draft/archive" || exit
	is_whole "$draft/archive" || {
		echo "what has arrived is not what was sent" >&2
		exit 1
	}
	mv "$draft/archive" "$archive" || exit
elif [ ! -e "$archive" ] || ! is_whole "$archive"; then
	echo missing
	exit
fi

mkdir "$draft/files" && cd "$draft/files" && tar -xopmf "$archive" || exit
check_epoch
open_up .
umask 022 # as the modes of its files are their owner's choice; the directories above let nobody else in
find . -type d -exec sh -c 'to=$1; shift; for each; do mkdir -p "$to/$each" || exit; done' sh "$directory" {} + || exit
find . ! -type d -exec sh -c '
	to=$1
	shift
	for each; do
		if [ -L "$to/$each" ] && [ -d "$to/$each" ]; then
			rm -f "$to/$each" || exit # or mv would go where it leads
		elif [ -d "$to/$each" ]; then
			echo "$to/${each#./} is a directory, and a file is to be put there" >&2
			exit 1
		fi
		mv -f "$each" "$to/$each" || exit
	done' sh "$directory" {} +
