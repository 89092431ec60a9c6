# SPDX-License-Identifier: Apache-2.0
"""What is made of a machine's words, and which tests it is given; no machine is needed."""

import argparse
import contextlib
import io
import os
import pathlib
import tempfile
import unittest
import unittest.mock

import image
import suites
import table
import vm
from vm import results

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))


class Said:
    """A machine that says these lines."""

    def __init__(self, *lines):
        self.said = lines

    def lines(self):
        return iter(self.said)


def outcome(*lines, users=None):
    """What run() and sum_up() print of the machine, its results, and whether all was well; tests are what started."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        results, done = vm.run(Said("@kernel 1.2", *lines), False, lambda *row: None)
        names = users or {line.split()[1]: 0 for line in lines if line.startswith("@start")}
        good = vm.sum_up([suites.Test(name, [], "/", user) for name, user in names.items()],
                         {name: r.verdict() for name, r in results.items()})
    return out.getvalue(), results, done, good


SKIPS_ALL = ("| test_a (m.C.test_a) ... skipped 'no root'", "| Ran 1 test in 0.1s", "| ", "| OK (skipped=1)")


class Results(unittest.TestCase):
    def test_one_that_passed(self):
        out, results, done, good = outcome("@start a.b 1.5", "| hidden", "@end a.b 0", "@done")
        self.assertIn("a.b on 1.2 ... ok (1.5 s)", out)
        self.assertNotIn("hidden", out)
        self.assertTrue(done and good)
        self.assertEqual(results["a.b"].seconds, 1.5)

    def test_one_that_failed_shows_its_output(self):
        out, _, _, good = outcome("@start a.b 1", "| shown", "@end a.b 3", "@start a.c 1", "@end a.c 124", "@done")
        self.assertIn("a.b on 1.2 ... FAILED (3)", out)
        self.assertIn("    shown", out)
        self.assertIn("a.c on 1.2 ... timed out", out)
        self.assertFalse(good)

    def test_one_that_was_not_reached(self):
        _, results, done, good = outcome("@start a.b 1", "@end a.b 0", "@start a.c 1", users={"a.b": 0, "a.c": 0})
        self.assertEqual(list(results), ["a.b"])
        self.assertFalse(done or good)

    def test_one_that_skipped_all_of_itself(self):
        for lines in (("@start a.b 1", *SKIPS_ALL, "@end a.b 0"), ("@start a.b 1", "| skipped: no root", "@end a.b 77")):
            out, _, _, good = outcome(*lines, "@start a.c 1", "@end a.c 0", "@done")
            self.assertIn("a.b on 1.2 ... skipped 'no root'", out)
            self.assertFalse(good)
            out, _, _, good = outcome(*lines, "@start a.c 1", "@end a.c 0", "@done", users={"a.b": 1000, "a.c": 1000})
            self.assertTrue(good)

    def test_a_suite_that_skipped_all_of_itself(self):
        good = outcome("@start a.b 1", *SKIPS_ALL, "@end a.b 0", "@done", users={"a.b": 1000})[3]
        self.assertFalse(good)

    def test_parts_that_were_skipped(self):
        out, _, _, good = outcome("@start a.b 1", *SKIPS_ALL[:1], "| Ran 2 tests in 0.1s", "| OK (skipped=1)", "@end a.b 0",
                                  "@done")
        self.assertIn("a.b:test_a on 1.2 ... skipped 'no root'", out)
        self.assertTrue(good)

    def test_the_emulators_fault_is_no_other(self):
        self.assertTrue(vm.EMULATORS_FAULT.search("[  457.2] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"))
        for other in ("Oops: 0002 [#1] PREEMPT SMP", "BUG: kernel NULL pointer dereference", "Kernel panic - not syncing"):
            self.assertFalse(vm.EMULATORS_FAULT.search(other))

    def test_one_lock_up_is_shown_and_excused_and_no_second(self):
        said = "[  120.5] watchdog: BUG: soft lockup - CPU#0 stuck for 122s! [nested:1434]\n[  120.5] RIP: 0010:exc_int3"
        faults = vm.Faults()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(faults.excused(said), "soft lockup - CPU#0 stuck for 122s!")
            self.assertIn("RIP: 0010:exc_int3", out.getvalue())
            self.assertIsNone(faults.excused(said))
            self.assertEqual(faults.excused("Oops: int3: 0000 [#1] SMP"), "int3: 0000 [#1]")
            self.assertIsNone(vm.Faults().excused("Kernel panic - not syncing"))


class Again(unittest.TestCase):
    """A test that failed is run once more, alone; a wall that fell is not, nor is what more than a few failed of."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kept = table.Table(pathlib.Path(folder.name) / "results-6.12-lsm.tsv", "one")
        self.boots = []

    def run_all(self, *statuses):
        """What is run in each machine; statuses are those of each test in the first, the second and so on."""
        tests = [suites.Test(name, [], "/", 0) for name in statuses[0]]

        def boot(args, processors, kern, folder, some, until, keep, jobs=vm.JOBS):
            self.boots.append((jobs, [t.name for t in some]))
            lines = [line for t in some for line in (f"@start {t.name} 1", f"@end {t.name} {statuses[len(self.boots) - 1][t.name]}")]
            return vm.run(Said("@kernel 1.2", *lines, "@done"), False, keep)[0], None

        args = argparse.Namespace(all=False, backend="tracepoint", processors=2)
        with unittest.mock.patch.object(vm, "boot", boot), contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(vm.run_all(args, None, None, tests, self.kept), [])
            return vm.sum_up(tests, self.kept.verdicts()), out.getvalue()

    def test_one_that_passes_alone_has_passed_and_is_told(self):
        good, out = self.run_all({"integration.a": 0, "integration.b": 1}, {"integration.b": 0})
        self.assertTrue(good)
        self.assertEqual(self.boots[1:], [(1, ["integration.b"])])
        self.assertIn(f"{results.AGAIN}integration.b", out)

    def test_one_that_fails_twice_has_failed(self):
        self.assertFalse(self.run_all({"integration.a": 1}, {"integration.a": 1})[0])
        self.assertEqual(len(self.boots), 2)

    def test_no_second_try_for_a_wall(self):
        self.assertFalse(self.run_all({"escape.a": 1, "unit.b": 1, "vm.c": 1, "integration.d": 0})[0])
        self.assertEqual(len(self.boots), 1)

    def test_many_are_no_accident(self):
        self.assertFalse(self.run_all({f"integration.{n}": 1 for n in range(results.MAX_AGAIN + 1)})[0])
        self.assertEqual(len(self.boots), 1)


class Tables(unittest.TestCase):
    """What a run that was cut off has told is not run again."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "results-6.12-lsm.tsv"

    def cut_off(self, *lines, of="one"):
        with contextlib.redirect_stdout(io.StringIO()):
            vm.run(Said("@kernel 1.2", *lines), False, table.Table(self.path, of).add)

    def test_each_is_kept_as_it_ends(self):
        self.cut_off("@start a.b 1.5", "@end a.b 0", "@start a.c 2", "@end a.c 3", "@start a.d 1")
        self.assertEqual(self.path.read_text(),
                         "# one\ntest\tresult\tseconds\tlinux\na.b\tok\t1.5\t1.2\na.c\tFAILED (3)\t2.0\t1.2\n")

    def test_only_what_was_good_is_left_out(self):
        self.cut_off("@start a.b 1", "@end a.b 0", "@start a.c 2", "@end a.c 3", "@start a.d 1", "| skipped: no root",
                     "@end a.d 77", "@start a.e 1", "@end a.e 77", "@start a.f 1")
        users = {"a.b": 0, "a.c": 0, "a.d": 1000, "a.e": 0, "a.f": 0}
        tests = [suites.Test(name, [], "/", user) for name, user in users.items()]
        left = vm.still_to_run(tests, table.Table(self.path, "one"))
        self.assertEqual([t.name for t in left], ["a.c", "a.e", "a.f"])
        self.assertEqual(vm.still_to_run(tests, table.Table(self.path, "another")), tests)

    def test_a_second_run_adds_to_the_first(self):
        self.cut_off("@start a.b 1", "@end a.b 1", "@start a.c 1", "@end a.c 0")
        self.cut_off("@start a.b 2", "@end a.b 0")
        self.assertEqual(table.Table(self.path, "one").verdicts(), {"a.b": "ok", "a.c": "ok"})
        self.cut_off("@start a.b 2", "@end a.b 0", of="another")
        self.assertEqual(table.Table(self.path, "another").verdicts(), {"a.b": "ok"})

    def test_the_stamp_is_of_what_is_there(self):
        first = self.folder / "first"
        first.write_text("1")
        before = table.stamp([first])
        self.assertEqual(table.stamp([first]), before)
        first.write_text("2")
        changed = table.stamp([first])
        moved = table.stamp([first.rename(self.folder / "second")])
        self.assertEqual(len({before, changed, moved}), 3)

    def test_what_runs(self):
        names = {str(p.relative_to(suites.SOURCE)) for p in image.what_runs(suites.SOURCE, BUILD.absolute())
                 if p.is_relative_to(suites.SOURCE) and not p.is_relative_to(BUILD.absolute())}
        for name in ("tests/vm/guest/run.py", "tests/integration/test_lite.py", "policies/destruction.json"):
            self.assertIn(name, names)
        for name in ("tests/vm/vm.py", "tests/vm/README.md", "tests/support/slower.h"):
            self.assertNotIn(name, names)

    def test_the_matrix(self):
        self.cut_off("@start a.b 1.5", "@end a.b 0", "@start a.c 2", "@end a.c 3")
        table.Table(self.folder / "results-sid-tracepoint.tsv", "one").add("a.d", "ok", 61.2, "7.2")
        self.assertEqual(table.matrix(table.read_all(self.folder)), [
            "test  6.12 lsm          sid tracepoint",
            "a.b   ok 2              -",
            "a.c   FAILED (3) 2      -",
            "a.d   -                 ok 61",
            "6.12 lsm (Linux 1.2, build one): 1 FAILED, 1 ok",
            "sid tracepoint (Linux 7.2, build one): 1 ok",
        ])


class Suites(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tests = {(b, e): suites.chosen(BUILD, "sid", b, e, "") for b in suites.BACKENDS for e in (False, True)}

    def test_each_back_end_has_what_meets_a_trace(self):
        names = [{t.name for t in self.tests[b, True]} for b in suites.BACKENDS]
        self.assertEqual({n for n in names[0] ^ names[1] if not suites.WITHOUT_TRACE.search(n)}, set())
        for name in ("integration.run", "escape.file_as_root", "escape.race_as_root", "scenario.shipped", "vm.host_as_root"):
            self.assertIn(name, names[0] & names[1])
        for backend in suites.BACKENDS:
            self.assertEqual({t.environment["CORDON_TRACE_BACKEND"] for t in self.tests[backend, True]}, {backend})

    def test_few_are_among_all(self):
        for backend in suites.BACKENDS:
            few, every = ({t.name for t in self.tests[backend, e]} for e in (False, True))
            self.assertLess(few, every)
            self.assertIn("integration.trace_verify", few)

    def test_hooks_have_one_processor_where_that_will_do(self):
        def split(backend, every, processors=None):
            return {n: {t.name for t in tests}
                    for n, tests in vm.machines(self.tests[backend, every], backend, processors)}

        every = {t.name for t in self.tests["lsm", True]}
        found = split("lsm", True)
        self.assertEqual(found[2], {"integration.exec_verified"})
        self.assertEqual(found[1], every - found[2])
        self.assertEqual(split("lsm", True, 2), {2: every})
        self.assertEqual(set(split("lsm", False)), {1})
        self.assertEqual(set(split("tracepoint", True)), {2})

    def test_the_same_programs_are_not_tried_twice(self):
        for kernel, expected in (("6.1", False), ("6.12", False), ("sid", True)):
            names = {t.name for t in suites.chosen(BUILD, kernel, "lsm", True, "")}
            self.assertEqual("integration.trace_verify_by_calls" in names, expected, kernel)
            self.assertIn("integration.trace_verify", names)

    def test_who_shares_a_supervisor(self):
        """None that is about loading, ending or watching; and what shares one is not all of a command's tests."""
        shared = {t.name for t in self.tests["lsm", True] if t.environment.get("CORDON_TEST_RESIDENT") == "shared"}
        for name in ("run", "signals", "leaks", "fail_closed", "supervisor_lost", "resident", "front", "poor_start", "loss", "mcp", "net_end"):
            self.assertNotIn(f"integration.{name}", shared)
        for name in ("run_resident", "files", "net_relay", "rule_kinds"):
            self.assertIn(f"integration.{name}", shared)
        self.assertEqual({n for n in shared if suites.ALONE.search(n)}, set())
        self.assertFalse([t.name for t in self.tests["tracepoint", True] if t.user and "CORDON_TEST_RESIDENT" in t.environment])
        prove = {t.name: t.command for t in self.tests["tracepoint", True] if t.name.startswith("escape.view")}
        self.assertTrue(prove["escape.view_as_root"][1].endswith("shared_resident.py"))
        self.assertTrue(prove["escape.view_as_user"][0].endswith("cordon-prove"))

    def test_what_differs_most_comes_first(self):
        names = [t.name for t in self.tests["lsm", True]]
        self.assertLess(names.index("escape.exec_as_root"), names.index("integration.files"))
        self.assertLess(names.index("integration.trace"), names.index("integration.files"))
        self.assertEqual({n for n in names if suites.LAST.search(n)}, set(names[-7:]))

    def test_what_is_left_out_exists(self):
        """So that a new name of a test does not leave a reason for nothing."""
        named = {t.name for t in suites.of_ctest(BUILD, suites.NOT_HERE)}
        self.assertEqual(named, set(suites.NOT_HERE))


if __name__ == "__main__":
    unittest.main(verbosity=2)
