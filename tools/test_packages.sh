#!/bin/sh
# Installs what the tests of real hosts and tools need, where that is possible without asking. Without it they are skipped.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

missing=
for pair in sshd:openssh-server ssh:openssh-client busybox:busybox ip:iproute2 unshare:util-linux pgrep:procps ping:iputils-ping traceroute:traceroute mtr:mtr-tiny \
    nping:nmap tcpdump:tcpdump iperf3:iperf3 nc:netcat-openbsd curl:curl sudo:sudo gcc:gcc \
    ksh:ksh mksh:mksh yash:yash faketime:faketime chromium:chromium vtysh:frr; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "netreel: installing what tests of real hosts need:$missing"
    # shellcheck disable=SC2086 # they are several words
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "netreel: tests of real hosts will be skipped; on Debian or Ubuntu they need: sudo apt-get install$missing"
fi
