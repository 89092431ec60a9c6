#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernel counts for a user, or for all: a session that takes all it can leaves enough of it to others."""

import ctypes
import os
import resource
import signal
import subprocess
import unittest

from cordon_testing import CordonTest

# Takes what it can get, says how much that was, and holds it until its input ends.
TAKE = """
import ctypes, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
signal.pthread_sigmask(signal.SIG_BLOCK, [40])

def count(take, most):
    n = 0
    while n < most and take():
        n += 1
    return n

def ptmx():
    try:
        return os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return 0

taken = {
    "watches": lambda: count(lambda: libc.inotify_init1(0) >= 0, 100000),
    "signals": lambda: count(lambda: libc.sigqueue(os.getpid(), 40, None) == 0, 1000000),
    "terminals": lambda: count(ptmx, 10000),
    "rings": lambda: libc.syscall(206, 65536, ctypes.byref(ctypes.c_ulong())) == 0,
}
print(taken[sys.argv[1]](), flush=True)
sys.stdin.read()
"""
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
QUEUED = 40


class Shares(CordonTest):
    def hold(self, what):
        process = self.start("python3", "-c", TAKE, what, stdin=subprocess.PIPE)
        line = process.stdout.readline()
        if not line:
            self.fail(process.stderr.read())
        return line.strip()

    def test_watches_on_files(self):
        self.assertGreater(int(self.hold("watches")), 0)
        got = [LIBC.inotify_init1(0) for _ in range(4)]
        for fd in got:
            if fd >= 0:
                os.close(fd)
        self.assertNotIn(-1, got)

    def test_queued_signals(self):
        self.assertGreater(int(self.hold("signals")), 0)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [QUEUED])
        got = [LIBC.sigqueue(os.getpid(), QUEUED, None) for _ in range(16)]
        while signal.sigtimedwait([QUEUED], 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.assertNotIn(-1, got)

    def test_terminals(self):
        self.assertGreater(int(self.hold("terminals")), 0)
        self.record = self.record.with_name("of-another.jsonl")
        r = self.run_in("python3", "-c", TAKE, "terminals")
        self.assertGreater(int(r.stdout), 0, r.stderr)

    def test_rings_of_asynchronous_io(self):
        """They are of all users together: none is given away."""
        self.assertEqual(self.hold("rings"), b"False")


# Datagrams to itself that nobody takes, until nothing more waits; then how many bytes waited.
WAITING = """
import socket
text, sockets, waited = bytes(60000), [], 0
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(400):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.setblocking(False)
    s.bind(("127.0.0.1", 0))
    sender.connect(s.getsockname())
    for k in range(8):
        sender.send(text)
    sockets.append(s)
for s in sockets:
    try:
        while True:
            waited += len(s.recv(len(text)))
    except BlockingIOError:
        pass
print(waited)
"""


class OfMemory(CordonTest):
    def test_what_waits_in_sockets(self):
        """It is the kernel's, out of one pool of the host (tcp_mem, udp_mem), and of no process. With v2 it is
        the session's memory as any other, and who takes more than there is may be killed for it."""
        limit = 64 << 20
        r = self.run_in("python3", "-c", WAITING, options=["--memory", limit, "-p", self.policy()])
        layers = self.events("session.start")[0]["fields"]["layers"]
        if layers["limit.memory"] == "rlimit":
            self.skipTest("no cgroup holds the memory of sessions here")
        if layers["limit.memory"] == "cgroup2" and r.returncode == 128 + signal.SIGKILL:
            return
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertGreater(int(r.stdout), 0)
        self.assertLess(int(r.stdout), limit)


class OfEachProcess(CordonTest):
    SHOW = "import resource; print(*(n for k in {} for n in resource.getrlimit(getattr(resource, 'RLIMIT_' + k))))"

    def shown(self, kinds, before="", **kw):
        return self.run_in("python3", "-c", before + self.SHOW.format(kinds), **kw).stdout.decode().split()

    def test_no_priority_over_the_host(self):
        """The user's own processes may have some: desktops give it to who plays sound."""

        def allow():
            resource.setrlimit(resource.RLIMIT_RTPRIO, (50, 50))
            resource.setrlimit(resource.RLIMIT_NICE, (30, 30))

        try:
            shown = self.shown(["RTPRIO", "NICE"], preexec_fn=allow)
        except subprocess.SubprocessError:
            self.skipTest("needs the right to raise limits (CAP_SYS_RESOURCE)")
        self.assertEqual(shown, ["0"] * 4)

    @unittest.skipIf(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, "the hard limit of core files is 0 here")
    def test_a_crash_starts_no_program_of_the_host(self):
        """Of a core_pattern that is a pipe a limit of 1 is heard of, 0 is not: core(5), do_coredump()."""
        self.assertEqual(self.shown(["CORE"]), ["1", "1"])
        for lower in ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
                      "resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))"):
            with self.subTest(lower):
                self.assertEqual(self.shown(["CORE"], before=f"import resource; {lower}; "), ["1", "1"])


if __name__ == "__main__":
    unittest.main()
