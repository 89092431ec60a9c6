#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the trace knows by the caller's word alone is judged by the name that rules know it by."""

import json
import unittest

from cordon_testing import NO_TRACE, TRACE, CordonTest

COMMON = {"category": "test", "severity": "high", "verdict": "log", "because": "The test notes it.", "refs": []}
RULES = [{**COMMON, "id": "test.opened", "on": ["file.open"], "when": "action.write && action.path.startsWith('/etc/')",
          "match": [{"action": {"kind": "file.open", "path": "/etc/x", "write": True}}],
          "not_match": [{"action": {"kind": "file.open", "path": "/x", "write": True}}]},
         {**COMMON, "id": "test.changed", "on": ["file.change"],
          "when": "action.path.startsWith('/etc/') || action.target.startsWith('/etc/')",
          "match": [{"action": {"kind": "file.change", "op": "unlink", "path": "/etc/x"}}],
          "not_match": [{"action": {"kind": "file.change", "op": "unlink", "path": "/x"}}]}]


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class ClaimedPaths(CordonTest):
    def told(self, script, kinds=("file.change",)):
        """(op, path, target) of what a Python script changes, and was caught at by a rule."""
        code = f"import os\ndef tried(f, *a):\n try: f(*a)\n except OSError: pass\n{script}"
        done = self.run_in("python3", "-c", code, options=["--policy", self.policy(*RULES)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return [(e["fields"].get("op", "open"), e["fields"]["path"], e["fields"].get("target", "")) for e in self.events()
                if e["kind"] in kinds and e.get("rule", "").startswith("test.")]

    def by_lsm(self):
        return self.events("session.start")[0]["fields"]["trace_backend"].startswith("lsm")

    def test_opens_that_fail(self):
        up = "../" * 20
        ways = ["/etc/x/f", f"{up}etc/x/f", "link/x/f", "link/./x//../x/f", "/proc/self/root/etc/x/f", "/proc/thread-self/root/etc/x/f"]
        script = "os.symlink('/etc', 'link')\n" + "".join(f"tried(os.open, {way!r}, os.O_WRONLY | os.O_CREAT)\n" for way in ways)
        found = [path for _, path, _ in self.told(script, ["file.open"])]
        # "x/../x": x is not there, and what is behind it nowhere, so it is told as it was said.
        work = str(self.work)
        self.assertEqual(found, ["/etc/x/f"] * 5)
        self.assertIn(f"{work}/link/./x//../x/f", [e["fields"]["path"] for e in self.events("file.open")])

    def test_a_link_that_is_the_last_name(self):
        script = ("os.symlink('/etc/hostname', 'last')\ntried(os.open, 'last', os.O_WRONLY)\n"
                  "tried(os.open, 'last', os.O_WRONLY | os.O_NOFOLLOW)\ntried(os.chmod, 'last', 0o777)\nos.unlink('last')\n")
        found = self.told(script, ["file.open", "file.change"])
        link = ("symlink", f"{self.work}/last", "/etc/hostname")
        self.assertEqual(found, [link, ("open", "/etc/hostname", "")] + ([] if self.by_lsm() else [("chmod", "/etc/hostname", "")]))

    def test_changes_below_a_link(self):
        """Of folders that may be changed, too: what came of it makes no difference to what it is called."""
        script = ("os.mkdir('real')\nos.symlink('real', 'link')\nfor n in range(3): open(f'real/{n}', 'w').close()\n"
                  "os.rename('link/0', 'link/../real/00')\nos.link('link/1', 'link/11')\nos.mkdir('link/d')\nos.rmdir('link/d/')\n"
                  "os.truncate('link/2', 1)\nos.unlink('link/2')\nos.unlink('link')\nos.mkdir('link')\nos.mkdir('link/d')\n")
        self.told(script)
        work = str(self.work)
        found = [(e["fields"]["op"], e["fields"]["path"].removeprefix(work), e["fields"].get("target", "").removeprefix(work))
                 for e in self.events("file.change")]
        self.assertEqual(found, [("mkdir", "/real", ""), ("symlink", "/link", "real"), ("rename", "/real/0", "/real/00"),
                                 ("link", "/real/1", "/real/11"), ("mkdir", "/real/d", ""), ("rmdir", "/real/d", ""),
                                 ("truncate", "/real/2", ""), ("unlink", "/real/2", ""), ("unlink", "/link", ""),
                                 ("mkdir", "/link", ""), ("mkdir", "/link/d", "")])

    def test_changes_that_fail(self):
        script = ("os.symlink('/etc', 'l1')\nos.symlink('l1', 'l2')\nos.rename('l2', 'link')\ntried(os.unlink, 'link/hostname')\n"
                  "tried(os.rename, 'none', 'link/hosts')\n"
                  "os.unlink('l1')\nos.unlink('link')\ntried(os.rmdir, 'link/..')\ntried(os.mkdir, '/proc/self/root/etc/new/')\n")
        found = self.told(script)
        self.assertEqual(found, [] if self.by_lsm() else [("unlink", "/etc/hostname", ""), ("rename", f"{self.work}/none", "/etc/hosts"),
                                                          ("mkdir", "/etc/new", "")])

    def test_links_that_are_gone_again(self):
        """However the path was written, wherever the link went, and whatever was made after it."""
        script = ("os.mkdir('cfg')\nos.mkdir('d')\nos.mkdir('pd')\n"
                  "for n in range(8): open(f'cfg/{n}', 'w').close()\n"
                  "os.symlink('cfg', 'l')\nos.unlink('./l//0')\nos.unlink('d/../l/1')\nos.link('l', 'hard', follow_symlinks=False)\n"
                  "os.unlink('hard/2')\nos.unlink('hard')\nos.unlink('l')\n"
                  "os.symlink('../cfg', 'pd/l')\nos.rename('pd', 'qd')\nos.unlink('qd/l/3')\nos.unlink('qd/l')\n"
                  "os.symlink(f'/proc/self/task/{os.getpid()}/root{os.getcwd()}/cfg', 'proc')\nos.unlink('proc/4')\nos.unlink('proc')\n"
                  "os.symlink('cfg', 'c0')\nfor n in range(20): os.symlink(f'c{n}', f'c{n + 1}')\n"
                  "os.unlink('c20/5')\nfor n in range(21): os.unlink(f'c{n}')\n"
                  "os.symlink('cfg', 'first')\nfor n in range(100): os.symlink('d', f'm{n}')\n"
                  "os.unlink('first/6')\nos.unlink('first')\nfor n in range(100): os.unlink(f'm{n}')\n")
        self.told(script)
        found = [e["fields"]["path"] for e in self.events("file.change") if e["fields"]["path"][-1:].isdigit()
                 and e["fields"]["op"] == "unlink" and e["fields"]["path"][-2] == "/"]
        self.assertEqual(found, [f"{self.work}/cfg/{n}" for n in range(7)])

    def test_names_that_are_none(self):
        """Whatever is claimed: an event, and a session that goes on."""
        long = "a/" * 2000 + "b"
        script = (f"for p in ('', '/', '.', '..', '//', '/..', {long!r}, 'x' * 5000, 'a\\n\\x1b[2J', '/proc/self/root', '/proc/1/root/etc/y',"
                  " 'loop', 'loop/x', '/proc/self/cwd/x/y', '/proc/self/fd/0/x'):\n"
                  " for f in (os.unlink, os.mkdir, os.rmdir): tried(f, p)\n tried(os.open, p, os.O_WRONLY)\n tried(os.rename, p, p)\n"
                  " tried(os.symlink, 'loop', 'loop')\n")
        found = self.told(script, ["file.open", "file.change"])
        self.assertIn(("open", "/etc/y", ""), found)
        self.assertEqual(json.loads(self.record.read_text().splitlines()[-1])["kind"], "session.end")


if __name__ == "__main__":
    unittest.main()
