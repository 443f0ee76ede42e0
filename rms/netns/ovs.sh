# Runs Open vSwitch, with all its files in this directory.
#
#     ovs.sh
#
# It is run in the namespaces of an emulation, and writes into the file ready which datapath its kernel has.

set -u
umask 077
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
for program in ovsdb-tool ovsdb-server ovs-vswitchd ovs-vsctl ovs-ofctl; do
	command -v "$program" >/dev/null || { echo "$program is missing: install openvswitch-switch" >&2; exit 1; }
done
for share in /usr/local/share /usr/share; do
	[ ! -e "$share/openvswitch/vswitch.ovsschema" ] || schema=$share/openvswitch/vswitch.ovsschema
done
OVS_RUNDIR=$PWD OVS_LOGDIR=$PWD OVS_DBDIR=$PWD OVS_SYSCONFDIR=$PWD
export OVS_RUNDIR OVS_LOGDIR OVS_DBDIR OVS_SYSCONFDIR

patience=600 # that is half a minute
await() { # PROGRAM PID SOCKET: it makes the socket when it answers
	until [ -S "$3" ]; do
		kill -0 "$2" 2>/dev/null && [ "$patience" -gt 0 ] || { echo "$1 does not answer" >&2; exit 1; }
		patience=$((patience - 1))
		sleep 0.05
	done
}

ovsdb-tool create conf.db "$schema" || exit
ovsdb-server --remote=punix:db.sock --unixctl="$PWD/db.ctl" --pidfile="$PWD/db.pid" conf.db &
database=$!
await ovsdb-server "$database" db.sock
# Hosts leave it to their device to compute checksums: without this, the userspace datapath takes such frames for broken.
ovs-vsctl --db=unix:db.sock --no-wait -- init -- set Open_vSwitch . other_config:userspace-tso-enable=true || exit
ovs-vswitchd unix:db.sock --unixctl="$PWD/switch.ctl" --pidfile="$PWD/switch.pid" &
switch=$!
await ovs-vswitchd "$switch" switch.ctl
if ovs-dpctl dump-dps >/dev/null 2>&1; then echo system; else echo netdev; fi >ready
wait "$switch"
code=$?
kill "$database"
echo "ovs-vswitchd has ended with exit status $code" >&2
exit 1
