#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary work prints and returns inside what it does outside: the table of rows.py, held and written down.

Each row runs inside on a layer that is dropped, with no rule on files and again with one, so that every write is carried
out by the gate's helper; then outside, on the folder itself. The table goes to BUILD/compat.txt.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from cordon_testing import TRACE, CordonTest  # noqa: E402
from rows import ROWS  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
PROJECT = pathlib.Path(os.environ.get("SOURCE", ".")).resolve() / "build/compat/project"
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "USER": "agent",
       "LOGNAME": "agent", "SHELL": "/bin/sh", "TMPDIR": "/tmp"}
DEFAULTS = {kind: "allow" for kind in ("exec", "net.connect", "net.bind", "net.listen", "net.send")}
# Nothing of a row lies there; that the rule asks is enough to have all writes gated.
GATED = {"id": "t.gated", "category": "test", "severity": "low", "on": ["file.open", "file.change"],
         "when": "action.write && glob(action.path, '**/nothing-of-it/**')", "verdict": "deny", "because": "Not here.",
         "match": [{"action": {"kind": "file.change", "path": "/w/nothing-of-it/x", "write": True, "op": "unlink"}}],
         "not_match": [{"action": {"kind": "file.change", "path": "/w/x", "write": True, "op": "unlink"}}]}
LIMIT_S = 200

table = {}  # {row: [what became of it outside, inside, gated]}


def without_pids(text):
    """A shell that tells of a job names its process."""
    return re.sub(r"(process|line [0-9]+:) +[0-9]+", r"\1 N", text)


def missing(row):
    """Why the row cannot be run here; None if it can."""
    for program, package in row.needs.items():
        if not shutil.which(program, path=ENV["PATH"]):
            return f"{program} is not installed (package {package})"
    if row.project and not PROJECT.is_dir():
        return "the project's source is not there (tests/compat/fetch_source.sh build)"
    return None


class Compat(CordonTest):
    maxDiff = None

    def fill(self, row):
        for name, text in row.files:
            path = self.work / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        if row.project:
            shutil.copytree(PROJECT, self.work / "project", symlinks=True)

    def inside(self, row, *rules):
        policy = self.policy(*rules, defaults=DEFAULTS)
        self.record.unlink(missing_ok=True)
        done = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, "--discard", "-p", policy, "--record", self.record,
                           "--", "bash", "-c", row.script, timeout=LIMIT_S)
        self.assertEqual(self.verified()[0], 0)
        gate = self.events("session.start")[0]["fields"]["file_gate"]
        self.assertEqual(gate, "on" if rules else "off")
        return done

    def outside(self, row):
        home = self.dir / "home"
        home.mkdir()
        return subprocess.run(["bash", "-c", row.script], cwd=self.work, env=dict(ENV, HOME=str(home)), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=LIMIT_S)

    def same(self, row, done, outside):
        """Is this what the outside gave? Raises a difference that can be read."""
        if row.refused:
            status, said, not_said = row.refused
            self.assertEqual(done.returncode, status, done)
            self.assertIn(said, done.stdout.decode())
            self.assertNotIn(not_said, done.stdout.decode())
            self.assertIn(not_said, outside.stdout.decode())
            return
        texts = [without_pids((d.stdout + b"\n--- stderr\n" + d.stderr).decode(errors="replace")).splitlines() for d in (outside, done)]
        self.assertEqual([], list(difflib.unified_diff(*texts, "outside", "inside", lineterm="", n=1)))
        self.assertEqual(done.returncode, outside.returncode)

    def hold(self, row):
        cells = table[row.name] = ["-", "-", "-"]
        if why := missing(row):
            cells[0] = "skipped: " + why
            self.skipTest(why)
        self.fill(row)
        results = []
        for place, run in enumerate((self.inside, lambda r: self.inside(r, GATED), self.outside)):
            start = time.monotonic()
            results.append(run(row))
            cells[(place + 1) % 3] = f"{results[-1].returncode}, {time.monotonic() - start:.1f} s"
        outside = results.pop()
        self.assertEqual(outside.returncode, row.status, outside)
        self.assertGreater(len(outside.stdout), 0)
        for cell, done in zip((1, 2), results):
            kept, cells[cell] = cells[cell], cells[cell] + ", DIFFERS"
            self.same(row, done, outside)
            cells[cell] = kept + (", refused" if row.refused else ", same")


def make_test(row):
    return lambda self: self.hold(row)


for one in ROWS:
    setattr(Compat, "test_" + one.name.replace("-", "_"), make_test(one))


def tearDownModule():
    lines = [f"{'PROGRAM':<16} {'OUTSIDE':<14} {'INSIDE':<22} INSIDE, FILES GATED"]
    lines += [f"{name:<16} {cells[0]:<14} {cells[1]:<22} {cells[2]}" for name, cells in sorted(table.items())]
    text = "\n".join(lines) + "\n"
    print("\n" + text, flush=True)
    (BUILD / "compat.txt").write_text(text)
    skipped = [name for name, cells in table.items() if cells[0].startswith("skipped")]
    if len(skipped) * 2 > len(table):
        raise AssertionError(f"more than half of the table was skipped: {', '.join(skipped)}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
