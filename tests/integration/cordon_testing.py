# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the binary under test, a state folder of their own, leak checks."""

import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

import shared_resident
from slower import SLOWER

CORDON = os.environ.get("CORDON", "build/cordon")
# Its programs; where it is a front, with the whole program as the last.
PROGRAMS = [name for name in ("cordon", "cordon-main") if pathlib.Path(CORDON).with_name(name).exists()]
# An ordinary user has no BPF; there the trace is auto and what needs it is skipped with this reason.
TRACE = "on" if os.geteuid() == 0 else "auto"
# Built with a sanitizer, which reserves terabytes of addresses and is slow.
with open(CORDON, "rb") as binary:
    SANITIZED = b"__asan_init" in binary.read()
NO_TRACE = "needs the BPF trace, which needs root (or CAP_BPF and CAP_PERFMON)"


def wait_for(claim, seconds=60):
    """Waits until claim() holds; returns what it said last."""
    end = time.monotonic() + seconds * SLOWER
    while not (said := claim()) and time.monotonic() < end:
        time.sleep(0.02)
    return said


def stat_of(pid):
    """Parent, start time and state of a process; None if there is none of this number."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[1]), int(fields[19]), fields[0]


def descendants(pid):
    """Every process below pid, as {pid: start time}: a number that is used anew is another one."""
    known = {int(p): stat_of(p) for p in os.listdir("/proc") if p.isdigit()}
    found, fresh = {}, {pid}
    while fresh:
        fresh = {p for p, s in known.items() if s and s[0] in fresh and p not in found}
        found.update({p: known[p][1] for p in fresh})
    return found


def living(processes):
    """Those of {pid: start time} that are still there; a zombie is nobody's danger."""
    now = {p: stat_of(p) for p in processes}
    return [p for p, s in now.items() if s and s[1] == processes[p] and s[2] != "Z"]


BPF_NEXT_ID = {"programs": 11, "maps": 12, "links": 31}
SYS_BPF = 321


def bpf_objects():
    """Ids of all BPF objects on the machine, by kind; empty without the privilege."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = {kind: set() for kind in BPF_NEXT_ID}
    for kind, command in BPF_NEXT_ID.items():
        last = 0
        while True:
            attr = ctypes.create_string_buffer(struct.pack("III", last, 0, 0), 128)
            if libc.syscall(SYS_BPF, command, attr, 128) < 0:
                break
            last = struct.unpack_from("II", attr)[1]
            found[kind].add(last)
    return found


def all_below_processes(name):
    """/proc/PID/NAME/* of every process, also while processes come and go."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = pathlib.Path("/proc", pid, name)
        try:
            yield from [folder / entry for entry in os.listdir(folder)]
        except OSError:
            continue


def bpf_unheld(before):
    """Those that are new and that no process holds: pinned, attached for good, or lost."""
    held = {kind: set() for kind in BPF_NEXT_ID}
    for path in all_below_processes("fdinfo"):
        try:
            words = path.read_text().split()
        except OSError:
            continue
        for kind, key in (("programs", "prog_id:"), ("maps", "map_id:"), ("links", "link_id:")):
            if key in words:
                held[kind].add(int(words[words.index(key) + 1]))
    now = bpf_objects()
    return {kind: new for kind in BPF_NEXT_ID if (new := now[kind] - before[kind] - held[kind])}


def bpf_left(before):
    """Those that stay so. Others load programs of their own meanwhile: only what is unheld at each look counts."""
    left = bpf_unheld(before)

    def is_gone():
        now = bpf_unheld(before)
        for kind in list(left):
            left[kind] &= now.get(kind, set())
            if not left[kind]:
                del left[kind]
        return not left

    wait_for(is_gone)
    return left


def mounts():
    """Those of the host, which are everybody's: what stays of a session does so for longer than what others do meanwhile."""
    return pathlib.Path("/proc/self/mountinfo").read_text()


def all_below(folder):
    """Every path below, also while others come and go: what is gone meanwhile is left out."""
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            yield pathlib.Path(where, name)


def cgroups_of(session):
    """Folders of the session, or of all whose names end so."""
    return [p for p in all_below("/sys/fs/cgroup") if p.match(f"cordon-*{session}.*")]


class CordonTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-test-"))
        self.work = self.dir / "work"
        self.work.mkdir()
        self.record = self.dir / "record.jsonl"
        self.env = dict(os.environ, CORDON_STATE_DIR=str(self.dir / "state"))
        self.addCleanup(self.remove_folder)
        if os.environ.get("CORDON_TEST_RESIDENT") == "shared":
            shared_resident.offer(CORDON, self.env)
        elif os.environ.get("CORDON_RESIDENT") == "auto":
            self.use_resident()

    def use_resident(self):
        """A resident supervisor from the first run on; it ends with the test that it served, or is the shared one."""
        if os.environ.get("CORDON_TEST_RESIDENT") == "shared":
            return
        self.env["CORDON_RESIDENT"] = "auto"
        self.assertEqual(self.cordon("serve", "--detach").returncode, 0)
        self.addCleanup(self.cordon, "serve", "--stop")

    def remove_folder(self):
        """Once nobody writes there any more."""
        wait_for(lambda: not self.holders())
        self.assertTrue(wait_for(self.is_removed), f"{self.dir} does not go")

    def is_removed(self):
        # An overlay leaves folders that even their owner may not enter.
        for folder, names, _ in os.walk(self.dir):
            for path in (os.path.join(folder, name) for name in names):
                if os.path.isdir(path) and not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(self.dir, ignore_errors=True)
        return not self.dir.exists()

    def cordon(self, *args, stdin=subprocess.DEVNULL, timeout=120, **kw):
        return subprocess.run([CORDON, *map(str, args)], stdin=stdin, capture_output=True,
                              timeout=timeout * SLOWER, env=self.env, **kw)

    def run_in(self, *command, options=(), **kw):
        """cordon run in the test's workspace, with the record at self.record."""
        if self.record.exists():
            self.record.unlink()
        return self.cordon("run", "--trace", TRACE, "-w", self.work, "--record", self.record,
                           *options, "--", *command, **kw)

    def sh(self, script, **kw):
        return self.run_in("sh", "-c", script, **kw)

    def start(self, *command, options=(), **kw):
        """The same as a process that goes on; it is killed at the test's end."""
        kw = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kw}
        process = subprocess.Popen([CORDON, "run", "--trace", TRACE, "-w", str(self.work), "--record",
                                    str(self.record), *map(str, options), "--", *command], env=self.env, **kw)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def marked(self):
        """Processes that have MARK, the name of this test's folder, in their environment: those inside."""
        mark = f"MARK={self.dir.name}".encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if mark in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def holders(self):
        """Processes that have a file of a session's of this test open, and locks that somebody holds there.

        A resident supervisor is none of them: what it has open itself belongs to no session.
        """
        state = (f"{self.dir}/state/live", f"{self.dir}/state/sessions")
        found = []
        # An ordinary user may not look into keeper and init, but they hold the lock of their session.
        for path in (self.dir / "state/live").glob("*"):
            try:
                with open(path) as f:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path.name)
            except FileNotFoundError:
                pass
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                fds = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
                if any(os.readlink(fd).startswith(state) for fd in fds):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    @property
    def mark(self):
        return ["--env", f"MARK={self.dir.name}"]

    def verified(self, record=None):
        """What `cordon log verify` says, with its status."""
        done = self.cordon("log", "verify", record or self.record)
        return done.returncode, (done.stdout + done.stderr).decode()

    def events(self, kind=None):
        found = [json.loads(line) for line in self.record.read_text().splitlines()]
        return [e for e in found if kind is None or e["kind"] == kind]

    def policy(self, *rules, **top):
        """A policy file of the test's own."""
        path = self.dir / "policy.json"
        path.write_text(json.dumps({"policy": "test", "version": 1, "rules": rules, **top}))
        return path
