# SPDX-License-Identifier: Apache-2.0
"""`cordon doctor --prove` itself: what it shows, how it ends, and that it can fail."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

CORDON = pathlib.Path(os.environ.get("CORDON", "build/cordon")).resolve()

# Takes the same, shows that it can be run, and has the suite interrupted by the first attempt.
INTERRUPTS = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
case "$*" in
*--probe*) kill -INT $PPID ;;
*) exec "$@" ;;
esac
"""

# Takes the same, notes the back end of the trace that it is to use, and is the real one.
NOTES_BACKEND = """#!/bin/sh
echo "$1 ${CORDON_TRACE_BACKEND-none}" >>%s
exec %s "$@"
"""

# Takes "run OPTION... -- COMMAND..." and runs the command with no wall at all.
NO_WALLS = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nTMPDIR=$(dirname "$0")\nexport TMPDIR\nexec "$@"\n'


# Their control needs root; others skip them.
AS_ROOT = ["process.sooner", "process.real-time", "process.deadline"] if os.geteuid() == 0 else []


def prove(*args, cordon=CORDON, **kw):
    return subprocess.run([cordon, "doctor", "--prove", *args], capture_output=True, text=True, timeout=300, **kw)


class Prove(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def build(self, *names):
        """A build folder with some of its programs."""
        for name in names + (("cordon-main",) if (CORDON.parent / "cordon-main").exists() else ()):
            shutil.copy2(CORDON.parent / name, self.dir / name)
        return self.dir / "cordon"

    def test_rows_that_one_supervisor_watches(self):
        helper = pathlib.Path(__file__).parents[1] / "integration/shared_resident.py"
        # The helper's two, the trial session; of rows those whose supervisor is not to be killed.
        for row, served in (("view.record", 4), ("process.orphan", 3)):
            done = subprocess.run([sys.executable, helper, CORDON, CORDON, "doctor", "--prove", row], capture_output=True, text=True,
                                  timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, f"the shared supervisor: .* {served} in all")

    def test_one_line_a_group(self):
        done = prove("view.record", "write.usr")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = [line for line in done.stdout.splitlines() if line]
        self.assertEqual([line.split()[0] for line in lines], ["PROBES", "view", "write", "2"])
        self.assertNotIn("\033", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_every_row(self):
        done = prove("--verbose", "view.record")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^view\.record .* held +ok ")

    def test_json(self):
        done = prove("--json", "view.record", "denied.mount")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = json.loads(done.stdout)
        self.assertTrue(said["all_held"])
        names = [p["probe"] for p in said["probes"]]
        self.assertIn("view.record", names)
        self.assertIn("denied.mount", names)
        self.assertTrue(all(n == "view.record" or n.startswith("denied.mount") for n in names), names)

    def test_names_as_json(self):
        done = prove("--list", "--json", "view.record", "denied.mount")
        self.assertEqual(done.returncode, 0, done.stderr)
        plain = prove("--list", "view.record", "denied.mount").stdout.splitlines()
        said = json.loads(done.stdout)["probes"]
        self.assertEqual([p["probe"] for p in said], [line.split()[0] for line in plain])
        self.assertEqual(set(said[0]), {"probe", "classes", "wall"})

    def test_a_name_that_no_probe_has(self):
        done = prove("nonsense")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("nonsense", done.stderr)

    def test_without_the_prover(self):
        done = prove(cordon=self.build("cordon", "cordon-launch"))
        self.assertEqual(done.returncode, 125)
        self.assertIn("cordon-prove is neither", done.stderr)

    def test_a_folder_that_cannot_be_written(self):
        done = prove("view", env=dict(os.environ, TMPDIR="/nowhere"))
        self.assertEqual(done.returncode, 125)
        self.assertIn("TMPDIR", done.stderr)

    def test_without_a_session(self):
        done = prove("view", cordon=self.build("cordon", "cordon-prove", "cordon-prove-forbidden",
                                               "cordon-prove-forbiddem"))
        self.assertEqual(done.returncode, 125)
        self.assertIn("cordon-launch", done.stderr)
        self.assertIn("nothing was tried", done.stderr)

    def test_walls_that_do_not_hold(self):
        fake = self.dir / "fake"
        fake.write_text(NO_WALLS)
        fake.chmod(0o755)
        done = subprocess.run([CORDON.parent / "cordon-prove", "--cordon", fake, "--json", "view.path", "write.root",
                               "process.kill-host", "process.daemon", "network.udp", "exec.path", "share.signals", "share.timers",
                               "share.inotify", "share.message-queues", "view.segment", "view.queue", "view.posix-queue",
                               "write.terminal", "process.renice-host", "process.bind-host", "process.starve-host",
                               "process.limit-host", *AS_ROOT],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 1, done.stderr)
        said = json.loads(done.stdout)
        self.assertFalse(said["all_held"])
        self.assertEqual({p["probe"] for p in said["probes"] if p["result"] != "failed"}, set())

    def test_each_session_has_the_callers_back_end(self):
        fake, notes = self.dir / "fake", self.dir / "notes"
        fake.write_text(NOTES_BACKEND % (notes, CORDON))
        fake.chmod(0o755)
        for backend in ("tracepoint", None):
            env = {k: v for k, v in os.environ.items() if k != "CORDON_TRACE_BACKEND"}
            done = subprocess.run([CORDON.parent / "cordon-prove", "--cordon", fake, "view.record", "call.", "session."],
                                  capture_output=True, text=True, timeout=300,
                                  env=env | ({"CORDON_TRACE_BACKEND": backend} if backend else {}))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual({tuple(line.split()) for line in notes.read_text().splitlines()},
                             {(started, backend or "none") for started in ("run", "mcp", "serve")})
            notes.unlink()

    def test_controls_leave_nothing(self):
        """They run with the walls away, in the host's own /tmp."""
        def named():
            return {p.name for p in pathlib.Path("/tmp").iterdir() if re.fullmatch(r"[a-z]+-[0-9]+-[0-9]+", p.name)}

        before = named()
        done = prove("exec.symlink", "exec.script-of-script", "exec.copy-tmp", "exec.disguised", "gate.fifo")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # Others may prove their host meanwhile.
        end = time.monotonic() + 120
        while named() - before and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(named() - before, set())

    def test_progress_is_for_a_terminal(self):
        main_fd, side_fd = pty.openpty()
        self.addCleanup(os.close, main_fd)
        done = subprocess.run([CORDON, "doctor", "--prove", "view.record"], stdout=subprocess.PIPE, stderr=side_fd,
                              timeout=300)
        os.close(side_fd)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"view.record", os.read(main_fd, 4096))

    def test_an_interrupt_leaves_nothing(self):
        p = subprocess.Popen([CORDON, "doctor", "--prove", "gate", "race"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=dict(os.environ, TMPDIR=str(self.dir)))
        self.addCleanup(p.kill)
        while not list(self.dir.iterdir()) and p.poll() is None:
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 125)
        self.assertIn(b"interrupted", err)
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_what_was_interrupted_has_not_failed(self):
        fake = self.dir / "fake"
        fake.write_text(INTERRUPTS)
        fake.chmod(0o755)
        done = subprocess.run([CORDON.parent / "cordon-prove", "--cordon", fake, "--verbose", "view.record", "write.usr"],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (125, "cordon-prove: interrupted\n"))
        rows = done.stdout.splitlines()[1:]
        self.assertEqual(len(rows), 1, done.stdout)
        self.assertIn(" interrupted ", rows[0])
        self.assertNotIn("FAILED", done.stdout)

    def test_wrong_options(self):
        for args in (["--verbose"], ["view"], ["--list"]):
            done = subprocess.run([CORDON, "doctor", *args], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0, args)
            self.assertIn("--prove", done.stderr)


if __name__ == "__main__":
    unittest.main()
