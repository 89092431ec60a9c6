#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory that can be run, files without a name and changes of ids: what a program does that no exec tells of."""

import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import rule
from rule_testing import RuleKindsTest, act

# Each way once. Python's own mmap asks for what is not written here by itself: this goes straight to the C library.
MAPS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
READ, WRITE, EXEC, PRIVATE, ANONYMOUS, PAGE = 1, 2, 4, 2, 0x20, 4096
def of(way):
    if way == "jit":
        at = libc.mmap(None, PAGE, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0)
        return libc.mprotect(at, PAGE, READ | EXEC)
    if way == "both":
        return libc.mmap(None, PAGE, READ | WRITE | EXEC, PRIVATE | ANONYMOUS, -1, 0) and 0
    if way == "memfd":
        fd = os.memfd_create("payload", 0)
    else:
        fd = os.open(way, os.O_RDONLY if way == "was-there" else os.O_RDWR | os.O_CREAT)
    if way != "was-there":
        os.truncate(fd, PAGE)
    if way == "later":
        at = libc.mmap(None, PAGE, READ, PRIVATE, fd, 0)
        return libc.mprotect(at, PAGE, READ | EXEC)
    return libc.mmap(None, PAGE, READ | EXEC, PRIVATE, fd, 0) and 0
for way in sys.argv[1:]:
    assert of(way) == 0, way
    print(way, flush=True)
"""


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Memory(RuleKindsTest):
    def setUp(self):
        super().setUp()
        (self.work / "maps.py").write_text(MAPS)
        (self.work / "was-there").write_bytes(b"x" * 4096)

    def told(self, kind="mem.exec"):
        return [e["fields"] for e in self.events() if e["kind"] == kind]

    def by(self, when, verdict="log", match=None, not_match=None):
        return self.write("p", rule("m", "mem.exec", when, verdict, [match or act("mem.exec", provenance="memfd")] * 2,
                                    [not_match or act("mem.exec", provenance="image")] * 2))

    def test_each_way_and_where_it_comes_from(self):
        policy = self.by("action.provenance != 'image'")
        out = self.run_by(policy, "python3 maps.py jit both memfd in-work later was-there /tmp/in-session")
        self.assertEqual(out, ["jit", "both", "memfd", "in-work", "later", "was-there", "/tmp/in-session"])
        told = [(f["op"], f.get("path", ""), f["provenance"], f["write"], f["result"]) for f in self.told()
                if not (f["provenance"] == "anonymous" and f["op"] == "mmap" and not f["write"])]
        self.assertEqual([t for t in told if t[2] != "anonymous"],
                         [("mmap", "/memfd:payload", "memfd", False, 0), ("mmap", f"{self.work}/in-work", "workspace", False, 0),
                          ("mprotect", f"{self.work}/later", "workspace", False, 0),
                          ("mmap", f"{self.work}/was-there", "workspace", False, 0),
                          ("mmap", "/tmp/in-session", "session", False, 0)])
        self.assertIn(("mprotect", "", "anonymous", False, 0), told)
        self.assertIn(("mmap", "", "anonymous", True, 0), told)
        self.assertTrue(all(e["rule"] == "m" for e in self.events() if e["kind"] == "mem.exec"))
        self.replays_the_same(policy)
        shown = self.cordon("log", "show", "--kind", "mem.exec", self.record).stdout.decode()
        self.assertIn("mmap /memfd:payload", shown)
        self.assertIn("mprotect memory", shown)

    def test_nothing_is_told_where_no_rule_asks(self):
        policy = self.write("p", rule("m", "exec", "action.name == 'no'", "log", [act("exec", path="/no")] * 2,
                                      [act("exec", path="/yes")] * 2))
        self.run_by(policy, "python3 maps.py jit memfd in-work")
        self.assertEqual(self.told(), [])

    def test_the_start_of_a_program_is_no_event(self):
        every = rule("m", "mem.exec", "action.op != ''", "log", [act("mem.exec", op="mmap")] * 2, [act("mem.exec")] * 2)
        r = self.sh("ls; head -c 1 maps.py; cat maps.py", options=["--policy", self.write("q", every)])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.told(), [])

    def test_who_maps_what_it_made_is_ended(self):
        policy = self.by("action.provenance == 'memfd' && action.result >= 0", "kill",
                         match=act("mem.exec", provenance="memfd", op="mmap"))
        r = self.sh("python3 maps.py jit; python3 maps.py memfd in-work; sleep 5; echo alive", options=["--policy", policy])
        self.assertNotIn("alive", r.stdout.decode())
        self.assertNotEqual(r.returncode, 0)
        killed = [e for e in self.events() if e.get("verdict") == "kill"]
        self.assertEqual([(e["kind"], e["fields"]["path"]) for e in killed], [("mem.exec", "/memfd:payload")])

    def test_ids_and_nameless_files_that_could_be_had(self):
        policy = self.write("p", rule(
            "c", "proc.call", "action.op in ['memfd_create', 'setuid'] && action.result >= 0", "log",
            [act("proc.call", op="setuid", result=0), act("proc.call", op="memfd_create", result=3)],
            [act("proc.call", op="setuid", result=-1), act("proc.call", op="mount", result=0)]))
        self.run_by(policy, "python3 -c 'import os; os.setuid(os.getuid()); os.memfd_create(\"x\", os.MFD_ALLOW_SEALING)'")
        told = {f["op"]: f for f in self.told("proc.call") if f["result"] >= 0}
        self.assertEqual(told["setuid"]["arg0"], 1000)
        self.assertEqual(told["memfd_create"]["arg1"], 2)
        self.assertEqual(sorted(e["fields"]["op"] for e in self.events() if e.get("rule") == "c"), ["memfd_create", "setuid"])
        self.replays_the_same(policy)


if __name__ == "__main__":
    unittest.main()
