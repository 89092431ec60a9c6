#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Loads the modules in the order of their names and goes on from the disk.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
	/bin/busybox insmod "$module" || echo "vm: $module was not loaded"
done
/bin/busybox mount -t ext4 -o noatime /dev/vda /root || {
	echo "vm: the disk cannot be mounted"
	/bin/busybox poweroff -f
}
/bin/busybox umount /dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /bin/sh /vm/init.sh
