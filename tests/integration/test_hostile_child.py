#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command that takes all it can get, or will not go: the host stays as it was and the run ends."""

import pathlib
import time
import unittest

from cordon_testing import NO_TRACE, SLOWER, TRACE, CordonTest, wait_for


class Hostile(CordonTest):
    def assert_nothing_left(self):
        self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()), (self.holders(), self.marked()))

    def hostile(self, script, *options, timeout=100):
        """Runs it; whatever came of it, nothing is left and the record is closed."""
        r = self.run_in("bash", "-c", script, options=[*self.mark, *options], timeout=timeout)
        self.assert_nothing_left()
        self.assertEqual(self.verified()[0], 0)
        return r

    def python(self, code, *options, timeout=100):
        r = self.run_in("python3", "-c", code, options=[*self.mark, *options], timeout=timeout)
        self.assert_nothing_left()
        self.assertEqual(self.verified()[0], 0)
        return r

    def test_a_gigabyte(self):
        p = self.start("sh", "-c", "head -c 1G /dev/zero; echo end >&2", options=self.mark)
        count = 0
        while more := p.stdout.read(1 << 20):
            count += len(more)
        self.assertEqual((count, p.wait(60)), (1 << 30, 0))
        self.assertIn(b"end", p.stderr.read())

    def test_a_gigabyte_to_a_reader_that_sleeps(self):
        """The command waits, the supervisor does not: its memory stays, and it can be ended."""
        p = self.start("sh", "-c", "head -c 1G /dev/zero", options=self.mark)
        p.stdout.read(1)
        time.sleep(0.5)
        status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
        self.assertLess(int(status.split("VmRSS:")[1].split()[0]), 128 << 10)
        p.terminate()
        self.assertEqual(p.wait(60), 143)
        self.assert_nothing_left()

    def test_ignores_what_can_be_ignored(self):
        r = self.hostile("trap '' TERM INT HUP QUIT USR1 TSTP TTIN TTOU PIPE; while :; do sleep 1; done", "--timeout", "1")
        self.assertEqual(r.returncode, 124)

    def test_stops_itself(self):
        self.assertEqual(self.hostile("kill -STOP $$", "--timeout", "1").returncode, 124)

    def test_fork_bombs(self):
        for name, script in (("pipes", "b() { b | b & }; b; wait"), ("loop", "while :; do sleep 100 & done"),
                             ("daemons", "while :; do (setsid sleep 100 &) & done"),
                             ("threads", "exec python3 -c 'import threading, time\n"
                              "while True:\n try: threading.Thread(target=time.sleep, args=(100,)).start()\n"
                              " except RuntimeError: pass'")):
            with self.subTest(name):
                # A rule would end it sooner: this is about the limits.
                r = self.hostile(script, "--timeout", "3", "--pids", "64", "--mode", "observe")
                # A shell that cannot fork any more may also give up.
                self.assertIn(r.returncode, (124, 254, 1, 0), r.stderr[-300:])

    def test_pids_limit_holds(self):
        r = self.python("import os, time\nn = 0\ntry:\n while True:\n  if os.fork() == 0: time.sleep(100)\n  n += 1\n"
                        "except OSError as e: print(n < 64, e.errno)", "--pids", "64")
        self.assertEqual(r.stdout, b"True 11\n", r.stderr)

    def test_memory_limit_holds(self):
        r = self.python("x = []\nwhile True: x.append(bytearray(1 << 20))", "--memory", "200M")
        self.assertIn(r.returncode, (137, 1), r.stderr)
        self.assertTrue(r.returncode == 137 or b"MemoryError" in r.stderr)

    def test_memory_by_many(self):
        """Together over the limit, none of them alone. The session outlives them, its init does not go first."""
        r = self.python("import os, time\nfor i in range(20):\n if os.fork() == 0:\n  x = bytearray(30 << 20); time.sleep(100)\n"
                        "time.sleep(3); print('alive')", "--memory", "200M", "--timeout", "30")
        self.assertIn(r.returncode, (0, 137), r.stderr)
        self.assertNotIn(b"init", r.stderr)

    def test_descriptors(self):
        r = self.python("import os\nn = 0\ntry:\n while True: os.open('/dev/null', os.O_RDONLY); n += 1\n"
                        "except OSError as e: print(n > 1000, e.errno)")
        self.assertEqual(r.stdout, b"True 24\n", r.stderr)
        # Pipes, sockets and epolls kept, too: none of them is the supervisor's.
        r = self.python("import os, socket, select\nk = []\ntry:\n while True: k += [os.pipe(), socket.socketpair(), select.epoll()]\n"
                        "except OSError as e: print(e.errno)")
        self.assertEqual(r.stdout, b"24\n", r.stderr)

    def test_large_file(self):
        r = self.hostile("trap '' XFSZ; head -c 10M /dev/zero > f; stat -c %s f", "--file-size", "1M", "--discard")
        self.assertEqual(r.stdout, b"1048576\n", r.stderr)

    def test_daemons(self):
        for script in ("(setsid sh -c 'setsid sleep 100 & exit' &); exit 3", "setsid -f sleep 100; exit 3",
                       "trap '' HUP; nohup sleep 100 & disown -a; exit 3", "coproc sleep 100; exit 3",
                       "exec 5<>/dev/tcp/127.0.0.1/9 || sleep 100 & exit 3",
                       "python3 -c 'import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n"
                       "  os.chdir(\"/\"); os.closerange(0, 100); os.execvp(\"sleep\", [\"sleep\", \"100\"])'; exit 3"):
            with self.subTest(script[:40]):
                start = time.monotonic()
                self.assertEqual(self.hostile(script).returncode, 3)
                self.assertLess(time.monotonic() - start, 60 * SLOWER)

    def test_closes_what_it_has(self):
        r = self.hostile("exec <&- >&- 2>&-; sleep 0.2; exit 4")
        self.assertEqual((r.returncode, r.stdout), (4, b""))

    def test_deep_and_odd_names_in_the_layer(self):
        """What is removed at the end, and by the sweep, with names and depths that rm would stumble over."""
        code = ("import os\nfor i in range(600): os.mkdir('d'); os.chdir('d')\n"
                "open('x' * 255, 'w'); os.mkdir('shut'); open('shut/f', 'w'); os.chmod('shut', 0)\n"
                "open(b'\\xff\\n\\x1b[2J', 'w'); os.symlink('/', 'root'); os.symlink('..', 'up'); os.mkfifo('p')\n")
        outside = self.dir / "outside"
        outside.mkdir()
        (outside / "kept").touch()
        r = self.python(code + f"os.symlink('{outside}', 'out')\n", "--discard")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(list((self.dir / "state/sessions").iterdir()), [])
        self.assertTrue((outside / "kept").exists())

    def test_messages_steer_no_terminal(self):
        """Text from inside in cordon's own messages: a path, an argument."""
        policy = self.policy({"id": "t.no", "category": "test", "severity": "low", "on": ["exec"], "when": "action.path.contains('owned')",
                              "verdict": "deny", "because": "No.", "refs": [],
                              "match": [{"action": {"kind": "exec", "path": "/x/owned"}}],
                              "not_match": [{"action": {"kind": "exec", "path": "/x/y"}}]}, defaults={"exec": "allow"})
        r = self.hostile("cp /bin/true $'./a\\033]0;owned\\007\\nb'; for f in ./a*; do \"$f\" 2>/dev/null; done; exit 0",
                         "-p", policy)
        self.assertIn(b"refused", r.stderr)
        self.assertEqual([b for b in r.stderr if b < 32 and b != 10], [], r.stderr)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_event_flood_is_counted(self):
        """Faster than anybody drains: each event is consumed or counted as lost, and a loss is an event."""
        # One program that forks: after a loss no new program would begin, and a slow machine loses early.
        r = self.python("import os\nfor i in range(4):\n if os.fork() == 0:\n  for i in range(60000):\n"
                        "   os.close(os.open('/dev/null', os.O_RDONLY))\n  os._exit(0)\n"
                        "for i in range(4): os.wait()\n")
        self.assertEqual(r.returncode, 0, r.stderr)
        end = self.events("session.end")[0]["fields"]
        self.assertEqual(end["trace_emitted"], end["trace_consumed"] + end["trace_lost"])
        self.assertGreater(end["trace_emitted"], 240000)
        self.assertEqual(bool(self.events("trace.lost")), end["trace_lost"] > 0)

    def test_how_long_a_close_waits_is_set_by_the_gate(self):
        """The gate closes duplicates: nobody else may set that between its look and its close. Other options go by."""
        code = ("import socket, struct\ns = socket.socket()\n"
                "for i in range(100): s.setsockopt(socket.SOL_SOCKET, socket.%s, %s)\n"
                "assert s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack('ii', %s)")
        gated = []
        for name, value, linger in (("SO_KEEPALIVE", "1", "0, 0"), ("SO_LINGER", "struct.pack('ii', 1, 9)", "1, 9")):
            self.assertEqual(self.python(code % (name, value, linger)).returncode, 0)
            gated.append(self.events("session.end")[0]["fields"]["gated"])
        self.assertEqual(gated[1] - gated[0], 100)


if __name__ == "__main__":
    unittest.main()
