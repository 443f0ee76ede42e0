# Makes our directories on a host and tells what kind of host it is, with few processes: on a busy host, or when there
# are many, it is they that one waits for.
#
#     prepare.sh ROOT
#
# ROOT is absolute, or relative to the user's home. Tells one fact a line: its name, a blank, its value.

set -u

told=
tell() { # all is said at once, in the end: sshd makes a packet of each line that is said by itself
	told="$told$1 $2
"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

date +'clock %s.%N' || exit # first: the nearer to the question, the better
case $1 in
/*) root=$1 ;;
*) root=$HOME/$1 ;;
esac
for each in lib bin src share store; do # one by one, so that what is wrong with all is said once
	[ -d "$root/$each" ] || (umask 077 && exec mkdir -p "$root/$each") || exit
done
tell root "$root"
tell home "$HOME"
user=${SSH_CONNECTION:+${LOGNAME:-}} # sshd sets it
tell user "${user:-$(id -un)}"

distribution=
while IFS= read -r line; do
	case $line in PRETTY_NAME=*) distribution=${line#*=} && break ;; esac
done 2>/dev/null </etc/os-release
distribution=${distribution#[\"\']}
tell distribution "${distribution%[\"\']}"

read -r hostname </proc/sys/kernel/hostname
read -r system </proc/sys/kernel/ostype
read -r release </proc/sys/kernel/osrelease
read -r architecture 2>/dev/null </proc/sys/kernel/arch || architecture=$(uname -m) # before Linux 6.1
tell hostname "$hostname"
tell kernel "$system $release"
tell architecture "$architecture"
if read -r ranges 2>/dev/null </sys/devices/system/cpu/online; then # such as 0-3,5
	cores=0 IFS=,
	for range in $ranges; do cores=$((cores + ${range#*-} - ${range%-*} + 1)); done
	unset IFS
else
	cores=$(grep -c '^processor' /proc/cpuinfo)
fi
tell cores "$cores"
while read -r name size unit; do
	case $name in MemTotal:) tell memory "$size" && break ;; esac
done </proc/meminfo
read -r boot </proc/sys/kernel/random/boot_id
tell boot "$boot"
tell shell "${SHELL:-}"
read -r range mode offset device inode program </proc/$$/maps # the program itself, as a rule
case $program in
*sh | */busybox) ;;
*) program=$(readlink /proc/$$/exe) ;;
esac
tell sh "$program"

while read -r name real effective rest; do
	case $name in Uid:) break ;; esac
done </proc/$$/status
if [ "$effective" = 0 ]; then
	privilege=root
elif ! has sudo; then
	privilege=none
elif sudo -n true 2>/dev/null; then
	privilege=sudo
else
	privilege=password
fi
tell privilege "$privilege"

packager=
for each in zypper pacman apk yum dnf apt-get; do # the last one counts
	! has "$each" || packager=$each
done
tell packager "$packager"
printf %s "$told"
