#!/usr/bin/env bash
# Boots a Debian machine for tests of the package: systemd as the first process of a container, whose root is a copy of this
# machine's that is written to memory alone, and whose network is a namespace, such as that of a lab's mirror.
#
#   machine.sh NAMESPACE FOLDER
#
# FOLDER is empty, and becomes a mount point. The machine runs until standard input ends, so that it does not outlive who wants
# it, and leaves nothing behind. To run something in it, where PID is in FOLDER/pid:
#
#   nsenter --target PID --mount --uts --ipc --net --pid --cgroup COMMAND…
#
# What is shared with this machine is the kernel. So its settings outside of the network cannot be written, /sys is read-only,
# and setting the clock and the like is out of reach. /dev/net/tun is root's alone, as on a machine without udev.
set -euo pipefail

if [ "${1-}" != --inside ]; then
	namespace=/run/netns/${1:?machine.sh NAMESPACE FOLDER}
	folder=$(realpath "${2:?machine.sh NAMESPACE FOLDER}")
	cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	if [ -z "$cgroups" ] || ! grep -q '	*overlay$' /proc/filesystems; then
		echo "machine: no control groups of version 2, or no overlayfs" >&2
		exit 77
	fi
	group=$cgroups/mirrorgw-machine-$$
	machine='' input=''
	end() {
		kill -KILL $machine $input 2>/dev/null || true # its systemd gets the same, see --kill-child
		wait || true
		for _ in $(seq 100); do
			find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[ -d "$group" ] || break
			sleep 0.05
		done
		rm -f "$folder/pid"
	}
	trap end EXIT
	trap 'exit 0' TERM INT
	mkdir "$group"
	# Its systemd sees the group as the root of all.
	(echo "$BASHPID" >"$group/cgroup.procs" && exec nsenter --net="$namespace" unshare --mount --uts --ipc --pid --cgroup --fork --kill-child "$0" --inside "$folder") &
	machine=$!
	for _ in $(seq 100); do
		pid=$(pgrep -P "$machine") && echo "$pid" >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid" && break
		sleep 0.05
	done
	exec 3<&0
	cat <&3 >/dev/null &
	input=$!
	wait -n "$machine" "$input"
	exit
fi

folder=$2 root=$2/root
mount -t tmpfs -o mode=755,size=1g tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
while read -r name major minor mode; do
	mknod -m "$mode" "$root/dev/$name" c "$major" "$minor"
done <<-'END'
	null 1 3 666
	zero 1 5 666
	full 1 7 666
	random 1 8 666
	urandom 1 9 666
	tty 5 0 666
	net/tun 10 200 600
END

# Nothing of what is installed on this machine starts there, and no policy keeps a package from starting a service.
rm -rf "$root/etc/systemd/system" "$root"/etc/rc?.d "$root/usr/sbin/policy-rc.d"
mkdir "$root/etc/systemd/system"
for unit in getty.target systemd-logind.service systemd-udevd.service systemd-udev-trigger.service systemd-sysctl.service \
	dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount; do
	ln -s /dev/null "$root/etc/systemd/system/$unit"
done
: >"$root/etc/machine-id" # a machine of its own

mkdir -p "$root/mnt"
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog \
	/lib/systemd/systemd --unit=multi-user.target --show-status=no </dev/null
