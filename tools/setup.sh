#!/bin/sh
# Makes the virtual environment that every make target uses, with the versions that were tested.
# usage: tools/setup.sh VENV
set -eu
venv=$1

find_python() {
    for python in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$python" ] || continue
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# The Debian packages are fetched where that is possible without asking; anywhere else the message says what to install.
install_packages() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    else
        echo "netreel: this needs $*; on Debian or Ubuntu: sudo apt-get install $*" >&2
        exit 1
    fi
}

python=$(find_python) || { install_packages python3 python3-venv; python=$(find_python) || {
    echo "netreel: Python 3.11 or later is needed; set PYTHON to one that is not called python3" >&2
    exit 1
}; }
"$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv

echo "netreel: making $venv with $("$python" --version) (once; it takes half a minute)"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
touch "$venv/.ready"
