# Makes our directories on a host and tells what kind of host it is, with few processes: a host may be slow.
#
#     prepare.sh ROOT
#
# ROOT is absolute, or relative to the user's home. Tells one fact a line: its name, a blank, its value.

set -u

tell() {
	printf '%s %s\n' "$1" "$2"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

tell clock "$(date +%s.%N)" # first: the nearer to the question, the better
case $1 in
/*) root=$1 ;;
*) root=$HOME/$1 ;;
esac
(umask 077 && exec mkdir -p "$root/lib" "$root/bin" "$root/src" "$root/share" "$root/store") || exit
tell root "$root"
tell home "$HOME"
tell user "$(id -un)"

distribution=
while IFS= read -r line; do
	case $line in PRETTY_NAME=*) distribution=${line#*=} ;; esac
done 2>/dev/null </etc/os-release
distribution=${distribution#[\"\']}
tell distribution "${distribution%[\"\']}"

set -- $(uname -snrm)
tell hostname "$2"
tell kernel "$1 $3"
tell architecture "$4"
tell cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
while read -r name size unit; do
	case $name in MemTotal:) tell memory "$size" && break ;; esac
done </proc/meminfo
read -r boot </proc/sys/kernel/random/boot_id
tell boot "$boot"
tell shell "${SHELL:-}"
tell sh "$(readlink /proc/$$/exe)"

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
