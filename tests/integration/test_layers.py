# SPDX-License-Identifier: Apache-2.0
"""Where the changes of a cow workspace lie on the host: made beforehand, kept, and of one workspace."""

import fcntl
import os
import stat
import subprocess
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for


class Layers(CordonTest):
    def layers(self, *options):
        """A run that is up, its layers, and what ends it."""
        self.record.unlink(missing_ok=True)
        p = self.start("sh", "-c", "echo up; read x", options=["--session", "mine", *options], stdin=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"up\n")
        return self.dir / "state/sessions/mine/layers", lambda: p.communicate(b"\n", timeout=60 * SLOWER)

    def test_folders_are_made_before_they_are_wanted(self):
        """Those of the next session stand ready behind one with layers, and nobody else gets them."""
        ready = self.dir / "state/ready"
        folder = ready / "folder/layers"
        made = lambda: wait_for(lambda: (folder / "work").exists() and (ready / "lock").exists())
        self.sh("true")
        self.assertTrue(made())
        for _ in range(2):
            inode, lock = folder.stat().st_ino, (ready / "lock").stat().st_ino
            layers, end = self.layers("-w", f"{self.work}:cow")
            self.assertEqual(layers.stat().st_ino, inode)
            self.assertEqual((self.dir / "state/live/mine").stat().st_ino, lock)
            self.assertFalse((ready / "folder").exists() or (ready / "lock").exists())
            self.assertEqual(stat.S_IMODE((layers / "upper").stat().st_mode), stat.S_IMODE(self.work.stat().st_mode))
            end()
            self.assertTrue(made())
            self.assertEqual(list((folder / "upper").iterdir()) + list((folder / "work").iterdir()), [])

    def test_sessions_are_spread_over_an_ext4(self):
        """chattr(1), T: each has a place of the disk of its own, and what others delete does not slow it down."""
        def is_top(path):
            r = subprocess.run(["lsattr", "-d", path], capture_output=True, text=True)
            return r.returncode == 0 and "T" in r.stdout.split()[0]

        subprocess.run(["chattr", "+T", self.work], capture_output=True)
        if not is_top(self.work):
            self.skipTest("the file system knows no such flag")
        self.sh("true")
        self.assertTrue(wait_for((self.dir / "state/ready/lock").exists))
        self.assertTrue(is_top(self.dir / "state/ready"))

    def test_folders_that_stood_ready_are_not_left_where_none_are_wanted(self):
        """A home folder is no workspace, which is known only when the folders were taken."""
        self.sh("true")
        self.assertTrue(wait_for((self.dir / "state/ready/lock").exists))
        r = subprocess.run([os.path.abspath(CORDON), "run", "-q", "--trace", TRACE, "--session", "mine", "--", "true"],
                           env=dict(self.env, HOME=str(self.work)), cwd=self.work, timeout=60 * SLOWER)
        self.assertEqual(r.returncode, 0)
        self.assertFalse((self.dir / "state/ready/folder").exists())
        self.assertEqual([p.name for p in (self.dir / "state/sessions/mine").iterdir()], ["record.jsonl"])

    def test_folders_that_stand_ready_replace_no_kept_changes(self):
        self.sh("echo 1 > kept", options=["--session", "mine", "-w", f"{self.work}:cow"])
        kept = self.dir / "state/sessions/mine/layers/upper/kept"
        self.assertTrue(wait_for((self.dir / "state/ready/lock").exists))
        self.assertEqual(kept.read_text(), "1\n")
        self.record = self.dir / "second.jsonl"
        self.assertEqual(self.sh("cat kept", options=["--session", "mine", "-w", f"{self.work}:cow"]).stdout, b"1\n")
        self.assertTrue(kept.exists() and (self.dir / "state/ready/folder").exists())

    def test_a_killed_session_is_settled_by_the_next_of_its_name(self):
        """Also if no sweep came to it: one is left out while another session begins, and takes 64 at a time."""
        for name, mark, kept in (("first", "discard", b""), ("second", str(self.work), b"of before\n")):
            with self.subTest(mark):
                live, layers = self.dir / "state/live", self.dir / f"state/sessions/{name}/layers"
                live.mkdir(parents=True, exist_ok=True)
                (live / name).write_text(mark)
                (layers / "upper").mkdir(parents=True)
                (layers / "work").mkdir()
                (layers / "upper/f").write_text("of before\n")
                lock = os.open(live, os.O_RDONLY)
                fcntl.flock(lock, fcntl.LOCK_SH)
                self.record = self.dir / f"{name}.jsonl"
                r = self.sh("cat f", options=["-q", "--session", name, "-w", f"{self.work}:cow"])
                os.close(lock)
                self.assertEqual(r.stdout, kept, r.stderr)
                if kept:
                    self.assertEqual(os.readlink(layers / "of"), str(self.work))

    def test_kept_changes_stay_with_their_workspace(self):
        """Over another they would hide its files."""
        self.sh("echo 1 > kept", options=["--session", "mine", "-w", f"{self.work}:cow"])
        layers = self.dir / "state/sessions/mine/layers"
        self.assertTrue(wait_for((layers / "of").is_symlink))
        other = self.dir / "other"
        other.mkdir()
        (other / "kept").write_text("2\n")
        self.record = self.dir / "second.jsonl"
        r = self.sh("cat kept", options=["--session", "mine", "-w", f"{other}:cow"])
        self.assertEqual((r.returncode, r.stdout), (125, b""))
        self.assertIn(f"kept changes of the workspace {self.work}, which cannot be laid over {other}; name that workspace, "
                      f"another session, or remove {layers}", r.stderr.decode())
        self.assertFalse(self.record.exists())
        self.assertEqual(self.sh("cat kept", options=["--session", "mine", "-w", f"{self.work}:cow"]).stdout, b"1\n")


if __name__ == "__main__":
    unittest.main(verbosity=1)
