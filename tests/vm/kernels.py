#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kernels.py BUILD [KERNEL...]: fetches Debian's kernels into the cache, BUILD/vm or $CORDON_VM_CACHE.

The mirror is the one that this machine's own apt uses; apt checks the signatures. Packages are
unpacked, never installed, and once there they are not asked for again: remove a kernel's folder to
get a newer one. Exit status 77, with the reason, if a kernel can not be had.
"""
import contextlib
import fcntl
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys

# Name: suite of Debian that has it, and a CPU that qemu emulates and this kernel boots on. 6.12
# panics on "max", which has features that the emulator of Debian 12 does not carry out fully.
KERNELS = {
    "6.1": ("bookworm", "max"),
    "6.12": ("bookworm-backports", "Haswell-noTSX"),
    "sid": ("sid", "max"),
}
META = "linux-image-cloud-amd64"
# The meta package leads to one package that has all, or to one with the kernel and one with modules.
PARTS = re.compile(r"linux-(image|binary|modules)-\d[^ ]*-cloud-amd64")


class Unavailable(Exception):
    """Not a fault of what is tested: no apt here, no network, no such package."""


def said(command, **kw):
    try:
        done = subprocess.run(command, capture_output=True, text=True, **kw)
    except FileNotFoundError as e:
        raise Unavailable(f"{e.filename} is not installed") from e
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Unavailable(f"{' '.join(command[:1] + command[-2:])}: {lines[-1]}")
    return done.stdout


def mirror():
    """The address of Debian's archive in this machine's apt sources."""
    targets = said(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                    "Created-By: Packages"])
    for line in targets.splitlines():
        uri, release, component = line.split()
        if component == "main" and re.fullmatch(r"bookworm|trixie|forky|sid|(old)?stable", release.strip("/")):
            return uri
    raise Unavailable("apt's sources name no mirror of Debian's main archive")


class Apt:
    """apt with lists and downloads in a folder of its own, so that nothing of the host's changes."""

    def __init__(self, folder, suite):
        self.folder = folder
        (folder / "lists" / "partial").mkdir(parents=True)
        (folder / "archives" / "partial").mkdir(parents=True)
        (folder / "sources.list").write_text(f"deb [arch=amd64] {mirror()} {suite} main\n")
        self.options = [word for option in (
            f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=/dev/null",
            f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}",
            "Dir::State::status=/dev/null", "APT::Architecture=amd64", "APT::Sandbox::User=",
            "Acquire::Languages=none", "Acquire::Retries=2", "Acquire::http::Timeout=30",
        ) for word in ("-o", option)]
        said(["apt-get", *self.options, "--error-on=any", "update"])

    def parts(self):
        """Names of the packages that hold kernel and modules, and the kernel's version."""
        names, todo = [], [META]
        while todo:
            package = todo.pop()
            shown = said(["apt-cache", *self.options, "show", "--no-all-versions", package])
            depends = re.search(r"^Depends: (.*)$", shown, re.M)
            found = {m[0] for m in PARTS.finditer(depends[1] if depends else "")} - set(names)
            names += sorted(found)
            todo += sorted(found)
        if not names:
            raise Unavailable(f"{META} leads to no kernel: {(self.folder / 'sources.list').read_text()}")
        return names

    def unpack(self, package, root):
        said(["apt-get", *self.options, "download", package], cwd=self.folder)
        for archive in self.folder.glob("*.deb"):
            said(["dpkg", "-x", str(archive), str(root)])
            archive.unlink()


class Kernel:
    """An unpacked kernel: what to boot, and its modules."""

    def __init__(self, name, folder):
        self.name, self.folder, self.cpu = name, folder, KERNELS[name][1]
        self.image = next(p for p in folder.rglob("vmlinuz*") if p.is_file())

    def module_files(self, names):
        """The named modules and what they depend on as {name: bytes}, in the order of loading.
        What has no file is built into the kernel."""
        files = {re.sub(r"\.ko(\.xz)?$", "", p.name).replace("-", "_"): p
                 for p in self.folder.rglob("*.ko*")}
        loaded = {}

        def add(name):
            if name not in files or name in loaded:
                return
            content = files[name].read_bytes()
            if files[name].suffix == ".xz":
                content = lzma.decompress(content)
            depends = re.search(rb"\0depends=([^\0]*)\0", content)
            for other in filter(None, depends[1].decode().split(",") if depends else []):
                add(other.replace("-", "_"))
            loaded[name] = content

        for name in names:
            add(name)
        return loaded


def cache_folder(build):
    return pathlib.Path(os.environ.get("CORDON_VM_CACHE") or pathlib.Path(build) / "vm").absolute()


@contextlib.contextmanager
def locked(folder):
    """Several tests may want the same kernel at once, and several builds may share a cache."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kernel(name, build):
    cache = cache_folder(build)
    folder = cache / f"linux-{name}"
    with locked(cache):
        if not folder.exists():
            fresh = cache / f"linux-{name}.fresh"
            shutil.rmtree(fresh, ignore_errors=True)
            apt = Apt(fresh / "apt", KERNELS[name][0])
            for package in apt.parts():
                apt.unpack(package, fresh / "root")
            shutil.rmtree(fresh / "apt")
            fresh.rename(folder)
    return Kernel(name, folder)


def main():
    if len(sys.argv) < 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        for name in sys.argv[2:] or KERNELS:
            print(f"{name}: {kernel(name, sys.argv[1]).image}")
    except Unavailable as e:
        print(f"skipped: {e}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
