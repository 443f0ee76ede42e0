# Has holder.py, which is on standard input, hold the namespaces of an emulation.

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH
for program in unshare nsenter ip python3; do
	command -v "$program" >/dev/null || { echo "$program is missing: install iproute2, util-linux and python3" >&2; exit 1; }
done
python=/usr/bin/python3 # what comes before it on a user's path may be a script that takes long to find one
[ -x "$python" ] || python=python3
exec unshare $NETREEL_FLAGS --net -- "$python" -I -S - "$NETREEL_BASE"
