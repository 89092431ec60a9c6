#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is told of limits that a session ran into, of what outlived its call, and of what was there before it."""

import json
import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import rule
from rule_testing import RuleKindsTest, act

NOTHING = "/dev/null"


class EndingsTest(RuleKindsTest):
    def run_noted(self, script, *options):
        return self.cordon("run", "--trace", TRACE, "-w", self.work, "--record", self.record, *options, "--", "sh", "-c", script)

    def fields(self, kind):
        return [e["fields"] for e in self.events() if e["kind"] == kind]

    def layer(self, name):
        return self.fields("session.start")[0]["layers"][name]

    def needs_cgroup(self, limit):
        if not self.layer(f"limit.{limit}").startswith("cgroup"):
            self.skipTest(f"no cgroup holds the limit of {limit} here")


class Limits(EndingsTest):
    EAT = "python3 -c 'x = bytearray(400 << 20)'"

    def test_memory(self):
        r = self.run_noted(self.EAT + "; echo $?", "--memory=200M")
        self.needs_cgroup("memory")
        self.assertEqual(r.stdout.decode().split()[-1], "137")
        self.assertEqual([(f["limit"], f["hits"]) for f in self.fields("limit.hit")], [("memory", 1)])
        self.assertEqual(self.fields("exec.end")[0]["memory_kills"], 1)
        self.assertIn(f"out of memory: the session may have {200 << 20} bytes (--memory), and the kernel has ended 1 of its processes",
                      r.stderr.decode())
        self.assertEqual([e.get("rule") for e in self.events() if e["kind"] == "limit.hit"], ["ra.limit-reached"])

    def test_each_hit_is_told_once(self):
        client = self.client(self.write("p", rule("r", "limit.hit", "action.hits > 1", "log", [{"hits": 2}], [{"hits": 1}])),
                             "--memory=200M")
        for script in (self.EAT, "true", f"{self.EAT}; {self.EAT}"):
            client.text("bash", command=script)
        self.assertEqual(client.close()[0], 0)
        self.needs_cgroup("memory")
        self.assertEqual([(e["call"], e["fields"]["hits"]) for e in self.events() if e["kind"] == "limit.hit"],
                         [(call, hits) for call, hits in zip([e["call"] for e in self.events() if e["kind"] == "exec.end"][::2], (1, 2))])

    def test_processes(self):
        r = self.run_noted("for i in $(seq 60); do sleep 5 & done; wait", "--pids=30", "--json")
        self.needs_cgroup("pids")
        summary = json.loads(r.stderr.decode().splitlines()[-1])
        self.assertGreater(summary["refused_forks"], 0)
        # The trace tells of each call that fails; the cgroup counts them.
        self.assertEqual([(f["limit"], f["hits"]) for f in self.fields("limit.hit")], [("processes", summary["refused_forks"])])

    def test_nothing_is_told_of_limits_that_hold(self):
        r = self.run_noted("echo a > a; cat a; true & wait")
        self.assertEqual((r.stdout, r.stderr.decode().count("out of")), (b"a\n", 0))
        self.assertEqual(self.fields("limit.hit"), [])
        self.assertTrue({"memory_kills", "refused_forks", "left"}.isdisjoint(self.fields("exec.end")[0]))

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_what_calls_run_into(self):
        code = """
import errno, os
def until(fails, expected):
    try:
        while True:
            fails()
    except OSError as e:
        assert e.errno == expected, e
full = open('/dev/shm/full', 'wb', buffering=0)
until(lambda: full.write(bytes(1 << 20)), errno.ENOSPC)
until(lambda: full.write(bytes(1 << 20)), errno.ENOSPC)  # the same again is no news
held = []
until(lambda: held.append(os.pipe()), errno.EMFILE)
"""
        r = self.run_in("python3", "-c", code)
        self.assertEqual((r.returncode, r.stderr.decode()), (0, ""))
        if self.fields("session.start")[0]["trace_backend"].startswith("lsm"):
            self.skipTest("the security hooks see no call return")
        told = [(f["limit"], f["op"], f["hits"], f["exe"]) for f in self.fields("limit.hit")]
        self.assertEqual(told, [("disk", "write", 1, "python3"), ("descriptors", "pipe2", 1, "python3")])

    def test_too_little_to_start(self):
        r = self.run_noted("true", "--memory=64K")
        if r.returncode == 125:
            self.skipTest("a cgroup holds the limit, and ends the session's init")
        self.assertEqual(self.layer("limit.memory"), "rlimit")
        self.assertGreater(r.returncode, 128)
        self.assertIn("each process may have 65536 bytes of memory (--memory), too few for most programs to start", r.stderr.decode())
        # Who ends otherwise has his own reasons.
        self.record.unlink()
        self.assertNotIn("too few", self.run_noted("kill -SEGV $$").stderr.decode())


class Outlive(EndingsTest):
    def left(self, script, *options):
        r = self.run_noted(script, *options)
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        found = [(e["fields"].get("detached", ""), e["fields"]["exe"].rpartition("/")[2], e["fields"].get("provenance", ""), e.get("rule"))
                 for e in self.events() if e["kind"] == "proc.outlive"]
        self.assertEqual(self.fields("exec.end")[0].get("left", 0), len(found))
        return found

    def test_how_it_stands(self):
        """Each waits until the one that is left is there: its name is written by itself."""
        self.assertEqual(self.left("cp $(readlink -f $(command -v sleep)) ./nap; ./nap 600 & while [ ! $(cat /proc/$!/comm) = nap ]; do :; done"),
                         [("", "nap", "workspace", None)])
        self.record.unlink()
        perl = "exec setsid perl -e \"open F, q(>there); close F; sleep 600\""
        self.assertEqual([(how, rule) for how, _, _, rule in self.left(f"({perl}) & while [ ! -e there ]; do :; done")],
                         [("own session", "sr.left-script")])

    def test_double_fork(self):
        code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(os.open('there', os.O_CREAT | os.O_WRONLY))
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists('there'):
    pass
"""
        (self.work / "daemon.py").write_text(code)
        found = self.left("python3 daemon.py")
        self.assertEqual([(how, where, rule) for how, _, where, rule in found], [("orphan", "image", "sr.own-daemon")])

    # sys.argv[1]: what the one that is left does first.
    SLEEPER = """
import ctypes, os, sys, time
if os.fork() == 0:
    os.setsid()
    exec(sys.argv[1])
    os.close(os.open('there', os.O_CREAT | os.O_WRONLY))
    time.sleep(600)
while not os.path.exists('there') and os.waitpid(-1, os.WNOHANG) == (0, 0):
    pass
"""

    def test_one_that_may_not_be_looked_up(self):
        (self.work / "sleeper.py").write_text(self.SLEEPER)
        hide = "libc = ctypes.CDLL(None); libc.prctl(15, b'/a) b'); libc.prctl(4, 0)"
        self.assertEqual(self.left(f'python3 sleeper.py "{hide}"'), [("own session", "a) b", "", "sr.left-running")])
        self.assertEqual([f["exe"] for f in self.fields("proc.outlive")], ["/a) b"])

    def test_one_without_a_file(self):
        (self.work / "sleeper.py").write_text(self.SLEEPER)
        run = """
fd = os.memfd_create('nap', 0)
os.write(fd, open(os.path.realpath('/bin/sh'), 'rb').read())
os.execve(fd, ['nap', '-c', '> there; read -r line < fifo'], {})
"""
        policy = self.write("p", rule("r", "exec", "action.name == 'x'", "log", [{"path": "/x", "name": "x"}], [{"path": "/y", "name": "y"}]))
        (self.work / "run.py").write_text(run)
        found = self.left("mkfifo fifo; python3 sleeper.py \"exec(open('run.py').read())\"", "--policy", policy)
        self.assertEqual([(how, name, where) for how, name, where, _ in found], [("own session", "memfd:nap (deleted)", "memfd")])

    def test_nothing_is_left(self):
        self.assertEqual(self.left("sleep 0.01 & setsid -w true; wait; echo a | cat"), [])

    def test_the_hands_are_not_left(self):
        for script, left in (("true", 0), ("sleep 600 & true", 1)):
            r = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:live", "--json", "--", "sh", "-c", script)
            summary = json.loads(r.stderr.decode().splitlines()[-1])
            self.assertEqual((r.returncode, summary.get("left", 0)), (0, left))


class Past(EndingsTest):
    RULE = rule("old", "file.change", "action.op == 'unlink' && action.before_session", "log",
                [{"op": "unlink", "path": "/w/a", "before_session": True}], [{"op": "unlink", "path": "/w/a"}])
    SCRIPT = ("echo > new; mkdir tree; echo > tree/a; mv old tree/; cp kept copy; ln -s kept link; mv copy copied;"
              "rm new tree/a copied link ./kept; rm -r tree")

    def deleted(self, *rules, mode="cow", script=SCRIPT):
        for name in ("old", "kept"):
            (self.work / name).write_text("x")
        r = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:{mode}", "--record", self.record,
                        "--policy", self.write("p", *rules), "--", "sh", "-c", script)
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        self.replays_the_same(self.dir / "p.json")
        return [e["fields"]["path"].rpartition("/")[2] for e in self.events() if e.get("rule") == "old"]

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_traced(self):
        self.assertEqual(self.deleted(self.RULE), ["kept", "old"])
        told = {e["fields"]["path"].rpartition("/")[2]: e["fields"]["before_session"] for e in self.events()
                if e["kind"] == "file.change" and e["fields"]["op"] == "unlink"}
        self.assertEqual(told, {"new": False, "a": False, "copied": False, "link": False, "kept": True, "old": True, "tree": False})

    def test_gated(self):
        gate = rule("no", "file.change", "action.path.endsWith('/never')", "deny", [{"op": "unlink", "path": "/never"}],
                    [{"op": "unlink", "path": "/w/a"}])
        self.assertEqual(self.deleted(self.RULE, gate, mode="live"), ["kept", "old"])

    OPENED = rule("old", "file.open", "action.write && action.before_session && action.cut && action.path.matches('/(new|old|kept)$')", "log",
                  [{"path": "/w/old", "write": True, "cut": True, "before_session": True}], [{"path": "/w/old", "write": True, "cut": True}])
    WRITES = "echo > new; echo > new; echo >> kept; exec 3<>kept; cat old; echo > old; rm old; echo > old; echo > old"

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_opened_traced(self):
        self.assertEqual(self.deleted(self.OPENED, script=self.WRITES), ["old"])

    def test_opened_gated(self):
        gate = rule("no", "file.open", "action.write && action.path.endsWith('/never')", "deny", [{"path": "/never", "write": True}],
                    [{"path": "/w/a", "write": True}])
        self.assertEqual(self.deleted(self.OPENED, gate, mode="live", script=self.WRITES), ["old"])

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_no_way_to_make_it_young(self):
        self.assertEqual(self.deleted(self.RULE, script="ln -s . l; rm l/kept; mkdir a; mv old a/; echo > a/new; mv a b; rm b/*"), ["kept", "old"])

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_not_told_where_no_rule_asks(self):
        self.run_in("sh", "-c", "rm -f a; echo > a; rm a", options=["--policy", self.write("p", rule(
            "r", "exec", "action.name == 'x'", "log", [{"path": "/x", "name": "x"}], [act("exec", path="/y", name="y")]))])
        self.assertEqual({f["before_session"] for f in self.fields("file.change")}, {False})


if __name__ == "__main__":
    unittest.main()
