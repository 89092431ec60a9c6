# SPDX-License-Identifier: Apache-2.0
"""Cordon on a host that has cgroup v2 alone and a stock kernel: what it says of itself, as root and
as an ordinary user, and that what it says is so."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

CORDON = os.environ["CORDON"]
ROOT = os.geteuid() == 0
# Of the trace: these kernels have both, and the one on security hooks is taken where nobody chooses.
BACKEND = os.environ.get("CORDON_TRACE_BACKEND", "lsm")
LIMITS = ["--memory", "128M", "--pids", "64"]


def cordon(*args, **kw):
    return subprocess.run([CORDON, *args], capture_output=True, text=True, timeout=600, check=False, **kw)


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = cordon("doctor", "--json")
        cls.status, cls.report = done.returncode, json.loads(done.stdout)
        cls.state = {row["layer"]: row["state"] for row in cls.report["layers"]}
        for row in cls.report["layers"]:
            print(f"{row['layer']}: {row['state']}: {row['detail']}")

    def test_a_default_run_holds_where_there_is_a_trace(self):
        self.assertEqual(self.status, 0 if ROOT else 1, self.report)
        self.assertEqual(self.report["default_run_holds"], ROOT)

    def test_what_the_kernel_has_holds(self):
        for layer in ("namespaces", "overlay", "landlock", "no-new-privs", "seccomp-notify", "btf",
                      "launcher", "state", "policies"):
            self.assertIn(self.state[layer], ("holds", "weaker"), layer)

    def test_what_needs_root_holds_for_root_only(self):
        self.assertEqual(self.state["trace"] == "holds", ROOT)
        self.assertEqual(self.state["cgroups"] == "holds", ROOT)

    @unittest.skipUnless(ROOT, "an ordinary user has no trace here")
    def test_the_back_end_of_the_trace(self):
        free = {k: v for k, v in os.environ.items() if k != "CORDON_TRACE_BACKEND"}
        for env, expected in ((os.environ, BACKEND), (free, "lsm")):
            report = json.loads(cordon("doctor", "--json", env=env).stdout)
            detail = next(row["detail"] for row in report["layers"] if row["layer"] == "trace")
            self.assertIn(f"back end {expected}", detail)

    def test_cgroups_are_said_to_be_v2(self):
        detail = next(row["detail"] for row in self.report["layers"] if row["layer"] == "cgroups")
        if ROOT:
            for limit in ("memory (v2)", "pids (v2)", "cpu (v2)"):
                self.assertIn(limit, detail)

    def test_what_does_not_hold_has_a_way_out(self):
        for row in self.report["layers"]:
            if row["state"] == "missing":
                self.assertTrue(row["how"], row)


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cordon-vm-", ignore_cleanup_errors=True)
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.env = dict(os.environ, CORDON_STATE_DIR=f"{self.path}/state")
        (self.path / "work").mkdir()

    def run_in(self, *args, options=()):
        (self.path / "record").unlink(missing_ok=True)
        return cordon("run", "--quiet", "--trace=on" if ROOT else "--trace=auto", "--discard", "-w",
                      f"{self.path}/work", "--record", f"{self.path}/record", *options, "--", *args,
                      env=self.env)

    def start(self):
        return json.loads((self.path / "record").read_text().splitlines()[0])["fields"]

    def layers(self):
        return self.start()["layers"]

    def test_layers_in_the_record(self):
        options = [*LIMITS, "--cpus", "1"] if ROOT else LIMITS
        done = self.run_in("true", options=options)
        self.assertEqual(done.returncode, 0, done.stderr)
        layers = self.layers()
        by = "cgroup2" if ROOT else "rlimit"
        self.assertEqual([layers["limit.memory"], layers["limit.pids"]], [by, by], layers)
        self.assertEqual(layers["limit.cpu"], "cgroup2" if ROOT else "none")
        self.assertEqual(self.start().get("trace_backend"), BACKEND if ROOT else None)

    @unittest.skipUnless(ROOT, "an ordinary user has no cgroup here")
    def test_limits_are_set_in_the_kernel(self):
        """Asked of the cgroup itself, from outside, while the session lives."""
        script = "echo ready; sleep 60"
        with subprocess.Popen([CORDON, "run", "--quiet", "--discard", "-w", f"{self.path}/work", *LIMITS,
                               "--cpus", "0.5", "--", "sh", "-c", script], stdout=subprocess.PIPE,
                              env=self.env) as session:
            self.addCleanup(session.kill)
            self.assertEqual(session.stdout.readline(), b"ready\n")
            found = list(pathlib.Path("/sys/fs/cgroup").glob("cordon-*"))
            self.assertEqual(len(found), 1, found)
            self.assertEqual((found[0] / "memory.max").read_text(), f"{128 << 20}\n")
            self.assertEqual((found[0] / "pids.max").read_text(), "64\n")
            self.assertEqual((found[0] / "cpu.max").read_text(), "50000 100000\n")
            inside = [pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
                      for pid in (found[0] / "cgroup.procs").read_text().split()]
            self.assertIn("sh", inside)
            session.kill()

    def test_memory_beyond_the_limit_is_not_given(self):
        script = "x = bytearray(400 << 20); print('has it')"
        done = self.run_in("python3", "-c", script, options=LIMITS)
        self.assertNotIn("has it", done.stdout)
        self.assertNotEqual(done.returncode, 0)
        done = self.run_in("python3", "-c", script, options=["--memory", "1G"])
        self.assertIn("has it", done.stdout, done.stderr)

    @unittest.skipIf(ROOT, "for an ordinary user")
    def test_default_run_refuses_without_a_trace(self):
        done = cordon("run", "-w", f"{self.path}/work", "--", "true", env=self.env)
        self.assertEqual(done.returncode, 125)
        self.assertIn("--trace=auto", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
