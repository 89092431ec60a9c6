# SPDX-License-Identifier: Apache-2.0
"""A container as Docker makes them by default, made by runc itself from this host's programs: no engine, no image.

Capabilities, masked and read-only paths, and the refused calls are those of a container to which nothing was added.
"""

import json
import os
import pathlib
import shutil
import subprocess

from cordon_testing import CORDON
from slower import SLOWER

RUNC = shutil.which("runc")
NO_RUNC = "runc is not installed (package runc)"
BUILD = pathlib.Path(CORDON).resolve().parent
POLICIES = pathlib.Path(os.environ.get("SOURCE", ".")).resolve() / "policies"
USER = 1000
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
                "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE")
MASKED = ("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# What the default profile does not list is refused; here it is the other way about, so these are all that it does not list.
REFUSED = """
    _sysctl acct add_key bpf clock_settime create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick
    get_kernel_syms get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load
    kexec_load keyctl lookup_dcookie mbind migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at
    open_tree perf_event_open pidfd_getfd pivot_root process_madvise query_module quotactl quotactl_fd reboot request_key
    set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog umount2
    unshare uselib userfaultfd ustat vhangup""".split()
ALLOWED_WITH = {"SYS_PTRACE": ("kcmp", "pidfd_getfd", "process_madvise")}
NEW_NAMESPACE_BITS = (17, 25, 26, 27, 28, 29, 30)  # CLONE_NEWNS .. CLONE_NEWNET
AF_VSOCK = 40
EPERM, ENOSYS = 1, 38


def refuse(*names, errno=EPERM, **arg):
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno, "args": [{"index": 0, **arg}] if arg else []}


def seccomp(added):
    allowed = {name for capability in added for name in ALLOWED_WITH.get(capability, ())}
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        refuse(*[name for name in REFUSED if name not in allowed]),
        refuse("clone3", errno=ENOSYS),
        refuse("socket", value=AF_VSOCK, op="SCMP_CMP_EQ"),
        *[refuse("clone", value=1 << bit, valueTwo=1 << bit, op="SCMP_CMP_MASKED_EQ") for bit in NEW_NAMESPACE_BITS]]}


def mount(kind, where, *options, source=None):
    return {"destination": where, "type": kind, "source": str(source or kind), "options": ["nosuid", *options]}


class Container:
    """A root of its own below a folder; /w is USER's, /outside is everybody's, cordon is /opt/cordon/cordon."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "rootfs"
        for name in ("etc", "opt", "outside", "tmp", "usr", "w"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (self.root / name).symlink_to(f"usr/{name}")
        (self.root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\nagent:x:{USER}:{USER}::/w:/bin/sh\n")
        (self.root / "etc/group").write_text(f"root:x:0:\nagent:x:{USER}:\n")
        os.chmod(self.root / "tmp", 0o1777)
        os.chmod(self.root / "outside", 0o777)
        os.chown(self.root / "w", USER, USER)
        for path in (self.folder, self.root):
            os.chmod(path, 0o755)

    def config(self, command, user, added):
        capabilities = ["CAP_" + name for name in (*CAPABILITIES, *added)]
        held = {} if user else {"effective": capabilities, "permitted": capabilities}
        return {
            "ociVersion": "1.0.2", "hostname": "container", "root": {"path": str(self.root)},
            "process": {"user": {"uid": user, "gid": user}, "args": [*map(str, command)], "cwd": "/w",
                        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/w", "CORDON_RESIDENT=off",
                                "CORDON_STATE_DIR=/tmp/state"],
                        "capabilities": {"bounding": capabilities, **held}},
            "mounts": [
                mount("proc", "/proc", "noexec", "nodev"),
                mount("tmpfs", "/dev", "strictatime", "mode=755"),
                mount("devpts", "/dev/pts", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
                mount("tmpfs", "/dev/shm", "noexec", "nodev", "mode=1777"),
                mount("mqueue", "/dev/mqueue", "noexec", "nodev"),
                mount("sysfs", "/sys", "noexec", "nodev", "ro"),
                mount("bind", "/usr", "rbind", "ro", source="/usr"),
                mount("bind", "/opt/cordon", "rbind", "ro", source=BUILD),
                mount("bind", "/opt/policies", "rbind", "ro", source=POLICIES)],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
                "maskedPaths": MASKED, "readonlyPaths": READ_ONLY, "seccomp": seccomp(added)}}

    def run(self, *command, user=USER, added=(), said=b""):
        """The container's first process, which is told something; what it printed, and its status."""
        (self.folder / "config.json").write_text(json.dumps(self.config(command, user, added)))
        name = self.folder.parent.name
        return subprocess.run([RUNC, "--root", str(self.folder / "state"), "run", "--bundle", str(self.folder), name],
                              input=said, capture_output=True, timeout=120 * SLOWER, check=False)
