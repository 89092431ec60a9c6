#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the machine: what an init system mounts and sets up, then the tests.
export PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
# Whoever made the disk may not have been root.
[ "$(stat -c %u /usr)" = 0 ] || chown -R 0:0 /usr /etc /var /root /vm
chmod 1777 /tmp /var/tmp
chown -R 1000:1000 /home/user
busybox ip link set lo up
ln -sf /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -sf /proc/self/fd/${n%:*} /dev/${n#*:}; done
stty -F /dev/ttyS1 raw
python3 /vm/run.py </dev/null >/dev/ttyS1 2>/dev/console
# What is in the line's buffer must get out first.
stty -F /dev/ttyS1 >/dev/null
busybox poweroff -f
