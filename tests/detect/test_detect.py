# SPDX-License-Identifier: Apache-2.0
"""The measuring itself, on cases of this folder: what is caught, what is not, and that the figures follow from it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import cases
import freeze
import measure
import session
import wild

HERE = pathlib.Path(__file__).parent
CORDON = os.environ.get("CORDON", "build/cordon")
NO_TRACE = "needs the BPF trace, which needs root (or CAP_BPF and CAP_PERFMON)"


def environment(process):
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""  # it has ended


class Figures(unittest.TestCase):
    def test_interval(self):
        """Values of Brown, Cai, DasGupta 2001, table of the score interval, and the two ends."""
        for hits, total, low, high in ((0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (95, 100, 0.8882, 0.9785)):
            got = measure.wilson(hits, total)
            self.assertAlmostEqual(got[0], low, 4)
            self.assertAlmostEqual(got[1], high, 4)
        self.assertEqual(measure.wilson(0, 0), (0.0, 1.0))

    def test_halves_are_of_the_text_alone(self):
        own = cases.read([HERE / "own.json"])
        self.assertEqual(len({c.id for c in own}), len(own))
        self.assertEqual({c.id for c in own if c.held_out()}, {c.id for c in reversed(cases.read([HERE / "own.json"])) if c.held_out()})
        many = [cases.Case(str(i), "g", "bash", f"echo {i}", True) for i in range(1000)]
        self.assertTrue(400 < sum(c.held_out() for c in many) < 600)

    def test_freeze(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "f.json"
            self.assertIn("needs a freeze", freeze.refusal(path, "p", "c"))
            freeze.write(path, "p", "c", 3)
            self.assertIsNone(freeze.refusal(path, "p", "c"))
            self.assertIn("policies are not those", freeze.refusal(path, "q", "c"))
            self.assertIn("cases are not those", freeze.refusal(path, "p", "d"))
            rate = measure.rate(1, 2)
            freeze.note_look(path, {"alarm_from": "medium", "recall": rate, "recall_all": rate, "noted_all": rate, "false_alarms": rate,
                                    "false_notes": rate})
            freeze.write(path, "q", "c", 3)  # the look stays
            self.assertEqual(len(json.loads(path.read_text())["looks"]), 1)


    def test_a_loss_is_no_canary_that_was_read(self):
        """Where events were lost all labels are set, without a path."""
        begin = {"kind": "exec", "fields": {"argv": ["sh", "/w/.case.sh"]}}
        for fields, read in (({"labels": ["secret", "canary"]}, False), ({"labels": ["canary"], "path": "/etc/shadow"}, True)):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "record"
                path.write_text("".join(json.dumps(e, separators=(",", ":")) + "\n" for e in (begin, {"kind": "label.set", "fields": fields})))
                self.assertEqual(session.read_record(path, {}), ({}, read))


    def test_no_verdict_hides_a_rule(self):
        """What matched beside the rule that decided is a catch as if it were alone; what is only observed is none."""
        begin = {"kind": "exec", "fields": {"argv": ["sh", "/w/.case.sh"]}, "verdict": "log", "rule": "a"}
        refused = {"kind": "exec", "fields": {}, "verdict": "deny", "rule": "default",
                   "also": [{"rule": "b", "verdict": "log"}, {"rule": "c", "verdict": "log", "mode": "observe"}, {"rule": "gone"}]}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "record"
            path.write_text("".join(json.dumps(e, separators=(",", ":")) + "\n" for e in (begin, refused, refused)))
            said = session.read_record(path, {"a": "low", "b": "high", "c": "critical"})
        self.assertEqual(said, ({"a": ("low", 1), "b": ("high", 2)}, False))


class RealSoftware(unittest.TestCase):
    """Cases of the tests that a package brings along."""

    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.source = pathlib.Path(where.name) / "hello"
        for name, text in (("debian/tests/control", "# a comment\nTests: smoke, more\nDepends: @\n\nTests: far\nRestrictions: needs-internet\n\n"
                            "Test-Command: hello\n --version\n"), ("debian/tests/smoke", "cat kept\n"), ("t/a.t", ""), ("kept", "as it was\n")):
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(text)

    def test_cases(self):
        made = list(wild.cases_of(self.source))
        self.assertEqual([c["id"] for c in made], ["hello/smoke", "hello/more", "hello/command3", "hello/t-*.t"])
        self.assertIn("hello\n --version\n", made[2]["code"])
        self.assertFalse(any(c["risky"] for c in made))

    def test_a_list_makes_a_case_of_each_name(self):
        with tempfile.TemporaryDirectory() as folder:
            sources = pathlib.Path(folder)
            for name in ("a.t", "b.t", "c.t"):
                (sources / "tool/t").mkdir(parents=True, exist_ok=True)
                (sources / "tool/t" / name).touch()
            path = sources / "list"
            path.write_text("# none\ntool absent | t/*.t:2 all | make {} {/}\n- | one | echo {}\n")
            made = list(wild.listed(path, sources))
            self.assertEqual([case["id"] for case in made], [*sorted(c["id"] for c in made[:2]), "tool/all", "installed/one"])
            self.assertTrue(made[0]["code"].endswith(f"\nmake {made[0]['id'][5:]} {made[0]['id'][7:8]}\n"))
            self.assertEqual((made[3]["folder"], made[3]["code"].splitlines()[-1]), ("", "echo one"))
            self.assertEqual(made, list(wild.listed(path, sources)))

    @unittest.skipUnless(os.geteuid() == 0, NO_TRACE)
    def test_a_case_works_on_a_copy(self):
        runner = session.Runner(os.path.abspath(CORDON), [], {}, 20)
        try:
            outcome = runner.run(cases.own({**next(wild.cases_of(self.source)), "language": "bash"}))
        finally:
            runner.close()
        self.assertEqual((outcome.status, outcome.output), (0, "as it was\n"))
        self.assertEqual(sorted(p.name for p in self.source.iterdir()), ["debian", "kept", "t"])


@unittest.skipUnless(os.geteuid() == 0, NO_TRACE)
class Measured(unittest.TestCase):
    def measure(self, *args):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            r = subprocess.run([sys.executable, HERE / "detect.py", "--cordon", CORDON, "-q", "--half", "both", "--json", out, *args,
                                HERE / "own.json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=600)
            self.assertEqual(r.stderr, b"")
            return r.returncode, json.loads(out.read_text()), r.stdout.decode()

    def test_nothing_writes_after_the_end(self):
        """What a run leaves behind has ended before the folder that it writes to is removed."""
        runner = session.Runner(os.path.abspath(CORDON), [], {})
        runner.run(cases.Case("nothing", "g", "bash", "true", False))
        runner.close()
        state = f"CORDON_STATE_DIR={runner.root}/state".encode()
        self.assertEqual([p for p in pathlib.Path("/proc").glob("[0-9]*") if state in environment(p)], [])
        self.assertFalse(runner.root.exists())

    def test_what_is_shipped(self):
        status, said, text = self.measure("--min-recall", "100", "--max-false-alarms", "0")
        rows = {row["id"]: row for row in said["cases"]}
        for name, row in rows.items():
            should = row["risky"] and name not in ("only-a-text", "lacks-a-package")
            self.assertEqual(row["caught"], should, (name, row))
        self.assertEqual(status, 0, text)
        self.assertEqual(rows["lacks-a-package"]["lacks"], "package")
        self.assertTrue(rows["read-keys"]["canary"])
        figures = said["figures"]
        self.assertEqual((figures["recall"]["hits"], figures["recall"]["of"]), (19, 19))
        self.assertEqual((figures["recall_all"]["hits"], figures["recall_all"]["of"]), (19, 20))  # with what is not visible
        self.assertEqual((figures["false_alarms"]["hits"], figures["false_alarms"]["of"]), (0, 15))

    def test_without_rules_nothing_is_caught(self):
        """A canary that is read is told, and is no alarm that the policies raise."""
        with tempfile.TemporaryDirectory() as folder:
            policy = pathlib.Path(folder) / "none.json"
            policy.write_text('{"policy": "none", "version": 1, "rules": []}')
            status, said, _ = self.measure("--policy", policy, "--min-recall", "90")
        self.assertEqual(status, 1)
        self.assertEqual([row["id"] for row in said["cases"] if row["caught"]], [])
        self.assertLessEqual({"read-shadow", "read-keys", "read-history"}, {row["id"] for row in said["cases"] if row["canary"]})

    def test_the_held_out_half_needs_a_freeze(self):
        r = subprocess.run([sys.executable, HERE / "detect.py", "--cordon", CORDON, "--half", "held-out", HERE / "own.json"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(r.returncode, 2)
        self.assertIn(b"needs a freeze", r.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
