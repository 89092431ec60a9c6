# SPDX-License-Identifier: Apache-2.0
"""The front of cordon: that a run which the resident supervisor watches is its own, and that nobody sees the difference.

That runs behave the same by it is tested by running test_run.py and others with a resident supervisor.
"""

import json
import os
import pathlib
import signal
import subprocess
import unittest

from cordon_testing import CORDON, PROGRAMS, SLOWER, TRACE, CordonTest, wait_for

WHOLE = str(pathlib.Path(CORDON).with_name("cordon-main"))


@unittest.skipIf(len(PROGRAMS) < 2, "this build has no front: clang, sanitizers, or no musl-tools")
class FrontTest(CordonTest):
    def setUp(self):
        super().setUp()
        self.use_resident()

    def program_of(self, *options, stdin=subprocess.PIPE):
        """Name of the program that a run is, once its command is there, and its exit status."""
        args = [CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, *options, "--", "sh", "-c", "echo up; read x; exit 6"]
        with subprocess.Popen(args, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            self.assertEqual(p.stdout.readline(), b"up\n")
            name = pathlib.Path(os.readlink(f"/proc/{p.pid}/exe")).name
            p.communicate(b"go\n", timeout=60 * SLOWER)
        return name, p.returncode

    def both(self, *args, **kwargs):
        """Of runs that were answered: a server without a processor for two seconds is done without, and that is said."""
        def run(program):
            done = subprocess.run([os.path.abspath(program), *args], env=self.env, capture_output=True, timeout=60 * SLOWER, check=False, **kwargs)
            return None if b"supervisor does not answer" in done.stderr else done

        return [wait_for(lambda: run(program)) for program in (CORDON, WHOLE)]


class WhoRuns(FrontTest):
    def test_what_is_begun_anew_is_told_once(self):
        """The server declines a policy that is broken, and the whole program tells why."""
        self.env["HOME"] = str(self.work)
        bad = self.dir / "bad.json"
        bad.write_text("{")
        for r in self.both("run", "--trace", TRACE, "-p", bad, "--", "true", cwd=self.work):
            self.assertEqual((r.returncode, r.stderr.count(b"is no workspace by itself")), (125, 1), r.stderr)

    def test_a_deep_layer_goes(self):
        """It is built with a libc of its own, whose nftw() goes no deeper than it has descriptors."""
        r = self.run_in("python3", "-c", "import os\nfor i in range(600): os.mkdir('d'); os.chdir('d')", options=["--discard"])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(wait_for(lambda: not list((self.dir / "state/sessions").iterdir()), 20))

    def test_a_plain_run(self):
        for options in ([], ["--discard"], ["--mem", "1G", "--pids=99", "--label", f"{self.work}=secret", "--timeout", "99"]):
            self.assertEqual(self.program_of(*options), ("cordon", 6), options)

    def test_what_needs_more(self):
        spec = self.dir / "spec.json"
        spec.write_bytes(self.cordon("run", "--dry-run", "-w", f"{self.work}:live").stdout)
        for options in (["--resident=auto"], ["--resident=off"], ["--net=relay"], ["--allow-host", "a.example"], ["--spec", spec],
                        ["--approver", "unix:/nowhere"], ["--mode=learn"], ["--profile=eval"], ["--canary", "a=made-up-text-0123"]):
            self.assertEqual(self.program_of(*options), ("cordon-main", 6), options)

    def test_without_a_server(self):
        self.cordon("serve", "--stop")
        self.env["CORDON_RESIDENT"] = "off"
        self.assertEqual(self.program_of(), ("cordon-main", 6))

    def test_one_that_declines(self):
        """A policy that cannot be loaded is the server's to find; what was begun is taken back, and told by the whole program."""
        bad = self.dir / "bad.json"
        bad.write_text("{")
        front, whole = self.both("run", "--trace", TRACE, "-w", self.work, "-p", bad, "--", "true")
        self.assertEqual((front.returncode, front.stderr), (whole.returncode, whole.stderr))
        self.assertEqual(front.returncode, 125)
        for folder in ("live", "sessions"):
            self.assertTrue(wait_for(lambda: not list((self.dir / "state" / folder).iterdir())), folder)

    def test_one_that_is_stopped(self):
        """It is waited for once, not by each of the two."""
        pid = json.loads(self.cordon("serve", "--status", "--json").stdout)["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            r = self.cordon("run", "--trace", TRACE, "-w", self.work, "--", "sh", "-c", "exit 6")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(r.returncode, 6, r.stderr)
        self.assertEqual(r.stderr.count(b"does not answer"), 1)


class SameWords(FrontTest):
    def test_what_is_wrong(self):
        run = ("run", "--trace", TRACE, "-w", self.work)
        for args in ([], ["nonsense"], ["--help"], ["--version"], ["run"], ["run", "--help"], ["run", "--usage"], ["run", "--he"],
                     ["run", "--nonsense"], ["run", "-w"], ["run", "--pro", "eval", "--", "true"], ["run", "--memory", "0", "--", "true"],
                     ["run", "--approver", "who", "--", "true"], ["run", "-w", "/nowhere", "--", "true"], [*run, "--", "nonsense"],
                     [*run, "--", "/etc/os-release"], [*run, "--session", "a/b", "--", "true"], [*run, "--record", "/nowhere/a", "--", "true"],
                     [*run, "true", "--nonsense"], [*run, "--label", "/x=nosuchlabel", "--", "true"], ["log", "verify", "/nowhere"]):
            front, whole = self.both(*args)
            self.assertEqual((front.returncode, front.stdout, front.stderr), (whole.returncode, whole.stdout, whole.stderr), args)

    def test_what_cannot_be_run(self):
        """The C libraries have different words for some of these."""
        (self.work / "loop").symlink_to("loop")
        (self.work / "text").write_text("no program\n")
        (self.work / "text").chmod(0o755)
        for name in ("loop", "text", "x" * 300):
            front, whole = self.both("run", "--trace", TRACE, "-w", self.work, "--", f"./{name}")
            self.assertEqual((front.returncode, front.stderr), (whole.returncode, whole.stderr), name)

    def test_without_the_whole(self):
        alone = self.dir / "cordon"
        alone.write_bytes(pathlib.Path(CORDON).read_bytes())
        alone.chmod(0o755)
        r = subprocess.run([alone, "doctor"], capture_output=True, timeout=60 * SLOWER, check=False)
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"cordon-main is neither beside", r.stderr)


if __name__ == "__main__":
    unittest.main()
