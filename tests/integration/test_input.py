#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is named to be read may be a pipe that somebody writes to: <(...), /dev/stdin, a FIFO. Else it is refused, soon."""

import json
import os
import pathlib
import subprocess
import threading
import time
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest

SCENARIO = pathlib.Path(os.environ.get("SOURCE", ".")) / "scenarios/persistence/pe-git-hook.json"
ALLOWS = {"policy": "p", "version": 1, "rules": []}
REFUSES = {**ALLOWS, "defaults": {"exec": "deny"}}


class Input(CordonTest):
    def setUp(self):
        super().setUp()
        self.fifo = self.dir / "fifo"
        os.mkfifo(self.fifo)

    def run_args(self, *options):
        return ["run", "-q", "--trace", TRACE, "-w", self.work, *options, "--", "echo", "ran"]

    def with_pipe(self, args, text):
        """The PIPE among the arguments is one with the text in it, and closed, as bash has it for <(...)."""
        read_end, write_end = os.pipe()
        writer = threading.Thread(target=lambda: os.close(write_end) if os.write(write_end, text) else None)
        writer.start()
        args = [a.replace("PIPE", f"/dev/fd/{read_end}") if isinstance(a, str) else a for a in args]
        done = self.cordon(*args, pass_fds=[read_end])
        writer.join()
        os.close(read_end)
        return done

    def inputs(self):
        """What takes a file: arguments with PIPE in its place, and what the file holds."""
        spec = self.cordon("run", "--dry-run", "-w", f"{self.work}:ro", "--", "true").stdout
        self.run_in("true")
        record = self.record.read_bytes()
        policy = json.dumps(ALLOWS).encode()
        return [(self.run_args("--spec", "PIPE"), spec), (self.run_args("--policy", "PIPE"), policy),
                (self.run_args("--net=decoy", "--decoys", "PIPE"), b"[]"),
                (["policy", "check", "PIPE"], policy), (["policy", "test", "PIPE"], policy),
                (["policy", "explain", "@PIPE"], b'{"kind": "exec", "path": "/x"}'),
                (["scenario", "run", "--quiet", "--trace", TRACE, "PIPE"], SCENARIO.read_bytes()), (["log", "verify", "PIPE"], record),
                (["log", "show", "PIPE"], record), (["log", "replay", "PIPE"], record)]

    def test_pipes(self):
        for args, text in self.inputs():
            with self.subTest(args):
                done = self.with_pipe(args, text)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout)

    def test_it_is_what_counts(self):
        self.assertEqual(self.with_pipe(self.run_args("--policy", "PIPE"), json.dumps(REFUSES).encode()).returncode, 126)
        long = json.dumps({**ALLOWS, "description": "x" * (1 << 20)}).encode()  # more than a pipe holds
        self.assertEqual(self.with_pipe(self.run_args("--policy", "PIPE"), long).stdout, b"ran\n")
        done = self.with_pipe(["policy", "check", "PIPE"], b" " * ((16 << 20) + 1))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"more than 16777216 bytes", done.stderr)

    def test_standard_input(self):
        """A pipe or a file there, by its name; a device is neither."""
        policy = self.policy()
        for text in (ALLOWS, REFUSES):
            done = subprocess.run([CORDON, *map(str, self.run_args("--policy", "/dev/stdin"))], input=json.dumps(text).encode(),
                                  capture_output=True, env=self.env, timeout=60 * SLOWER)
            self.assertEqual(done.returncode, 126 if text is REFUSES else 0, done.stderr)
        with open(policy, "rb") as file:
            self.assertEqual(self.cordon(*self.run_args("--policy", "/dev/stdin"), stdin=file).stdout, b"ran\n")
        done = self.cordon(*self.run_args("--policy", "/dev/stdin"))
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"policy /dev/stdin: neither a file, a folder nor a pipe", done.stderr)

    def test_a_fifo_with_a_writer(self):
        """Whoever comes first; the resident supervisor, which others need, does not wait for it."""
        def write():
            self.fifo.write_text(json.dumps(ALLOWS))

        for _ in range(2):
            writer = threading.Thread(target=write)
            writer.start()
            done = self.cordon(*self.run_args("--policy", self.fifo))
            writer.join()
            self.assertEqual((done.returncode, done.stdout), (0, b"ran\n"), done.stderr)

    @unittest.skipUnless(os.environ.get("CORDON_RESIDENT") == "auto", "is about the resident supervisor")
    def test_others_are_served_meanwhile(self):
        with open(self.fifo, "r+b", buffering=0) as writer:
            waits = self.start("true", options=["--policy", self.fifo])
            time.sleep(2)  # as long as it likes
            other = self.cordon("run", "--trace", TRACE, "-w", self.work, "--", "true")
            self.assertEqual(other.returncode, 0, other.stderr)
            self.assertNotIn(b"does not answer", other.stderr)
            self.assertIsNone(waits.poll())
            writer.write(json.dumps(ALLOWS).encode())
        self.assertEqual(waits.wait(60 * SLOWER), 0)

    def test_a_fifo_without(self):
        for args, _ in self.inputs():
            with self.subTest(args):
                named = [str(a).replace("PIPE", str(self.fifo)) for a in args]
                began = time.monotonic()
                done = self.cordon(*named)
                self.assertLess(time.monotonic() - began, 30 * SLOWER)
                self.assertIn(done.returncode, (1, 2, 125))
                self.assertIn(f"{self.fifo}: a FIFO that nobody writes to; start its writer first, or name a file", done.stderr.decode())

    def test_a_folder_of_policies_has_files(self):
        """A pipe is named, not found there."""
        folder = self.dir / "policies"
        folder.mkdir()
        os.mkfifo(folder / "p.json")
        with open(folder / "p.json", "r+b", buffering=0) as writer:
            writer.write(json.dumps(ALLOWS).encode())
            done = self.cordon(*self.run_args("--policy", folder))
        self.assertEqual(done.returncode, 125)
        self.assertIn(f"policy {folder}/p.json: not a file", done.stderr.decode())

    def test_what_is_read_again(self):
        """A record that is learned from, and policies that are to be changed: before anything runs."""
        self.run_in("true")
        done = self.with_pipe(["policy", "learn", "PIPE"], self.record.read_bytes())
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"a pipe can be read only once", done.stderr)
        for args, status in ((self.run_args("--mode=learn", "--policy", "PIPE"), 125),
                             (["policy", "learn", "--policy", "PIPE", str(self.record)], 2)):
            done = self.with_pipe(args, json.dumps(ALLOWS).encode())
            self.assertEqual((done.returncode, done.stdout), (status, b""))
            self.assertIn(b"there is no change of a pipe to propose; save it as a file", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_a_pipe_of_somebody_else(self):
        read_end, write_end = os.pipe()
        os.write(write_end, json.dumps(ALLOWS).encode())
        os.fchown(read_end, 65534, 65534)
        os.close(write_end)
        done = self.cordon(*self.run_args("--policy", f"/dev/fd/{read_end}"), pass_fds=[read_end])
        os.close(read_end)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"belongs to user 65534, not to root or to you", done.stderr)


if __name__ == "__main__":
    unittest.main()
