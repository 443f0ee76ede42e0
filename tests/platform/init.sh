# PID 1 of a test host, in namespaces of its own: gives it files, an address and an sshd, and then only reaps.
#
#     sh init.sh DIRECTORY NAME ADDRESS
#
# It says when it is there, and goes on when it is told that its network is.

set -eu
directory=$1 name=$2 address=$3
echo here
read -r _
exec </dev/null

hostname "$name"
ip link set lo up
ip address add "$address" dev eth0
ip link set eth0 up

mount -t proc proc /proc
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
mount --bind "$directory/root" /root
mount --bind "$directory/tmp" /tmp
mount --bind "$directory/../hosts" /etc/hosts
mount -t tmpfs -o mode=755,size=16m tmpfs /run
cat /proc/sys/kernel/random/uuid >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id

mkdir /run/sshd
cd /
# It becomes a daemon by itself: as a background command of this shell it would leave INT ignored to all sessions.
HOME=/root /usr/sbin/sshd -f "$directory/sshd_config" -E "$directory/sshd.log"
echo up
exec >/dev/null 2>&1
sleep infinity &
while :; do wait; done
