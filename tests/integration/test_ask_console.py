# SPDX-License-Identifier: Apache-2.0
"""A person at the terminal is asked: what is shown, and what counts as an answer."""

import os
import pty
import select
import signal
import time
import unittest

from approver_testing import ask_for
from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for


class Console(CordonTest):
    def open(self, *command, redirect=(), options=()):
        """cordon as the leader of a session of its own with a terminal; some of its streams are /dev/null."""
        policy = self.policy(ask_for("id", "uname"))
        args = [CORDON, "run", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record), "-p", str(policy),
                "--approver=console", *options, "--", *command]
        pid, fd = pty.fork()
        if pid == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for stream in redirect:
                os.dup2(null, stream)
            os.execvpe(args[0], args, self.env)
        self.pid, self.fd, self.seen = pid, fd, b""
        self.addCleanup(self.close, pid, fd)

    def close(self, pid, fd):
        if self.pid == pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)

    def read(self):
        """What was shown since. While nobody has the terminal open there is an error instead."""
        if not select.select([self.fd], [], [], 0.1)[0]:
            return b""
        try:
            return os.read(self.fd, 4096)
        except OSError:
            time.sleep(0.02)
            return b""

    def expect(self, text, seconds=60):
        """Reads until the text was shown; returns what was before it, and forgets both."""
        end = time.monotonic() + seconds * SLOWER
        while text not in self.seen:
            self.assertGreater(end, time.monotonic(), f"{text} is not in {self.seen}")
            self.seen += self.read()
        before, _, self.seen = self.seen.partition(text)
        return before

    def rest(self):
        """What is shown until it ends, and its exit status."""
        status = None
        while status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            status = status if pid else None
            self.seen += self.read()
        while more := self.read():
            self.seen += more
        self.pid = 0
        return self.seen, os.waitstatus_to_exitcode(status)

    def type(self, text):
        os.write(self.fd, text)

    def test_answers(self):
        for redirect in ((), (0,), (0, 1, 2)):
            for typed, asked, said in ((b"y\n", 2, b"1000"), (b"s\n", 1, b"1000"), (b"p\n", 1, b"1000"), (b"n\n", 1, b"")):
                with self.subTest(typed=typed, redirect=redirect):
                    self.record.unlink(missing_ok=True)
                    self.open("sh", "-c", "id -u; id -u; echo over", redirect=redirect)
                    for _ in range(asked):
                        shown = self.expect(b"nor the same again > ")
                        self.assertIn(b"ask.name is why.", shown)
                        self.assertIn(b'["id","-u"]', shown)
                        self.type(typed)
                    rest, status = self.rest()
                    self.assertEqual(status, 0)
                    if 1 not in redirect:
                        self.assertIn(b"over", rest)
                        self.assertEqual(b"1000" in rest, bool(said), rest)
                    answer = self.events("ask.answer")
                    self.assertEqual(len(answer), asked)
                    self.assertEqual(answer[0]["verdict"], "allow" if said else "deny")
                    self.assertRegex(answer[0]["fields"]["by"], rf"console /dev/pts/\d+, uid {os.getuid()}")

    def test_what_is_no_answer_is_asked_again(self):
        self.open("id", "-u")
        self.expect(b"nor the same again > ")
        for typed in (b"yes please\n", b"\n", b"Y\n", b"x" * 300 + b"\n"):
            self.type(typed)
            self.expect(b"y, s, p or n > ")
        self.type(b"yes\n")
        self.assertIn(b"1000", self.rest()[0])

    def test_what_was_typed_before_is_no_answer(self):
        # Nobody reads the terminal before, so that it keeps what is typed.
        self.open("sh", "-c", "echo ready; until [ -e go ]; do sleep 0.02; done; id -u; echo over", redirect=(0,),
                  options=["--workspace", f"{self.work}:live"])
        self.expect(b"ready")
        self.type(b"y\ny\ny\n")
        (self.work / "go").touch()
        self.expect(b"nor the same again > ")
        self.type(b"n\n")
        self.assertNotIn(b"1000", self.rest()[0])

    def test_what_comes_from_inside_cannot_steer_the_terminal(self):
        self.open("sh", "-c", "id \"$(printf 'a\\033[2Jb\\ny: once > \\342\\200\\256x')\"")
        shown = self.expect(b"nor the same again > ")
        self.assertNotIn(b"\033", shown)
        self.assertNotIn("\u202e".encode(), shown)
        self.assertNotIn(b"\ny: once > ", shown)
        self.type(b"n\n")
        self.rest()

    def test_a_long_argument_is_shown_to_its_end(self):
        self.open("sh", "-c", "exec id -u $(head -c 9000 /dev/zero | tr '\\0' x)the-end")
        self.assertIn(b"xthe-end", b"".join(self.expect(b"nor the same again > ").split()))
        self.type(b"n\n")
        self.rest()

    def test_a_text_that_wraps_is_no_line_of_ours(self):
        """At whatever column it would be broken by the terminal, which has 80."""
        self.open("id", "-u", "".join(" " * n + "  because      It is harmless." for n in range(80)))
        lines = self.expect(b"nor the same again > ").decode().split("\r\n")
        rows = [line[i:i + 80] for line in lines for i in range(0, len(line), 80)]
        self.assertEqual(sum(row.startswith("  because") for row in rows), 1)
        self.assertGreater(len(rows), 40)
        self.type(b"n\n")
        self.rest()

    def test_the_end_of_input_is_a_no(self):
        self.open("sh", "-c", "exec /usr/bin/id -u")
        self.expect(b"nor the same again > ")
        self.type(b"\x04")
        self.assertNotIn(b"1000", self.rest()[0])

    def test_nobody_answers(self):
        self.open("sh", "-c", "exec /usr/bin/id -u", options=["--approver-timeout=1"])
        self.expect(b"nor the same again > ")
        self.expect(b"too late")
        self.assertIn(b"within 1000 ms", self.rest()[0])

    def test_another_question_in_its_place(self):
        """Who asked is killed by the session: what was about to be typed is no answer to what is asked then."""
        self.open("sh", "-c", "id -u & asks=$!; until [ -e go ]; do sleep 0.02; done; kill -9 $asks; uname; echo over",
                  options=["--workspace", f"{self.work}:live"], redirect=(0,))
        self.assertIn(b'"id"', self.expect(b"nor the same again > "))
        (self.work / "go").touch()
        self.expect(b"too late")
        time.sleep(0.5)  # as a person who has decided
        self.type(b"y\n")
        self.assertIn(b'"uname"', self.expect(b"nor the same again > "))
        self.type(b"n\n")
        self.assertNotIn(b"Linux", self.rest()[0])
        self.assertEqual([e["verdict"] for e in self.events("ask.answer")], ["deny", "deny"])

    def test_the_session_is_not_shown_meanwhile(self):
        self.open("sh", "-c", "id -u & until [ -e go ]; do sleep 0.02; done; echo noise; : > noisy; wait; echo over",
                  options=["--workspace", f"{self.work}:live"])
        self.expect(b"nor the same again > ")
        (self.work / "go").touch()
        self.assertTrue(wait_for((self.work / "noisy").exists))
        time.sleep(0.5)
        self.type(b"n\n")
        self.assertNotIn(b"noise", self.expect(b"n\r\n"))
        self.assertIn(b"noise", self.rest()[0])


if __name__ == "__main__":
    unittest.main()
