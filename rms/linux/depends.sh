# Installs those of some packages that a host does not have.
#
#     depends.sh MANAGER PACKAGE...

manager=$1
shift

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

is_installed() {
	case $manager in
	apt-get) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	dnf | yum | zypper) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
	apk) apk info -e "$1" >/dev/null 2>&1 ;;
	pacman) pacman -Q "$1" >/dev/null 2>&1 ;;
	esac
}

install() {
	case $manager in
	apt-get) as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=600 install "$@" ;;
	dnf | yum) as_root "$manager" -y install "$@" ;;
	apk) as_root apk add --wait 600 "$@" ;;
	pacman) as_root pacman -S --noconfirm --needed "$@" ;;
	zypper) as_root zypper --non-interactive install "$@" ;;
	*)
		echo "this host has none of apt-get, dnf, yum, apk, pacman and zypper: install $* by hand" >&2
		exit 1
		;;
	esac
}

refresh() { # dnf and yum do so by themselves
	case $manager in
	apt-get) as_root apt-get -o DPkg::Lock::Timeout=600 update ;;
	apk) as_root apk update ;;
	pacman) as_root pacman -Sy ;;
	zypper) as_root zypper --non-interactive refresh ;;
	*) false ;;
	esac
}

for each; do
	shift
	is_installed "$each" || set -- "$@" "$each"
done
[ $# != 0 ] || exit 0
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || {
	echo "not installed: $*: let $(id -un) use sudo on $(uname -n) without a password (NOPASSWD), or install it by hand" >&2
	exit 1
}
install "$@" || { refresh && install "$@"; }
