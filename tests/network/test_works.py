#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients print and return in a relayed network what they do in any other: the table of client_rows.py, held.

Each row runs outside, where the supervisor is, and inside; what crossed the link while it ran inside has to be of the
hosts that it was allowed.
"""

import difflib
import pathlib
import re
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import network_testing  # noqa: E402
import zone  # noqa: E402
from client_rows import ROWS  # noqa: E402
from network_testing import BUILD, NetworkTest, has_network  # noqa: E402

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
table = {}  # {row: [what became of it outside, inside]}


def without_own(text):
    """What differs between any two runs: a time, a process, a port of one's own."""
    return re.sub(r"(after|process|line [0-9]+:) +[0-9]+|127\.0\.0\.1:[0-9]+", r"\1 N", text)


def addresses_of(names):
    for name in names:
        found = zone.ZONE.get(name, (name,))
        yield from (a for some in found for a in (some if isinstance(some, tuple) else (some,)))


class Works(NetworkTest):
    def fill(self, row):
        for name, text in row.files:
            (self.work / name).write_text(text)

    def emptied(self):
        """The workspace as it was before the first run."""
        for path in self.work.iterdir():
            if path.name not in ("ca.pem", "client_key", "known_hosts"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def same(self, done, outside):
        texts = [without_own(d.stdout + "\n--- stderr\n" + d.stderr).splitlines() for d in (outside, done)]
        self.assertEqual([], list(difflib.unified_diff(*texts, "outside", "inside", lineterm="", n=1)))
        self.assertEqual(done.returncode, outside.returncode)

    def assert_of_allowed(self, row):
        packets = self.world.crossed()
        allowed = set(addresses_of(row.allow))
        self.assert_only([p for p in packets if p.far[1] not in allowed], (), names=row.allow)
        self.assertTrue([p for p in packets if p.far[1] in allowed and p.protocol == "tcp"], "nothing came out at all")

    def hold(self, row):
        cells = table[row.name] = ["-", "-"]
        for program, package in row.needs.items():
            if not shutil.which(program, path=PATH):
                cells[0] = f"skipped: {program} is not installed (package {package})"
                self.skipTest(cells[0])
        self.fill(row)
        start = time.monotonic()
        outside = self.outside(row.script)
        cells[0] = f"{outside.returncode}, {time.monotonic() - start:.1f} s"
        self.assertEqual(outside.returncode, row.status, outside)
        for text in row.says:
            self.assertIn(text, outside.stdout, outside.stderr)
        if not has_network():
            cells[1] = "skipped: no --net"
            self.skipTest("this build of cordon has no --net")
        self.emptied()
        self.fill(row)
        self.world.quiet()
        start = time.monotonic()
        done = self.inside(row.script, allow=row.allow)
        cells[1] = f"{done.returncode}, {time.monotonic() - start:.1f} s, DIFFERS"
        self.same(done, outside)
        self.assert_of_allowed(row)
        self.assertEqual(self.verified()[0], 0)
        cells[1] = cells[1].replace("DIFFERS", "same")


def make_test(row):
    return lambda self: self.hold(row)


for one in ROWS:
    setattr(Works, "test_" + one.name.replace("-", "_"), make_test(one))


def tearDownModule():
    lines = [f"{'CLIENT':<12} {'OUTSIDE':<14} INSIDE"] + [f"{n:<12} {c[0]:<14} {c[1]}" for n, c in sorted(table.items())]
    print("\n" + "\n".join(lines), flush=True)
    (BUILD / "network.txt").write_text("\n".join(lines) + "\n")
    network_testing.end_of_world()
    skipped = [name for name, cells in table.items() if cells[0].startswith("skipped")]
    if len(skipped) * 2 > len(table):
        raise AssertionError(f"more than half of the table was skipped: {', '.join(skipped)}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
