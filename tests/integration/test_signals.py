#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cordon run between a terminal, a pipeline or a supervisor and its command: signals, ptys, closed ends."""

import ctypes
import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from cordon_testing import CORDON, NO_TRACE, SLOWER, TRACE, CordonTest, descendants, living, stat_of, wait_for
from lite_testing import needs_lite


PIDFD_SEND_SIGNAL = 424


def as_before_6_9():
    """From here on pidfd_send_signal(2) knows no flags: EINVAL."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 3, PIDFD_SEND_SIGNAL),  # the call's number
            (0x20, 0, 0, 40), (0x15, 0, 1, 4),  # its flags: PIDFD_SIGNAL_PROCESS_GROUP
            (0x06, 0, 0, 0x50000 + errno.EINVAL), (0x06, 0, 0, 0x7fff0000)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(text)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0  # NO_NEW_PRIVS, SECCOMP


class Passing(CordonTest):
    """Without a terminal: what comes to cordon is for the command."""

    def waiting(self, script, options=(), **kw):
        process = self.start("bash", "-c", script, options=options, **kw)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def test_command_may_end_as_it_likes(self):
        for name, status in (("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("USR1", 138)):
            with self.subTest(name):
                self.record.unlink(missing_ok=True)
                p = self.waiting(f"trap 'echo got; exit 7' {name}; echo up; while :; do sleep 0.05; done")
                p.send_signal(getattr(signal, "SIG" + name))
                self.assertEqual(p.stdout.read(), b"got\n")
                self.assertEqual(p.wait(60 * SLOWER), 7)
                self.record.unlink()
                p = self.waiting("exec sh -c 'echo up; exec sleep 100'")  # bash ignores SIGQUIT
                p.send_signal(getattr(signal, "SIG" + name))
                self.assertEqual(p.wait(60 * SLOWER), status)
                self.assertEqual(self.verified()[0], 0)

    def test_the_process_group_gets_it(self):
        """As from a terminal: a shell that waits for its program would not end by its own."""
        # The program says that it is up: one that bash has only just forked loses the signal to bash's handler.
        p = self.waiting("bash -c 'sh -c \"echo up; exec sleep 100\"; echo not-here'; echo nor-here")
        p.send_signal(signal.SIGINT)
        self.assertEqual((p.wait(60 * SLOWER), p.stdout.read()), (130, b""))

    def test_the_process_group_gets_it_of_an_older_kernel(self):
        self.env["CORDON_RESIDENT"] = "off"
        p = self.waiting("bash -c 'sh -c \"echo up; exec sleep 100\"; echo not-here'; echo nor-here", preexec_fn=as_before_6_9)
        p.send_signal(signal.SIGINT)
        self.assertEqual((p.wait(60 * SLOWER), p.stdout.read()), (130, b""))

    def test_the_second_ends_what_ignores_the_first(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.record.unlink(missing_ok=True)
                p = self.waiting("trap 'echo got' INT TERM HUP; (trap '' TERM; sleep 100) & echo up; while :; do sleep 1; done")
                tree = descendants(p.pid)
                p.send_signal(number)
                self.assertEqual(p.stdout.readline(), b"got\n")  # two that come before the first is taken are one
                with self.assertRaises(subprocess.TimeoutExpired):
                    p.wait(0.3)
                p.send_signal(number)
                self.assertEqual(p.wait(60 * SLOWER), 137)
                self.assertTrue(wait_for(lambda: not living(tree)))
                self.assertEqual(self.verified()[0], 0)

    def test_before_the_command_is_there(self):
        """At any instant of the start: an end with the record closed, or not begun."""
        for i in range(20):
            self.record.unlink(missing_ok=True)
            p = self.start("sleep", "100", stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(
                signal.SIGTERM, signal.SIG_DFL))
            time.sleep(0.002 * i)
            p.send_signal(signal.SIGTERM)
            # Python's child says -15 where cordon had not got to its handlers.
            self.assertIn(p.wait(60 * SLOWER), (143, -15), p.stderr.read())
            if self.record.exists() and p.returncode == 143:
                self.assertEqual(self.verified()[0], 0)

    def test_ignored_ones_stay_ignored(self):
        """nohup(1), and jobs that a script starts with &."""
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        p = self.waiting("echo up; sleep 1; exit 5", preexec_fn=ignore)
        p.send_signal(signal.SIGHUP)
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(60 * SLOWER), 5)

    def test_stop_and_continue(self):
        p = self.waiting("i=0; echo up; while [ ! -e end ]; do echo $((i++)); for ((j = 0; j < 9999; j++)); do :; done; done",
                         options=["--workspace", f"{self.work}:live"], preexec_fn=os.setpgrp)
        # A group of its own, with us above it: the kernel stops none whose parents are all elsewhere.
        p.send_signal(signal.SIGTSTP)
        self.assertTrue(wait_for(lambda: stat_of(p.pid)[2] == "T"), "cordon was not stopped")
        # What the command wrote before; then nothing more comes.
        quiet = wait_for(lambda: not select.select([p.stdout], [], [], 0.5)[0] or not os.read(p.stdout.fileno(), 65536))
        self.assertTrue(quiet, "the command ran on while cordon was stopped")
        p.send_signal(signal.SIGCONT)
        self.assertTrue(select.select([p.stdout], [], [], 20)[0])
        (self.work / "end").touch()
        self.assertEqual(p.wait(60 * SLOWER), 0)

    def test_reader_goes_away(self):
        for command in ("yes", "cat /dev/zero", "while echo x; do :; done"):
            with self.subTest(command):
                self.record.unlink(missing_ok=True)
                p = self.start("bash", "-c", f"exec {command}" if command[0] != "w" else command)
                p.stdout.read(100)
                p.stdout.close()
                self.assertIn(p.wait(60 * SLOWER), (141, 1), p.stderr.read())
                self.assertEqual(self.verified()[0], 0)

    def test_nobody_reads_the_messages(self):
        """A message of cordon's own into a closed pipe must not cut the record."""
        read_end, write_end = os.pipe()
        os.close(read_end)
        r = subprocess.run([CORDON, "run", "--trace", TRACE, "--json", "-w", self.work, "--record", self.record, "--",
                            "bash", "-c", "exec 2> e; (exec 3<>/dev/tcp/169.254.169.254/80); exit 4"], env=self.env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write_end, timeout=60 * SLOWER)
        os.close(write_end)
        self.assertEqual(r.returncode, 4)
        self.assertEqual(self.verified()[0], 0)

    def test_closed_standard_descriptors(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                r = subprocess.run(["sh", "-c", f'"$0" "$@" {closed}', CORDON, "run", "-q", "--trace", TRACE, "-w", self.work,
                                    "--", "sh", "-c", "cat; echo out; echo err >&2; ls -l /proc/self/fd | wc -l >&2; exit 3"],
                                   env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * SLOWER)
                self.assertEqual(r.returncode, 3, r.stderr)
                self.assertEqual(r.stdout, b"out\n" if closed in ("<&-", "2>&-") else b"")


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Orphans(CordonTest):
    """All are children of one keeper, which makes nobody the sibling of another."""

    def end_one_by_another(self, isolation):
        """The other's parent has ended once the pipe is written to."""
        self.dir.chmod(0o755)
        self.work.chmod(0o777)
        done = self.cordon("run", f"--isolation={isolation}", "--trace=on", "-w", f"{self.work}:live", "--record",
                           self.record, "--", "sh", "-e", "-c", """
            mkfifo up go never
            (sh -c 'echo $$ >victim; echo >up; read x <never' &)
            read x <up
            (sh -c 'read x <go; kill $(cat victim)' &)
            echo >go
            while kill -0 $(cat victim) 2>/dev/null; do sleep 0.1; done""")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [(e["fields"]["target"], e["fields"]["relation"], e.get("rule")) for e in self.events("proc.signal")]
        self.assertEqual(said, [("sh", "other", "ov.foreign-signal")])

    def test_of_a_namespace(self):
        self.end_one_by_another("full")

    @needs_lite
    def test_of_isolation_lite(self):
        self.end_one_by_another("lite")


TIMER = """
import ctypes, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
libc, timer = ctypes.CDLL(None), ctypes.c_void_p()
often = (ctypes.c_long * 4)(0, 200000, 0, 200000)
assert libc.timer_create(1, None, ctypes.byref(timer)) == 0 and libc.timer_settime(timer, 0, often, None) == 0
print("up", flush=True)
while True:
    signal.sigwait([signal.SIGALRM])  # only then it runs out again
"""
AS_A_TIMER = """
import ctypes, os, signal, time
libc, child = ctypes.CDLL(None), os.fork()
if not child:
    time.sleep(100)
info = (ctypes.c_int * 32)(0, 0, -2)  # si_code: SI_TIMER
assert libc.syscall(129, child, signal.SIGTERM, info) == 0  # rt_sigqueueinfo
os.waitpid(child, 0)
"""


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Timers(CordonTest):
    """A timer that runs out interrupts whoever runs: the kernel takes him for the sender."""

    def test_of_others_are_not_what_a_program_sends(self):
        processors = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, processors)
        os.sched_setaffinity(0, {min(processors)})  # a timer interrupts its own processor
        other = subprocess.Popen(["python3", "-c", TIMER], stdout=subprocess.PIPE)
        self.addCleanup(other.communicate)
        self.addCleanup(other.kill)
        self.assertEqual(other.stdout.readline(), b"up\n")
        done = self.cordon("run", "--trace=on", "--record", self.record, "--", "sh", "-c",
                           "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([e["fields"] for e in self.events("proc.signal")], [])

    def test_nobody_passes_for_one(self):
        done = self.cordon("run", "--trace=on", "--record", self.record, "--", "python3", "-c", AS_A_TIMER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(e["fields"]["signal"], e["fields"]["relation"]) for e in self.events("proc.signal")], [(15, "descendant")])


class Terminal(CordonTest):
    """With a terminal on both ends the command has one of its own, and ours is given back as it was."""

    def on_pty(self, *command, options=(), size=(24, 80)):
        argv = [CORDON, "run", "-q", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record), *options, "--",
                *command]
        pid, master = pty.fork()
        if pid == 0:
            os.execve(CORDON, argv, {**self.env, "TERM": "dumb"})  # no shell draws on it
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.seen = b""
        self.pid, self.master = pid, master
        self.addCleanup(self.forget, pid, master)
        return pid, master

    def forget(self, pid, master):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(master)

    def expect(self, text, seconds=60):
        end = time.monotonic() + seconds * SLOWER
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                self.fail(f"{text} did not come; {self.seen[-500:]}")
            try:
                more = os.read(self.master, 65536)
            except OSError:
                more = b""
            if not more:
                self.fail(f"{text} did not come before the end; {self.seen[-500:]}")
            self.seen += more

    def status(self):
        while True:
            try:
                if not (more := os.read(self.master, 65536)):
                    break
                self.seen += more
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def type(self, text):
        os.write(self.master, text)

    def test_control_c(self):
        self.on_pty("bash", "-c", "trap 'echo got; exit 9' INT; echo up; while :; do sleep 0.05; done")
        self.expect(b"up")
        self.type(b"\x03")
        self.expect(b"got")
        self.assertEqual(self.status(), 9)

    def test_control_c_ends_a_plain_program(self):
        self.on_pty("sh", "-c", "echo up; exec sleep 100")
        self.expect(b"up")
        self.type(b"\x03")
        self.assertEqual(self.status(), 130)

    def test_end_of_file(self):
        self.on_pty("sh", "-c", "echo up; cat; echo after")
        self.expect(b"up")
        self.type(b"line\n\x04")
        self.expect(b"after")
        self.assertEqual(self.status(), 0)

    def test_window_size(self):
        self.on_pty("bash", "-c", "trap 'stty size' WINCH; stty size; echo up; while [ ! -e end ]; do sleep 0.05; done",
                    size=(31, 97))
        self.expect(b"up")
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)
        self.expect(b"50 132")

    def test_job_control(self):
        self.on_pty("bash", "--norc", "-i")
        self.type(b"PS1='ready> '\n")
        self.expect(b"\nready> ")
        # The shell has its own mode of the terminal until the program runs; what is typed is echoed, and is not yet what it says.
        self.type(b"sh -c 'echo sle\"\"eping; exec sleep 100'\n")
        self.expect(b"sleeping")
        self.type(b"\x1a")
        self.expect(b"Stopped")
        self.type(b"jobs; bg; jobs; kill %1; wait; echo all-$((40 + 2))\n")
        self.expect(b"Running")
        self.expect(b"all-42")
        self.type(b"sh -c 'echo rea\"\"ding; exec cat'\n")
        # With the end of its line: what is typed would be echoed between the two.
        self.expect(b"reading\r\n")
        self.type(b"typed\n\x04")
        self.expect(b"typed\r\ntyped")
        self.type(b"exit 6\n")
        self.assertEqual(self.status(), 6)

    def test_hang_up(self):
        pid, _ = self.on_pty("sh", "-c", "echo up; sleep 100")
        self.expect(b"up")
        tree = descendants(pid)
        os.kill(pid, signal.SIGHUP)
        self.assertEqual(self.status(), 129)
        self.assertTrue(wait_for(lambda: not living(tree)))
        self.assertEqual(self.verified()[0], 0)

    def test_terminal_is_given_back(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        before = termios.tcgetattr(slave)
        p = subprocess.Popen([CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, "--", "sh", "-c", "echo up; sleep 100"],
                             env=self.env, stdin=slave, stdout=slave, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(self.end, p)
        self.master, self.seen = master, b""
        self.expect(b"up")
        self.assertNotEqual(termios.tcgetattr(slave)[3], before[3])
        # A session leader's group has no shell above it, so the kernel does not stop it; the mode
        # changes to and fro all the same.
        p.send_signal(signal.SIGTSTP)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(60 * SLOWER), 143)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_nothing_typed_is_lost(self):
        """A command that does not read for a while, and more than a pty holds."""
        self.on_pty("sh", "-c", "stty raw -echo; echo up; until [ -e go ]; do sleep 0.02; done; head -c 300000 | cksum",
                    options=["--workspace", f"{self.work}:live"])
        self.expect(b"up")
        text = b"".join(b"%06d\n" % i for i in range(43000))[:300000]
        flags = fcntl.fcntl(self.master, fcntl.F_GETFL)
        fcntl.fcntl(self.master, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        done, since = 0, time.monotonic()
        while done < len(text):
            if time.monotonic() - since > 2.5:
                (self.work / "go").touch()
            try:
                done += os.write(self.master, text[done:done + 4096])
            except BlockingIOError:
                time.sleep(0.02)
            self.assertLess(time.monotonic() - since, 60)
        fcntl.fcntl(self.master, fcntl.F_SETFL, flags)
        want = subprocess.run(["cksum"], input=text, capture_output=True).stdout.split()
        self.expect(b"%s %s" % (want[0], want[1]))

    def test_nothing_shown_is_lost_and_gates_go_on(self):
        """A terminal that takes nothing for longer than any patience: the command waits, no more."""
        self.on_pty("sh", "-c", "stty -onlcr; seq 1 60000; /bin/echo last")
        time.sleep(2.5)
        self.assertEqual(self.status(), 0)
        self.assertEqual(self.seen, b"".join(b"%d\n" % i for i in range(1, 60001)) + b"last\n")

    def test_pty_outlives_its_last_user(self):
        self.on_pty("sh", "-c", "exec 0<&- 1>&- 2>&-; sleep 0.5; seq 1 30000 > /dev/tty; exit 8")
        self.expect(b"\n30000\r\n")
        self.assertEqual(self.status(), 8)

    def test_a_background_process_holds_the_pty(self):
        self.on_pty("sh", "-c", "setsid sleep 100 & (trap '' HUP; sleep 101) & echo up; exit 4")
        self.assertEqual(self.status(), 4)

    def test_without_a_controlling_terminal(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        p = subprocess.Popen([CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, "--", "sh", "-c", "tty; exit 3"],
                             env=self.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        self.addCleanup(self.end, p)
        os.close(slave)
        self.pid, self.master, self.seen = p.pid, master, b""
        self.expect(b"/dev/pts/")
        self.assertEqual(p.wait(60 * SLOWER), 3)


if __name__ == "__main__":
    unittest.main()
