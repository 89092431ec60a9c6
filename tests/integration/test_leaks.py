#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two hundred sessions in a row, two hundred calls in one: what is counted stays where it was."""

import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

from cordon_testing import CORDON, TRACE, CordonTest, all_below, bpf_left, bpf_objects, cgroups_of, descendants, mounts, wait_for
from mcp_client import Client

ROUNDS = int(os.environ.get("ROUNDS", "200"))


class Leaks(CordonTest):
    def descriptors(self, pid):
        found = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
            except OSError:
                pass
        return sorted(found)

    def machine(self):
        """What cordon makes on the host. Others may run it meanwhile: only names of ours count there."""
        return {
            "mounts": mounts(),
            "inside": self.marked(),
            "holders": self.holders(),
            "state": sorted(str(p.relative_to(self.dir)) for p in all_below(self.dir / "state")),
        }

    def test_sessions(self):
        def one(i):
            return self.cordon("run", "--trace", TRACE, "-w", self.work, "--session", f"leak-{os.getpid()}-{i}", "--record",
                               self.dir / f"r{i}.jsonl", *self.mark, "--discard", "--", "sh", "-c", "echo x > f; sleep 100 & exit 0")

        self.assertEqual(one("first").returncode, 0)
        wait_for(lambda: not self.holders())
        before = self.machine()
        objects = bpf_objects()
        for i in range(ROUNDS):
            self.assertEqual(one(i).returncode, 0)
        # Layers and cgroups go behind the run.
        self.assertTrue(wait_for(lambda: self.machine() == before), (self.machine(), before))
        self.assertTrue(wait_for(lambda: not cgroups_of(f"leak-{os.getpid()}-*")))
        self.assert_no_new(objects)

    def test_killed_at_any_moment(self):
        """Many at a time, one watched by itself, the next by the resident supervisor, each ended by any signal."""
        chosen = random.Random(ROUNDS)
        server = self.resident()
        before, objects = self.machine(), bpf_objects()
        held = self.count_open(server)
        running = []
        for i in range(ROUNDS // 4):
            command = chosen.choice(["true", "sleep 9", "setsid sleep 99 & echo x > f; kill -STOP $$", "while :; do /bin/true; done"])
            run = subprocess.Popen([CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, "--session", f"leak-{os.getpid()}-{i}",
                                    "--record", self.dir / f"k{i}.jsonl", *self.mark, "--discard", "--timeout=3", "--", "sh", "-c", command],
                                   env=dict(self.env, CORDON_RESIDENT=chosen.choice(["off", "auto"])), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            running.append(run)
            time.sleep(chosen.expovariate(20))
            if len(running) > 12:
                run = running.pop(chosen.randrange(len(running)))
                run.send_signal(chosen.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]))
                run.wait()
        for run in running:
            run.wait()
        self.assertTrue(wait_for(lambda: not self.holders()))
        self.assertIsNone(server.poll())
        self.assertTrue(wait_for(lambda: self.count_open(server) == held), (self.count_open(server), held))
        # What a killed run has left the next one removes.
        self.assertEqual(self.cordon("run", "--trace", TRACE, "-w", self.work, "--discard", "--", "true").returncode, 0)
        self.assertTrue(wait_for(lambda: not list((self.dir / "state/live").iterdir())))
        self.assertTrue(wait_for(lambda: self.machine()["mounts"] == before["mounts"] and not self.marked()))
        self.assertTrue(wait_for(lambda: not cgroups_of(f"leak-{os.getpid()}-*")))
        if TRACE == "on":
            self.assertEqual(bpf_left(objects), {})

    def count_open(self, server):
        """It is not dumpable: only root may look."""
        return len(os.listdir(f"/proc/{server.pid}/fd")) if os.geteuid() == 0 else None

    def resident(self):
        server = subprocess.Popen([CORDON, "serve", "--idle", "600"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, server)
        self.assertIn(b"serving", server.stderr.readline())
        return server

    def assert_no_new(self, before):
        if TRACE != "on":
            return
        # The kernel frees them in its own time.
        self.assertEqual(bpf_left(before), {})
        p = self.start("sh", "-c", "echo up; sleep 100")
        self.assertEqual(p.stdout.readline(), b"up\n")
        self.assertTrue(bpf_objects()["programs"] - before["programs"], "a session that lives has programs")

    def test_failed_starts(self):
        """Sessions that are refused late, and commands that are not there."""
        def one():
            for options, status in ((["--label", "none=secret"], 125 if TRACE == "on" else 0), (["--record", "/none/r"], 125),
                                    (["--bind", "/none"], 125)):
                r = self.cordon("run", "--trace", TRACE, "-w", self.work, "--discard", *self.mark, *options, "--", "true")
                self.assertEqual(r.returncode, status, r.stderr)
            self.assertEqual(self.cordon("run", "--trace", TRACE, "-w", self.work, "--discard", "--", "none").returncode, 127)

        one()
        wait_for(lambda: not self.holders())
        objects = bpf_objects()
        before = self.machine()
        records = len([p for p in before["state"] if p.endswith(".jsonl")])
        for _ in range(ROUNDS // 10):
            one()
        wait_for(lambda: not self.holders())
        after = self.machine()
        # A record stays of each session that stood; its folder holds nothing else.
        kept = [p for p in after["state"] if p.endswith(".jsonl")]
        self.assertEqual(len(kept), records * (1 + ROUNDS // 10))
        self.assertEqual(len([p for p in after["state"] if p.startswith("state/sessions/")]), 2 * len(kept))
        del before["state"]
        self.assertTrue(wait_for(lambda: before.items() <= self.machine().items()), (before, self.machine()))
        self.assert_no_new(objects)

    def test_calls(self):
        # Sanitizers keep freed memory back, and would look like a leak.
        self.env["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
        c = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--session", f"calls-{os.getpid()}",
                    "--record", str(self.record), *self.mark], self.env, self.dir)
        self.addCleanup(c.abandon)
        c.open()
        pid = c.process.pid
        # Of each kind that leaves something to close: output, input, denial, time-out, a program that is not there.
        calls = [("bash", {"command": "sleep 1000 & echo x; (echo y | cat); exit 3"}), ("python", {"code": "print(1)"}),
                 ("write_file", {"path": "f", "content": "x"}), ("read_file", {"path": "f"}), ("list_directory", {"path": "."}),
                 ("bash", {"command": "exec 3<>/dev/tcp/169.254.169.254/80"}), ("read_file", {"path": "none"}),
                 ("bash", {"command": "sleep 100", "timeout_seconds": 0.05}), ("bash", {"command": "no-such-command"}),
                 ("bash", {"command": 1})]

        def all_calls():
            for name, arguments in calls:
                c.call(name, **arguments)
            c.send({"id": "x", "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "sleep 100"}}})
            c.send({"method": "notifications/cancelled", "params": {"requestId": "x"}})
            c.call("bash", command="true")

        def settled():
            """What the supervisor and the session hold once everything of a call is gone."""
            return {"fds": self.descriptors(pid), "keeper": len(descendants(pid)), "inside": len(self.marked())}

        all_calls()
        # With the init, and the leaf that stands ready, and who waits for that.
        self.assertTrue(wait_for(lambda: settled()["keeper"] == 4), settled())
        before = settled()
        inside = wait_for(lambda: self.inside_of(pid))
        self.assertTrue(inside)
        rss = self.rss_kib(pid)
        for _ in range(ROUNDS // 10):
            all_calls()
        self.assertTrue(wait_for(lambda: settled() == before), (before, settled()))
        self.assertTrue(wait_for(lambda: self.inside_of(pid) == inside), (inside, self.inside_of(pid)))
        self.assertLess(self.rss_kib(pid) - rss, 16 << 10)
        self.assertEqual(c.close()[0], 0)
        self.assertEqual(self.verified()[0], 0)

    def inside_of(self, pid):
        """Mounts and descriptors of keeper and init, which only root may look at; None while one of them ends."""
        if os.geteuid():
            return None, None
        # Not by process id, which may start from the beginning in between.
        processes = descendants(pid)
        try:
            return (sorted(pathlib.Path(f"/proc/{p}/mountinfo").read_text().count("\n") for p in processes),
                    sorted(len(os.listdir(f"/proc/{p}/fd")) for p in processes))
        except OSError:
            return None

    def rss_kib(self, pid):
        return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    unittest.main()
