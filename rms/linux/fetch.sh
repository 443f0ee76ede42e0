# Fetches a file of the web into the current directory, under the NAME, whole or not at all.
#
#     fetch.sh URL NAME [URL NAME]...

fetch() {
	part=.$2.$$.part
	if command -v curl >/dev/null 2>&1; then
		curl -fsSL --retry 3 -o "$part" -- "$1"
	elif command -v wget >/dev/null 2>&1; then
		wget -q -O "$part" -- "$1"
	else
		echo "neither curl nor wget is on this host"
		false
	fi && mv -f "$part" "$2" && return
	code=$?
	rm -f "$part"
	echo "$1 cannot be fetched"
	exit "$code"
}

while [ $# -gt 0 ]; do
	fetch "$1" "$2"
	shift 2
done
