#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people and programs get wrong in a command's words: the error names the object, the reason and the way out."""

import json
import os
import pathlib
import subprocess
import unittest

from cordon_testing import CORDON
from refused_testing import BadInputTest

SCENARIOS = pathlib.Path(os.environ.get("SOURCE", ".")) / "scenarios"


class Options(BadInputTest):
    def test_usage(self):
        for args, says in ((["run"], "no command"), (["run", "--"], "no command"),
                           (["run", "--nonsense", "--", "true"], "--nonsense"),
                           (["run", "--memory"], "--memory"),
                           (["mcp", "--nonsense"], "--nonsense"), (["mcp", "word"], "Too many arguments")):
            with self.subTest(args):
                self.refused(*args, says=[says])

    def test_wrong_usage_has_one_status(self):
        for args in (["serve", "x"], ["serve", "--idle=x"], ["doctor", "x"], ["doctor", "--list"], ["log", "verify"],
                     ["log", "show", "--exec=x", "x"], ["policy", "explain"], ["policy", "check", "--trace=x"],
                     ["scenario", "run"], ["scenario", "run", "--jobs=x", "x"], []):
            with self.subTest(args):
                self.assertEqual(self.cordon(*args).returncode, 2)

    def test_commands(self):
        for args in (["nonsense"], ["--nonsense"]):
            with self.subTest(args):
                r = self.cordon(*args)
                self.assertNotEqual(r.returncode, 0)
                self.assertIn(b"--help", r.stderr)

    def test_output_that_cannot_be_written(self):
        """On a full disk: what is missing at its end must not look like success."""
        policy = self.dir / "p.json"
        policy.write_text('{"policy": "p", "version": 1, "rules": []}')
        for args, status in ((["--help"], 2), (["--version"], 2), (["run", "--dry-run", "-w", self.work], 125),
                             (["doctor", "--prove", "--list"], 125), (["policy", "check", "--json", policy], 2),
                             (["policy", "fmt", "--stdout", policy], 2), (["policy", "fmt", policy], 2),
                             (["policy", "eval", "1 + 1"], 2), (["policy", "--help"], 2), (["run", "--help"], 125),
                             (["policy", "check", "--help"], 2), (["log", "show", "--help"], 2),
                             (["scenario", "list", SCENARIOS], 125)):
            with self.subTest(args), open("/dev/full", "wb") as full:
                r = subprocess.run([CORDON, *map(str, args)], stdout=full, stderr=subprocess.PIPE, env=self.env)
                self.assertEqual(r.returncode, status)
                self.assertRegex(r.stderr, rb"^cordon(-prove)?: cannot write the output\n$")

    def test_an_answer_that_cannot_be_written(self):
        """Yes or no, it was not told: the status is not that of either."""
        refuses = {"policy": "p", "version": 1, "defaults": {"exec": "deny"}, "lists": {"idle": []}, "rules": []}
        old, new = self.dir / "old.json", self.dir / "new.json"
        old.write_text(json.dumps(refuses))
        new.write_text(json.dumps({**refuses, "defaults": {}}))
        self.run_in("true")
        for args in (["policy", "check", old], ["policy", "diff", old, new], ["policy", "eval", "1/0"],
                     ["policy", "explain", "--policy", old, '{"kind": "exec", "path": "/x"}'],
                     ["log", "replay", "--policy", old, self.record], ["log", "show", self.record]):
            whole = self.cordon(*args).returncode
            self.assertEqual(whole, args[1] != "show")
            with self.subTest(args), open("/dev/full", "wb") as full:
                r = subprocess.run([CORDON, *map(str, args)], stdout=full, stderr=subprocess.PIPE, env=self.env)
                self.assertEqual(r.returncode, 2)
                closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", CORDON, *map(str, args)], stderr=subprocess.PIPE, env=self.env)
                self.assertEqual((closed.returncode, closed.stderr), (2, r.stderr))

    def test_what_is_no_file(self):
        """It is refused, not waited for: nobody writes to the FIFO."""
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        for args, status in ((["log", "show", fifo], 1), (["log", "verify", fifo], 1), (["log", "replay", fifo], 2),
                             (["policy", "learn", fifo], 2), (["policy", "explain", f"@{fifo}"], 2), (["scenario", "run", fifo], 2)):
            for path in (fifo, self.dir):
                named = [str(a).replace(str(fifo), str(path)) for a in args]
                if args[0] == "scenario" and path == self.dir:
                    continue  # a folder of scenarios
                with self.subTest(named):
                    r = self.cordon(*named)
                    self.assertEqual((r.returncode, r.stdout), (status, b""))
                    what = "a folder, not a file" if path == self.dir else "a pipe" if args[1] == "learn" else "a FIFO that nobody"
                    self.assertIn(f"{path}: {what}", r.stderr.decode())

    def test_a_folder_for_a_file_of_an_option(self):
        for option in ("--spec", "--decoys"):
            r = self.cordon("run", option, self.dir, "--", "true")
            self.assertEqual((r.returncode, r.stdout), (125, b""))
            self.assertIn(f"{option}: {self.dir}: a folder, not a file", r.stderr.decode())

    def test_values(self):
        for option, value in (("--memory", "lots"), ("--memory", "0"), ("--memory", "-1"), ("--memory", "1e9"),
                              ("--memory", "99999999999999999999"), ("--memory", "18446744073709551615G"), ("--memory", ""),
                              ("--pids", "0"), ("--pids", "nan"), ("--pids", "-3"), ("--pids", "1e400"), ("--cpus", "0"),
                              ("--cpus", "inf"), ("--timeout", "0"), ("--timeout", "-1"), ("--timeout", "soon"),
                              ("--file-size", "1T2"), ("--mode", "mild"), ("--trace", "maybe"), ("--env", "NAME"),
                              ("--env", "=x"), ("--label", "path"), ("--label", "=secret"), ("--label", "a="),
                              ("--workspace", "/tmp/x:rw"), ("--session", "../x"), ("--session", ""), ("--session", "a/b"),
                              ("--session", "x" * 65), ("--session", ".hidden"), ("--session", "a\nb")):
            with self.subTest(f"{option} {value[:30]!r}"):
                self.refused(*self.run_args(option, value), says=[value.split("\n")[0][:20]])

    def test_a_number_out_of_range(self):
        for option, value, known in (("--cpus", "0.001", "from 0.01 to 4096"), ("--pids", "9999999", "from 1 to 4194304"),
                                     ("--timeout", "4000001", "from 0.001 to 4000000"),
                                     ("--memory", " -1", "a positive number")):
            with self.subTest(f"{option} {value}"):
                self.refused(*self.run_args(option, value), says=[f"{option} {value}: ", known])

    def test_memory_that_is_too_little(self):
        """Where cgroups hold it, the session's init is killed as it starts, and who gave the limit is told so;
        where each process has the limit, the command's first instructions are too much."""
        r = self.cordon(*self.run_args("--memory", "1"))
        self.assertEqual(r.stdout, b"")
        self.assertIn(r.returncode, (125, 139))  # 128 + SIGSEGV
        if b"killed" in r.stderr:
            self.assertRegex(r.stderr, rb"init was killed; unless somebody did that, 1 bytes of memory are too few .* --memory")

    def test_too_much(self):
        for options in ([x for i in range(300) for x in ("--env", f"N{i}=x")], ["--env", "N=" + "x" * 70000],
                        [x for i in range(300) for x in ("--bind", f"/usr/bin/env:/mnt/{i}")]):
            with self.subTest(options[1][:20]):
                self.refused(*self.run_args(*options), says=["at most"])

    def test_empty_values(self):
        """As of a shell's variable that is not set: the option is named, not a path without a name."""
        for option in ("--workspace", "--bind", "--policy", "--policy-key", "--record", "--spec", "--session", "--label"):
            with self.subTest(option):
                self.refused(*self.run_args(f"{option}="), says=[f"{option}: the value is empty"])

    def test_what_contradicts(self):
        for args, says in ((["serve", "--json"], "--json goes with --status"), (["serve", "--stop", "--status"], "one at a time"),
                           (["policy", "check", "--json", "--sarif"], "--json or --sarif"),
                           (["policy", "eval", "1", "--vra", "x=1"], "no option --vra"),
                           (["scenario", "run", "--trace=maybe", "x"], "--trace maybe: must be on, auto or off")):
            with self.subTest(args):
                self.refused(*args, status=2, says=[says])

    def test_keys_that_are_not_there(self):
        self.refused(*self.run_args("--policy-key=/none"), says=["cannot open policy key /none: No such file"])

    def test_help_of_a_command(self):
        for words in (["run"], ["policy"], ["doctor"]):
            self.assertEqual(self.cordon("help", *words).stdout, self.cordon(*words, "--help").stdout)

    def test_events_that_are_none_of_the_record(self):
        """A slip in a kind's name is no empty record."""
        self.run_in("true")
        r = self.cordon("log", "show", "--kind=exek", self.record)
        self.assertEqual((r.returncode, r.stdout), (0, b""))
        self.assertRegex(r.stderr.decode(), f"{self.record}: none of its [0-9]+ events")
        self.assertEqual(self.cordon("log", "show", "--kind=exec", self.record).stderr, b"")


if __name__ == "__main__":
    unittest.main()
