#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The supervisor stopped, killed and out of memory at random instants, behind each face.

What proceeds is told from outside: connections that arrive at sockets of the host, and files that
programs leave in the session's layer. A worker does one gated action after the other, so from an
instant on it can finish the one that was allowed before, and no other. CORDON_ROUNDS: how often.
"""

import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import unittest

from cordon_testing import (CORDON, SLOWER, TRACE, CordonTest, bpf_left, bpf_objects, cgroups_of, descendants, living, mounts,
                            stat_of, wait_for)
from mcp_client import Client

ROUNDS = int(os.environ.get("CORDON_ROUNDS", "2"))
FACES = ("run", "mcp", "resident")
WORKERS = 3

LOAD = """
import os, socket, sys, time
def work(k):
    i = 0
    while not os.path.exists(sys.argv[1] + "/end"):
        if i == int(sys.argv[2]):
            time.sleep(0.02)
            continue
        i += 1
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{sys.argv[1]}/{k}")
        pid = os.posix_spawn("/bin/touch", ["touch", f"ran-{k}-{i}"], os.environ)
        if os.waitpid(pid, 0)[1]:
            raise OSError("touch failed")
workers = []
for k in range(%d):
    workers.append(os.fork())
    if not workers[-1]:
        try:
            work(k)
        except BaseException as e:
            print(e, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
if any([os.waitpid(w, 0)[1] for w in workers]):
    time.sleep(1000)  # its end is not to be what ends the session
os._exit(0)
""" % WORKERS


class Watched:
    """One session under load: who watches it, and how far its workers got."""

    def __init__(self, test, face, name, actions):
        self.test, self.face, self.name, self.actions = test, face, name, actions
        self.meet = test.dir / name
        self.meet.mkdir()
        self.meet.chmod(0o777)
        self.record = test.records / f"{name}.jsonl"
        self.upper = test.dir / "state/sessions" / name / "layers/upper"
        self.listeners = [self.listen(k) for k in range(WORKERS)]
        self.connected = collections.Counter()
        options = ["--trace", TRACE, "-w", str(test.work), "--bind", f"{self.meet}:{self.meet}:rw", "--record",
                   str(self.record), "--session", name, "--policy", str(test.free), *test.mark]
        if face == "mcp":
            self.client = Client([os.path.abspath(CORDON), "mcp", *options], test.env, test.dir)
            self.process = self.client.process
            test.addCleanup(self.client.abandon)
            self.client.open()
            self.client.send({"id": "load", "method": "tools/call", "params": {
                "name": "bash", "arguments": {"command": f"exec python3 load.py {self.meet} {actions}"}}})
        else:
            argv = [CORDON, "run", "--resident", "auto" if face == "resident" else "off", *options]
            argv += ["--", "python3", "load.py", str(self.meet), str(actions)]
            self.process = subprocess.Popen(argv, env=test.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE)
            test.addCleanup(test.end, self.process)
        self.watcher = test.server_pid() if face == "resident" else self.process.pid

    def listen(self, k):
        s = socket.socket(socket.AF_UNIX)
        self.test.addCleanup(s.close)
        s.bind(str(self.meet / str(k)))
        (self.meet / str(k)).chmod(0o777)
        s.listen(4096)
        s.setblocking(False)
        return s

    def ran(self):
        """Programs that took effect, by worker."""
        names = os.listdir(self.upper) if self.upper.is_dir() else ()
        return collections.Counter(int(name.split("-")[1]) for name in names if name.startswith("ran-"))

    def done(self):
        """All actions that took effect so far, by worker."""
        for k, listener in enumerate(self.listeners):
            while True:
                try:
                    listener.accept()[0].close()
                except BlockingIOError:
                    break
                self.connected[k] += 1
        return self.ran() + self.connected

    def told(self):
        """All actions that the record tells of so far, by worker."""
        told = collections.Counter()
        for event in map(json.loads, self.record.read_bytes().split(b"\n")[:-1]):
            if event["kind"] == "exec" and event["fields"]["argv"][0] == "touch":
                told[int(event["fields"]["argv"][1].split("-")[1])] += 1
            elif event["kind"] == "net.connect":
                told[int(event["fields"]["path"].rsplit("/", 1)[1])] += 1
        return told

    def goes_on(self, actions=2, before=None):
        """Every worker does so many more than before, than now if nothing is said."""
        before = self.done() if before is None else before
        self.test.assertTrue(wait_for(lambda: all((self.done() - before)[k] >= actions for k in range(WORKERS))),
                             f"{self.face}: {before} {self.done()} {self.process.poll()}")

    def check_nothing_more(self, before):
        more = self.done() - before
        self.test.assertLessEqual(max(more.values(), default=0), 1, f"{self.face}: proceeded unchecked: {more}")

    def end(self):
        """Its own end, of which the record tells."""
        (self.meet / "end").touch()
        if self.face != "mcp":
            err = self.process.communicate(timeout=30 * SLOWER)[1]
            self.test.assertEqual(self.process.returncode, 0, err)
            return
        answer = self.client.answer()
        self.test.assertFalse(answer["result"].get("isError"), answer)
        self.test.assertEqual(self.client.close()[0], 0)

    def reap(self):
        """After its supervisor's death: the process that the user started has ended with it."""
        self.process.communicate(timeout=60 * SLOWER)
        return self.process.returncode

    def close(self):
        for listener in self.listeners:
            listener.close()


class MemoryCgroup:
    """A memory cgroup of the test's own, cgroup v1 or v2; skips the test where there can be none."""

    def __init__(self, test, limit):
        v1 = os.path.isdir("/sys/fs/cgroup/memory")
        self.folder = pathlib.Path("/sys/fs/cgroup", "memory" if v1 else "", f"test-{os.getpid()}")
        self.test, self.counts = test, "memory.oom_control" if v1 else "memory.events"
        try:
            self.folder.mkdir()
            (self.folder / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(limit))
        except OSError as e:
            if self.folder.exists():
                self.folder.rmdir()
            test.skipTest(f"no memory cgroup can be made: {e}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.test.assertTrue(wait_for(lambda: not (self.folder / "cgroup.procs").read_text()))
        self.folder.rmdir()

    def starve(self, pid):
        """Only this process is in it; waits until it is dead."""
        (self.folder / "cgroup.procs").write_text(str(pid))
        self.test.assertTrue(wait_for(lambda: (stat_of(pid) or "Z")[-1] == "Z"), f"{pid} lives")

    def kills(self):
        return int(re.search(r"oom_kill (\d+)", (self.folder / self.counts).read_text())[1])


class Lost(CordonTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("SEED", "1"))
        self.rng = random.Random(f"{seed} {self.id()}")
        self.records = self.dir
        self.free = self.policy()  # everything is asked about, and allowed
        (self.work / "load.py").write_text(LOAD)
        self.mounts = mounts()
        self.objects = bpf_objects()
        self.took = []

    def server_pid(self):
        return json.loads(self.cordon("serve", "--status", "--json").stdout).get("pid")

    def serve(self):
        if not self.server_pid():
            self.assertEqual(self.cordon("serve", "--detach", "--idle", "600").returncode, 0)
            self.addCleanup(self.cordon, "serve", "--stop")

    def started(self, face, i, actions=-1):
        """Sessions of one supervisor: the resident one has several. Their workers rest after so many actions."""
        if face == "resident":
            self.serve()
        sessions = [Watched(self, face, f"{face}{i}{n}-{os.getpid()}", actions)
                    for n in range(2 if face == "resident" else 1)]
        for session in sessions:
            session.goes_on(before=collections.Counter())
        return sessions

    def stop(self, pid):
        os.kill(pid, signal.SIGSTOP)
        self.assertTrue(wait_for(lambda: stat_of(pid)[2] == "T"))

    def check_gone(self, sessions, trees, since):
        """No process is left; how long that took is judged over all rounds."""
        def gone():
            return not any(map(living, trees)) and not self.marked()

        while not gone() and time.monotonic() < since + 60 * SLOWER:
            time.sleep(0.002)
        self.took.append(time.monotonic() - since)
        self.assertTrue(gone(), f"{sessions[0].face}: {[living(t) for t in trees]} {self.marked()}")

    def check_cut(self, session, flushed):
        """The record says that it was cut, and holds: all whole lines, among them what was written by then."""
        status, text = self.verified(session.record)
        data = session.record.read_bytes()
        lines = data.split(b"\n")[:-1]
        self.assertEqual(status, 3, text)
        self.assertIn(": cut: ", text)
        self.assertEqual(int(re.search(r"(\d+) events hold", text)[1]), len(lines), text)
        self.check_told(session, flushed)
        # And it says so of no more than that: one line less in its middle is something else.
        torn = self.dir / "torn"
        torn.write_bytes(b"\n".join(lines[:-2] + lines[-1:]) + b"\n")
        self.assertEqual(self.verified(torn)[0], 1)

    def check_told(self, session, at_least):
        """Each action that took effect was asked about, and is on record."""
        missing = at_least - session.told()
        self.assertFalse(missing, f"{session.face}: not on record: {missing} of {at_least}")

    def check_closed(self, session):
        status, text = self.verified(session.record)
        self.assertEqual(status, 0, text)
        self.check_told(session, session.done())
        events = [json.loads(line) for line in session.record.read_bytes().splitlines()]
        self.assertFalse([e for e in events if e["kind"] in ("trace.lost", "exec.mismatch", "exec.refused")])
        self.assertEqual({e.get("verdict", "allow") for e in events}, {"allow"}, session.face)

    def check_swept(self):
        """After the next start nothing of any session is left, on the host and in the state folder."""
        def left():
            """What a session's user did not put there: all but what it changed, whose that is, and records."""
            layers = [p for p in (self.dir / "state/sessions").glob("*/layers/*")
                      if not (p.name == "upper" or p.name == "of" and any((p.parent / "upper").iterdir()))]
            return cgroups_of(f"-{os.getpid()}") + layers + list((self.dir / "state/live").iterdir())

        def swept():
            self.assertEqual(self.run_in("true", options=["--resident", "off"]).returncode, 0)
            wait_for(lambda: not self.holders())  # its own goes behind it
            return not left()

        self.assertTrue(wait_for(swept), left())
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.server_pid()))
        self.assertTrue(wait_for(lambda: mounts() == self.mounts), (self.mounts, mounts()))
        self.assertEqual(bpf_left(self.objects), {})
        if self.took:
            # At once, and not when somebody's patience ends; on a busy machine looking at /proc is what takes the time.
            self.assertLess(statistics.median(self.took), 5 * SLOWER)
            print(f"{self._testMethodName}: gone after {statistics.median(self.took) * 1e3:.0f} ms, "
                  f"at most {max(self.took) * 1e3:.0f} ms, of {len(self.took)}", flush=True)

    def flushed(self, sessions):
        """What must be on record now whatever happens."""
        before = [session.done() for session in sessions]
        if sessions[0].actions >= 0:
            # Soon nobody does anything any more: nothing may be held back. What somebody did after we looked may be.
            def all_told():
                before[:] = [session.done() for session in sessions]
                return all(session.told() >= done for session, done in zip(sessions, before))

            self.assertTrue(wait_for(all_told), [(session.told(), session.done()) for session in sessions])
            return before
        # What was done before the last tick of the timer, of a loop that has turned since.
        time.sleep(0.05 + self.rng.random() * 0.1)
        for session in sessions:
            session.goes_on(1)
        time.sleep(self.rng.random() * 0.005)
        return before

    def lose(self, sessions, how):
        """The supervisor dies by how(pid): what follows is the same whatever it died of."""
        watcher = sessions[0].watcher
        flushed = self.flushed(sessions)
        trees = [descendants(session.process.pid) for session in sessions]
        before = how(watcher) or [session.done() for session in sessions]
        since = time.monotonic()
        self.check_gone(sessions, trees, since)
        for session, done, told in zip(sessions, before, flushed):
            self.assertEqual(session.reap(), 125 if session.face == "resident" else -signal.SIGKILL)
            session.check_nothing_more(done)
            self.check_cut(session, told)
            session.close()

    def test_out_of_memory(self):
        """In a memory cgroup with less room than its work takes; its record lies in memory too, and counts there."""
        self.records = pathlib.Path(tempfile.mkdtemp(prefix="cordon-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, self.records)
        for i in range(ROUNDS):
            for face in FACES:
                with self.subTest(face=face, i=i), MemoryCgroup(self, self.rng.randrange(64, 512) << 10) as group:
                    self.lose(self.started(face, i), group.starve)
                    self.assertGreater(group.kills(), 0)
        self.check_swept()

    def test_killed(self):
        for i in range(ROUNDS):
            for face in FACES:
                with self.subTest(face=face, i=i):
                    self.lose(self.started(face, i, 3 if i % 2 else -1), lambda pid: os.kill(pid, signal.SIGKILL))
        self.check_swept()

    def test_stopped_and_killed(self):
        def stop_and_kill(pid):
            self.stop(pid)
            before = [session.done() for session in sessions]
            time.sleep(0.1)
            for session, done in zip(sessions, before):
                session.check_nothing_more(done)
            os.kill(pid, signal.SIGKILL)
            return before

        for i in range(ROUNDS):
            for face in FACES:
                with self.subTest(face=face, i=i):
                    sessions = self.started(face, i, 3 if i % 2 else -1)
                    self.lose(sessions, stop_and_kill)
        self.check_swept()

    def test_stopped_and_continued(self):
        """While it stands, nothing gated proceeds; afterwards all goes on as if nothing had been."""
        for i in range(ROUNDS):
            for face in FACES:
                with self.subTest(face=face, i=i):
                    sessions = self.started(face, i)
                    for _ in range(3):
                        time.sleep(self.rng.random() * 0.05)
                        self.stop(sessions[0].watcher)
                        before = [session.done() for session in sessions]
                        time.sleep(0.1)
                        for session, done in zip(sessions, before):
                            session.check_nothing_more(done)
                        os.kill(sessions[0].watcher, signal.SIGCONT)
                        for session in sessions:
                            session.goes_on()
                    for session in sessions:
                        session.end()
                        self.check_closed(session)
                        session.close()
        self.check_swept()

    def test_stopped_during_the_start(self):
        """The same at instants from the fork to the program's end."""
        for i in range(4 * ROUNDS):
            face, go_on = ("run", "resident")[i % 2], i % 4 < 2
            if face == "resident":
                self.serve()
            with self.subTest(face=face, go_on=go_on, i=i):
                self.record = self.dir / f"start{i}.jsonl"
                options = ["--session", f"start{i}-{os.getpid()}", "--resident", "off" if face == "run" else "auto"]
                p = self.start("sh", "-c", "exec touch ran", options=[*options, *self.mark])
                watcher = p.pid if face == "run" else self.server_pid()
                time.sleep(self.rng.random() * 0.03)
                if p.poll() is not None:
                    continue
                self.stop(watcher)
                tree = descendants(p.pid)
                time.sleep(0.02)
                os.kill(watcher, signal.SIGCONT if go_on else signal.SIGKILL)
                _, err = p.communicate(timeout=30 * SLOWER)
                if go_on:
                    self.assertEqual(p.returncode, 0, err)
                    self.assertEqual(self.verified()[0], 0)
                self.assertTrue(wait_for(lambda: not living(tree) and not self.marked() and not self.holders()))
        self.check_swept()


if __name__ == "__main__":
    unittest.main()
