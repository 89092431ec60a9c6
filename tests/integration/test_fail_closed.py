#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Killed at any instant: nothing of the session lives on, the record tells, the next start cleans up."""

import os
import random
import signal
import subprocess
import time
import unittest

from cordon_testing import (CORDON, SLOWER, TRACE, CordonTest, bpf_left, bpf_objects, cgroups_of, descendants, living, mounts,
                            stat_of, wait_for)

# Forks, execs, connects and writes without a pause, so that every kind of event is under way.
LOAD = """
echo up > up
i=0
while :; do
        i=$((i + 1)); echo $i > file$((i % 7))
        (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null
        setsid sleep 100 & /bin/true | cat; kill $! 2>/dev/null
done
"""


def child_named(pid, name):
    for child in descendants(pid):
        try:
            with open(f"/proc/{child}/comm") as f:
                if f.read().strip() == name and stat_of(child)[0] == pid:
                    return child
        except (OSError, TypeError):
            pass
    return None


class Killed(CordonTest):
    def setUp(self):
        super().setUp()
        self.sessions = self.dir / "state/sessions"
        self.live = self.dir / "state/live"

    def under_load(self, name, options=()):
        """A session in the middle of its work. Returns supervisor, keeper, init, a leaf."""
        self.record = self.dir / f"{name}.jsonl"
        supervisor = self.start("bash", "-c", LOAD, options=[*self.mark, "--session", name, *options],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        upper = self.sessions / name / "layers/upper/up"
        self.assertTrue(wait_for(upper.exists), f"session {name} did not come up")
        keeper = child_named(supervisor.pid, "cordon-launch")
        init = child_named(keeper, "cordon-launch")
        leaf = child_named(init, "cordon-launch")
        return supervisor, keeper, init, leaf

    def check_gone(self, tree, name):
        self.assertTrue(wait_for(lambda: not living(tree) and not self.marked()),
                        f"{name}: {living(tree)} {self.marked()}")

    def run_next(self):
        self.record = self.dir / "next.jsonl"
        self.assertEqual(self.run_in("true").returncode, 0)

    def check_swept(self, name):
        """After a start nothing is left; the kernel may call a cgroup busy for a moment longer."""
        def swept():
            self.run_next()
            return not cgroups_of(name)

        self.assertTrue(wait_for(swept), cgroups_of(name))

    def check_record(self, states=(3,)):
        status, text = self.verified()
        self.assertIn(status, states, text)
        if status == 3:
            self.assertIn("cut", text)

    def test_at_random_instants(self):
        rng = random.Random(int(os.environ.get("SEED", "1")))
        before = mounts()
        objects = bpf_objects()
        for i in range(int(os.environ.get("RUNS", "24"))):
            victim = i % 4
            name = f"k{i}-{os.getpid()}"
            with self.subTest(victim=("supervisor", "keeper", "init", "leaf")[victim]):
                processes = self.under_load(name)
                time.sleep(rng.random() * 0.1)
                tree = descendants(processes[0].pid)
                os.kill(processes[0].pid if victim == 0 else processes[victim], signal.SIGKILL)
                status = processes[0].wait(timeout=60 * SLOWER)
                self.check_gone(tree, name)
                if victim == 0:
                    self.check_record()
                else:
                    # The supervisor lives to close the record: a leaf's death is the command's,
                    # the death of keeper or init is a failure of cordon's.
                    self.assertEqual(status, 137 if victim == 3 else 125)
                    self.check_record((0,))
                if victim != 1:
                    self.assertTrue(wait_for(lambda: not cgroups_of(name)), cgroups_of(name))
        self.check_swept(f"-{os.getpid()}")
        self.assertTrue(wait_for(lambda: mounts() == before), (before, mounts()))
        self.assertEqual(bpf_left(objects), {})

    def test_during_the_start(self):
        """Supervisor, or keeper and supervisor, at instants all over the start: nothing of it stays."""
        rng = random.Random(int(os.environ.get("SEED", "1")))
        for i in range(int(os.environ.get("RUNS", "40"))):
            self.record = self.dir / f"start{i}.jsonl"
            p = self.start("sleep", "100", options=self.mark, stdout=subprocess.DEVNULL)
            keeper = self.first_child(p) if i % 2 else None
            if i % 4 == 1:
                self.first_child(p, keeper)  # the keeper's own short-lived helper, or the init
            else:
                time.sleep(rng.random() * 0.01)
            for pid in filter(None, (keeper, p.pid)):
                os.kill(pid, signal.SIGKILL)
            p.wait()
            # By what they hold open: also a child that nobody could list in time.
            self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()), f"{i}: {self.holders()}")

    def first_child(self, process, pid=None):
        """Waits for it without a pause: what is looked for lives for a moment only."""
        pid = pid or process.pid
        while process.poll() is None:
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    if children := f.read().split():
                        return int(children[0])
            except OSError:
                pass
        self.fail(f"cordon ended: {process.stderr.read()}")

    def test_the_next_start_cleans_up(self):
        name = f"all-{os.getpid()}"
        supervisor, keeper, init, _ = self.under_load(name)
        tree = descendants(supervisor.pid)
        # Both at once: nobody is left who could take cgroup and layers away.
        for pid in (keeper, supervisor.pid):
            os.kill(pid, signal.SIGSTOP)
        for pid in (keeper, supervisor.pid):
            os.kill(pid, signal.SIGKILL)
        supervisor.wait()
        self.check_gone(tree, name)
        self.assertTrue((self.sessions / name / "layers/work").exists())
        # Its cgroups may be gone: any start on the machine takes those that nobody holds.
        self.check_swept(name)
        self.assertFalse((self.sessions / name / "layers/work").exists())
        # What the session changed is its user's, not ours to drop.
        self.assertTrue((self.sessions / name / "layers/upper/up").exists())
        self.assertEqual(os.readlink(self.sessions / name / "layers/of"), str(self.work))
        self.assertTrue(wait_for(lambda: not list(self.live.iterdir())))

    def test_what_nobody_wants_goes_altogether(self):
        """A layer that is to be discarded, and one in which nothing was changed."""
        supervisors = [self.under_load("dropped", ["--discard"])[0]]
        self.record = self.dir / "empty.jsonl"
        supervisors.append(self.start("sh", "-c", "echo up; sleep 100", options=["--session", "empty", *self.mark]))
        self.assertEqual(supervisors[1].stdout.readline(), b"up\n")
        for supervisor in supervisors:
            tree = descendants(supervisor.pid)
            supervisor.kill()
            supervisor.wait()
            self.assertTrue(wait_for(lambda: not living(tree)))
        # The keeper's child, which takes mounts and cgroups apart behind it, is in no tree of before.
        self.assertTrue(wait_for(lambda: not self.holders()))
        self.assertEqual({p.name for p in self.sessions.iterdir()}, {"dropped", "empty"})
        self.run_next()
        # The last run's own go behind it.
        self.assertTrue(wait_for(lambda: not list(self.sessions.iterdir()) and not list(self.live.iterdir())))

    def test_a_live_session_is_left_alone(self):
        name = f"live-{os.getpid()}"
        supervisor, keeper, init, _ = self.under_load(name)
        tree = descendants(supervisor.pid)
        self.run_next()
        self.assertTrue((self.sessions / name / "layers/work").exists())
        self.assertTrue((self.live / name).exists())
        if TRACE == "on":
            self.assertTrue(cgroups_of(name))
        # Also when only keeper and init are left of it, before they could end.
        for pid in (keeper, init):
            os.kill(pid, signal.SIGSTOP)
        supervisor.kill()
        supervisor.wait()
        self.run_next()
        self.assertTrue((self.sessions / name / "layers/work").exists())
        # As soon as the keeper goes on it ends the init.
        for pid in (init, keeper):
            os.kill(pid, signal.SIGCONT)
        self.check_gone(tree, name)
        self.run_next()
        self.assertFalse((self.sessions / name / "layers/work").exists())
        self.assertFalse((self.live / name).exists())

    def test_one_name_one_session(self):
        supervisor, _, _, _ = self.under_load("mine")
        self.record = self.dir / "other.jsonl"
        r = self.run_in("true", options=["--session", "mine"])
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"a session named mine is running", r.stderr)
        self.assertFalse(self.record.exists())
        self.assertIsNone(supervisor.poll())

    def test_a_name_is_free_again_with_the_end(self):
        """Processes of the session before may be there a moment longer than its command."""
        for i in range(30):
            self.record = self.dir / f"again-{i}.jsonl"
            r = self.run_in("true", options=["-q", "--session", "mine"])
            self.assertEqual((r.returncode, r.stderr), (0, b""), i)

    def test_pending_actions_do_not_proceed(self):
        """Every exec waits at the gate of a stopped supervisor; with its death none of them runs."""
        name = f"pend-{os.getpid()}"
        self.record = self.dir / "pend.jsonl"
        out = open(self.dir / "out", "wb")
        self.addCleanup(out.close)
        script = "echo up; read go < go; for i in 1 2 3 4 5 6 7 8; do (exec /bin/echo ran $i) & done; wait; echo after"
        os.mkfifo(self.work / "go")
        supervisor = subprocess.Popen([CORDON, "run", "--trace", TRACE, "-w", f"{self.work}:live", "--record",
                                       str(self.record), "--session", name, *self.mark, "--", "sh", "-c", script],
                                      env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, supervisor)
        self.assertTrue(wait_for(lambda: (self.dir / "out").read_bytes() == b"up\n"))
        tree = descendants(supervisor.pid)
        supervisor.send_signal(signal.SIGSTOP)
        (self.work / "go").write_text("go\n")
        time.sleep(0.3)  # for the execs to reach the gate; if they are late they are refused all the same
        self.assertEqual((self.dir / "out").read_bytes(), b"up\n")
        supervisor.kill()
        supervisor.wait()
        self.check_gone(tree, name)
        self.assertNotIn(b"ran", (self.dir / "out").read_bytes())


class FullDisk(CordonTest):
    """No record, no run: whatever on_loss says, the session ends when its disk is full."""

    @unittest.skipUnless(TRACE == "on", "mounting a small tmpfs needs root")
    def test_full_disk(self):
        small = self.dir / "small"
        small.mkdir()
        # Opens for ever: each is an event. The loop has no other end than the session's.
        load = "i=0; while :; do : < /etc/passwd; i=$((i + 1)); echo $i > count; done"
        script = """mount -t tmpfs -o size=64k cordon-test "$1" || exit 99
                    "$2" run --trace on -w "$3:live" --policy "$4" --record "$1/r.jsonl" $5 -- sh -c "$6"
                    status=$?; "$2" log verify "$1/r.jsonl"; echo "verify $?"; exit $status"""
        for on_loss in ("log", "deny_new", "kill"):
            with self.subTest(on_loss=on_loss):
                policy = self.policy(on_loss=on_loss)
                r = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", small, CORDON, self.work, policy,
                                    " ".join(self.mark), load], env=self.env, stdin=subprocess.DEVNULL,
                                   capture_output=True, timeout=60 * SLOWER, check=False)
                self.assertEqual(r.returncode, 125, r.stderr)
                self.assertIn(b"write the record", r.stderr)
                self.assertIn(b"No space left on device", r.stderr)
                self.assertIn(b"cut", r.stdout)
                self.assertIn(b"verify 3", r.stdout)
                self.assertTrue((self.work / "count").exists())
                self.assertTrue(wait_for(lambda: not self.marked()), self.marked())


if __name__ == "__main__":
    unittest.main()
