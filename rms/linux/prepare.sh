# Makes our directories on a host and tells what kind of host it is, in one round trip.
#
#     prepare.sh ROOT
#
# ROOT is absolute, or relative to the user's home. Tells one fact a line: its name, a blank, its value.

set -u
case $1 in
/*) root=$1 ;;
*) root=$HOME/$1 ;;
esac
(umask 077 && mkdir -p "$root/lib" "$root/bin" "$root/src" "$root/share" "$root/store") || exit

tell() {
	printf '%s %s\n' "$1" "$2"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

privilege() {
	if [ "$(id -u)" = 0 ]; then
		echo root
	elif ! has sudo; then
		echo none
	elif sudo -n true 2>/dev/null; then
		echo sudo
	else
		echo password
	fi
}

packager() {
	for each in apt-get dnf yum apk pacman zypper; do
		if has "$each"; then
			echo "$each"
			return
		fi
	done
}

tell clock "$(date +%s.%N)" # first: the nearer to the question, the better
tell root "$root"
tell home "$HOME"
tell user "$(id -un)"
tell hostname "$(uname -n)"
tell distribution "$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-}")"
tell kernel "$(uname -sr)"
tell architecture "$(uname -m)"
tell cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
while read -r name size unit; do
	[ "$name" != MemTotal: ] || tell memory "$size"
done </proc/meminfo
read -r boot </proc/sys/kernel/random/boot_id
tell boot "$boot"
tell shell "${SHELL:-}"
tell sh "$(readlink /proc/$$/exe)"
tell privilege "$(privilege)"
tell packager "$(packager)"
