# SPDX-License-Identifier: Apache-2.0
"""What the machine boots: an initramfs with the kernel's modules, and a disk with a small Debian,
made from this machine's own packages, that holds the build and its tests at their usual paths.

A disk, because a session cannot be made on an initramfs: pivot_root(2) refuses it as the old root,
and overlayfs needs more of a file system than it has on older kernels.
"""
import gzip
import json
import os
import pathlib
import shutil
import stat
import subprocess

from kernels import Unavailable, said

GUEST = pathlib.Path(__file__).resolve().parent / "guest"
# The disk's driver and file system, and what sessions and their tests need (a host loads these when they are asked for);
# all else is built in.
MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay", "af_packet", "unix_diag", "loop"]
PACKAGES = ["libc6", "libc-bin", "libgcc-s1", "coreutils", "dash", "bash", "grep", "sed", "findutils", "procps", "tar", "gzip",
            "diffutils", "patch", "mawk", "util-linux", "bsdutils", "mount", "hostname", "e2fsprogs", "git", "openssh-client",
            "curl", "libcurl3-gnutls", "bpftool", "iproute2", "libpython3-stdlib", "python3-minimal",
            "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"]
# Of the source, beside what was built of it.
PARTS = ("policies", "scenarios", "man", "tests", "tools/prove")
FOLDERS = ["dev", "proc", "sys", "run", "tmp", "root", "etc", "var/lib", "var/tmp", "home/user"]
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
         "usr/bin/sh": "dash", "usr/bin/awk": "mawk"}
FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
                  "user:x:1000:1000::/home/user:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nuser:x:1000:\n",
    "etc/shadow": "root:*:::::::\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/hostname": "vm\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def cpio(entries):
    """A newc archive of {path: (mode, content)}, all of it root's."""
    out = bytearray()
    for number, (path, (mode, content)) in enumerate([*entries.items(), ("TRAILER!!!", (0, b""))]):
        name = path.encode() + b"\0"
        fields = [number + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def busybox():
    path = shutil.which("busybox")
    if not path:
        raise Unavailable("busybox is not installed (package busybox-static)")
    return pathlib.Path(path)


def initramfs(kernel, path):
    modules = kernel.module_files(MODULES)
    entries = {name: (stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "proc", "root", "modules")}
    entries["init"] = stat.S_IFREG | 0o755, (GUEST / "initramfs.sh").read_bytes()
    entries["bin/busybox"] = stat.S_IFREG | 0o755, busybox().read_bytes()
    for number, (name, content) in enumerate(modules.items()):
        entries[f"modules/{number:02}-{name}.ko"] = stat.S_IFREG | 0o644, content
    path.write_bytes(gzip.compress(cpio(entries), 1))


class Tree:
    """A folder that becomes the root of the disk."""

    def __init__(self, root):
        self.root = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        for folder in set(map(os.path.dirname, LINKS)) | set(LINKS.values()) - {"dash", "mawk"}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for link, target in LINKS.items():
            (root / link).symlink_to(target)
        for name, text in FILES.items():
            (root / name).write_text(text)

    def place(self, path):
        """Where a path of this machine goes; /bin is /usr/bin here as there."""
        return self.root / os.path.join(os.path.realpath(os.path.dirname(path)),
                                        os.path.basename(path)).lstrip("/")

    def add(self, path):
        """A file or a link, and what the link leads to; without owner, set-id bits and times."""
        place = self.place(path)
        if os.path.lexists(place) or os.path.isdir(path):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.islink(path):
            place.symlink_to(os.readlink(path))
            if os.path.exists(path):
                self.add(os.path.join(os.path.dirname(path), os.readlink(path)))
            return
        shutil.copyfile(path, place)
        place.chmod(0o755 if os.access(path, os.X_OK) else 0o644)

    def add_packages(self, packages):
        """Their programs and libraries, with the libraries that those need."""
        files = said(["dpkg", "-L", *packages]).splitlines()
        for path in files:
            if path.startswith(("/usr/share/", "/etc/", "/var/")) or "/__pycache__" in path:
                continue
            if os.path.isfile(path) or os.path.islink(path):
                self.add(path)
        self.add_libraries([p for p in files if p.startswith(("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"))
                            or p.endswith(".so") or ".so." in p])

    def add_libraries(self, programs):
        programs = [p for p in programs if os.path.isfile(p) and os.access(p, os.R_OK)]
        # Scripts and static programs make its status 1; what is missing shows at once inside.
        done = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            words = line.split()
            path = words[2] if "=>" in words else words[0] if words else ""
            if path.startswith("/") and not path.endswith(":"):
                self.add(path)

    def add_folder(self, folder):
        for path in folder.rglob("*"):
            if "__pycache__" not in path.parts and "node_modules" not in path.parts:
                self.add(str(path))


def programs(build):
    return [p for p in (*build.glob("cordon*"), *(build / "tests").iterdir())
            if p.is_file() and os.access(p, os.X_OK)]


def what_runs(source, build):
    """Files that a test's result may depend on: no text for people, no source of a program, no runner of machines."""
    yield from programs(build)
    for path in (p for name in PARTS for p in (source / name).rglob("*")):
        if path.is_file() and path.suffix not in (".md", ".c", ".h", ".pyc") and path.parent.name != "vm":
            yield path


def disk(path, source, build, told):
    """The disk, with what guest/run.py is told."""
    root = path.parent / "tree"
    shutil.rmtree(root, ignore_errors=True)
    tree = Tree(root)
    tree.add_packages(PACKAGES)
    for program in programs(build):
        tree.add(str(program))
    tree.add_libraries([str(p) for p in programs(build)])
    for name in PARTS:
        tree.add_folder(source / name)
    for folder in {build / test["folder"] for test in told["tests"]}:
        tree.place(str(folder / "x")).parent.mkdir(parents=True, exist_ok=True)
    tree.add(str(busybox()))
    (root / "vm").mkdir()
    for script in ("init.sh", "run.py"):
        shutil.copy(GUEST / script, root / "vm" / script)
    (root / "vm" / "tests.json").write_text(json.dumps(told))
    path.unlink(missing_ok=True)
    with open(path, "wb") as file:
        file.truncate(4 << 30)  # as far as it is not written, a hole
    mke2fs = shutil.which("mke2fs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not mke2fs:
        raise Unavailable("mke2fs is not installed (package e2fsprogs)")
    said([mke2fs, "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(path)])
    shutil.rmtree(root)
