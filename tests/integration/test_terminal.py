# SPDX-License-Identifier: Apache-2.0
"""The user's terminal, where the command is handed it: one of its streams is redirected, so it has no terminal of its own."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for

TIOCEXCL, TIOCGEXCL, TIOCGPTPEER = 0x540C, 0x80045440, 0x5441

# Reads what is typed from each descriptor that is named; then says what it got.
LISTEN = """
import os, select, sys, time
fds = [int(a) for a in sys.argv[1:]]
for fd in fds:
    os.set_blocking(fd, False)
got = b""
open("ready", "w").close()
end = time.monotonic() + 3
while time.monotonic() < end and b"secret" not in got:
    for fd in fds:
        try:
            got += os.read(fd, 100)
        except OSError:
            pass
    time.sleep(0.02)
open("got", "wb").write(got)
"""

# In the place of a shell: starts cordon in a process group of its own and stays in the foreground.
BACKGROUND = """
import os, sys
if os.fork() == 0:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
os.wait()
"""


class Terminal(CordonTest):
    def open(self, *command, redirect, before=()):
        """cordon with a controlling terminal; the streams in @redirect are /dev/null."""
        args = [*before, CORDON, "run", "-q", "--trace", TRACE, "-w", f"{self.work}:live", "--record", str(self.record), "--",
                *command]
        pid, fd = pty.fork()
        if pid == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for stream in redirect:
                os.dup2(null, stream)
            os.execvpe(args[0], args, self.env)
        self.addCleanup(os.close, fd)
        self.addCleanup(self.reap, pid)
        self.pid = pid
        return fd

    def reap(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def ends(self, fd):
        """Its exit status. What it shows is taken, or it would wait for that."""
        shown, ended = b"", []

        def is_over():
            nonlocal shown
            if select.select([fd], [], [], 0)[0]:
                try:
                    shown += os.read(fd, 4096)
                except OSError:
                    pass
            if not ended and (done := os.waitpid(self.pid, os.WNOHANG))[0]:
                ended.append(os.waitstatus_to_exitcode(done[1]))
            return ended

        self.assertTrue(wait_for(is_over), shown)
        self.assertEqual(ended, [0], shown)

    def heard(self, *fds, redirect, before=()):
        """What a command gets of what is typed."""
        self.work.chmod(0o777)
        fd = self.open("python3", "-c", LISTEN, *map(str, fds), redirect=redirect, before=before)
        peer = fcntl.ioctl(fd, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, peer)
        self.assertTrue(wait_for((self.work / "ready").exists))
        os.write(fd, b"secret\n")
        self.ends(fd)
        return (self.work / "got").read_bytes()

    def test_output_is_no_input(self):
        self.assertEqual(self.heard(1, 2, redirect=[0]), b"")

    def test_errors_are_no_input(self):
        self.assertEqual(self.heard(2, redirect=[0, 1]), b"")

    def test_input_is_input(self):
        self.assertEqual(self.heard(0, redirect=[1]), b"secret\n")

    def test_what_is_for_writing_stays_so(self):
        """Who handed it as input, but not for reading, does not have it read."""
        self.assertEqual(self.heard(0, redirect=[1], before=["sh", "-c", 'exec "$@" 0>/dev/tty', "sh"]), b"")

    def test_not_behind_a_shell(self):
        """Who is in the background does not take what is typed for the foreground."""
        self.assertEqual(self.heard(0, redirect=[1], before=["python3", "-c", BACKGROUND]), b"")

    def test_it_is_left_as_it_was(self):
        change = ("import termios; a = termios.tcgetattr(2); a[3] &= ~(termios.ECHO | termios.ISIG | termios.ICANON); "
                  "termios.tcsetattr(2, 0, a)")
        for redirect in ([0], [1], [0, 1]):
            with self.subTest(redirect=redirect):
                self.record = self.dir / f"record-{len(redirect)}-{redirect[0]}.jsonl"
                fd = self.open("python3", "-c", change, redirect=redirect)
                peer = fcntl.ioctl(fd, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
                before = termios.tcgetattr(peer)
                self.ends(fd)
                self.assertEqual(termios.tcgetattr(peer), before)
                os.close(peer)

    def test_others_may_open_it(self):
        fd = self.open("python3", "-c", f"import fcntl; fcntl.ioctl(1, {TIOCEXCL})", redirect=[0])
        peer = fcntl.ioctl(fd, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, peer)
        wait_for(lambda: os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        self.assertEqual(struct.unpack("i", fcntl.ioctl(peer, TIOCGEXCL, bytes(4)))[0], 0)


if __name__ == "__main__":
    unittest.main()
