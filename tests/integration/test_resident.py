# SPDX-License-Identifier: Apache-2.0
"""The resident supervisor: what `cordon run` and its user rely on when the watcher is another process.

That a run behaves the same with it is tested by running test_run.py with it.
"""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

import shared_resident
from cordon_testing import CORDON, PROGRAMS, SANITIZED, SLOWER, TRACE, CordonTest, descendants, living, wait_for
from resident_testing import ResidentTest


# A run of lowered priority starts no server, which would hand it on.
starts_one = unittest.skipIf(os.getpriority(os.PRIO_PROCESS, 0) > 0, "runs with lowered priority, as a test under nice(1)")


class Life(ResidentTest):
    def test_a_run_uses_it(self):
        self.assertEqual(self.run_quietly("sh", "-c", "exit 3").returncode, 3)
        self.assertEqual(self.served(), 1)
        self.assertEqual(self.run_quietly("true", options=["--resident", "off"]).returncode, 0)
        self.assertEqual(self.served(), 1)

    def test_a_missing_trace_is_told(self):
        for resident in ("auto", "off"):
            r = self.cordon("run", "--trace", "off", "--resident", resident, "-w", self.work, "--", "true")
            self.assertIn(b"no trace: turned off by --trace=off", r.stderr, resident)
        self.assertEqual(self.served(), 1)

    def test_rules_that_need_a_trace_are_told(self):
        """Of those that refuse or kill: one that is on more than that, and one that only logs, are not."""
        def on(name, kinds, verdict, **more):
            return {"id": name, "category": "test", "severity": "low", "on": kinds, "when": "action.exe == '/x'", "verdict": verdict,
                    "because": name, "match": [{"action": {"kind": kinds[0], "exe": "/x"}}],
                    "not_match": [{"action": {"kind": kinds[0]}}], **more}
        beside = [on("noted", ["proc.fork"], "log"), on("seen", ["proc.fork"], "kill", mode="observe"),
                  on("both", ["proc.fork", "exec"], "kill")]
        for rules, told in (([], b""), (["proc.fork"], b"; 1 rule that kills is never asked: see cordon policy check"),
                            (["proc.fork", "proc.call"], b"; 2 rules that kill are never asked: see cordon policy check")):
            path = self.policy(*beside, *(on(kind, [kind], "kill") for kind in rules))
            for resident in ("auto", "off"):
                r = self.cordon("run", "--trace", "off", "--resident", resident, "-p", path, "-w", self.work, "--", "true")
                self.assertIn(b"turned off by --trace=off" + (told or b"\n"), r.stderr, resident)

    def test_a_label_that_no_rule_reads_is_told(self):
        key = self.work / "key"
        key.write_text("made up\n")
        labels = ["--label", f"{key}=secret", "--label", f"{key}=secrte"]
        for resident in ("auto", "off"):
            options = ["--trace", TRACE, "--resident", resident, "-w", self.work, *labels]
            r = self.cordon("run", *options, "--", "true")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertIn(f'--label {key}=secrte: no rule reads the label "secrte"'.encode(), r.stderr, resident)
            self.assertEqual(r.stderr.count(b"no rule reads"), 1, resident)
            self.assertNotIn(b"no rule reads", self.cordon("run", "-q", *options, "--", "true").stderr)
        self.assertEqual(self.served(), 2)

    @starts_one
    def test_a_run_that_cannot_be_starts_none(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        self.assertEqual(self.run_quietly("true", options=["-p", self.dir / "nowhere"]).returncode, 125)
        self.assertFalse(wait_for(lambda: self.status()["running"], 1))

    @starts_one
    def test_the_first_run_starts_one(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        self.assertEqual(self.run_quietly("true", options=["--resident", "off"]).returncode, 0)
        self.assertFalse(self.status()["running"])
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertTrue(wait_for(lambda: self.status()["running"]))
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual(self.served(), 1)

    @starts_one
    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one processor")
    def test_a_run_on_one_processor_starts_one_on_all(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        one = {min(os.sched_getaffinity(0))}
        r = self.run_quietly("grep", "Cpus_allowed_list", "/proc/self/status", preexec_fn=lambda: os.sched_setaffinity(0, one))
        self.assertEqual(r.stdout.split()[1].decode(), str(*one))
        self.assertTrue(wait_for(lambda: self.status()["running"]))
        self.assertGreaterEqual(os.sched_getaffinity(self.pid()), os.sched_getaffinity(0))

    @starts_one
    def test_a_run_with_limits_starts_none(self):
        """They would be those of whoever comes next: 2 s of CPU time, records of 64 KiB."""
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        gib = 1 << 30
        limits = [
            (resource.RLIMIT_CPU, 600),
            (resource.RLIMIT_FSIZE, gib),
            (resource.RLIMIT_AS, 8 * gib),
            (resource.RLIMIT_DATA, 8 * gib),
            (resource.RLIMIT_NOFILE, 512),
        ]
        for kind, most in limits:
            if SANITIZED and kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
                continue  # which reserves terabytes of addresses
            r = self.run_quietly("true", preexec_fn=lambda: resource.setrlimit(kind, (most, most)))
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertFalse(wait_for(lambda: self.status()["running"], 1), kind)
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertTrue(wait_for(lambda: self.status()["running"]))

    @starts_one
    @unittest.skipUnless(os.geteuid() == 0, "only root may have a real-time priority")
    def test_a_run_of_real_time_starts_none(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        fifo = os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
        r = self.run_quietly("true", preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_FIFO, fifo))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertFalse(wait_for(lambda: self.status()["running"], 1))

    @starts_one
    def test_many_first_runs_start_one(self):
        self.cordon("serve", "--stop")
        with ThreadPoolExecutor(6) as pool:
            done = list(pool.map(lambda _: self.run_quietly("true").returncode, range(6)))
        self.assertEqual(done, [0] * 6)
        self.assertTrue(wait_for(lambda: self.status()["running"]))
        self.assertEqual(len(list(self.place().glob("*.sock"))), 1)
        second = self.cordon("serve")
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"already", second.stderr)

    def test_idle_end(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not self.status()["running"]))
        self.assertEqual(self.cordon("serve", "--detach", "--idle", "5").returncode, 0)
        pid = self.pid()
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertTrue(wait_for(lambda: not os.path.exists(f"/proc/{pid}")))
        self.assertEqual(list(self.place().iterdir()), [])

    def test_stop_waits_for_the_last_session(self):
        p = self.start("sh", "-c", "echo up; read x; echo $x; exit 4", stdin=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"up\n")
        pid = self.pid()
        self.assertEqual(self.cordon("serve", "--stop").returncode, 0)
        self.assertFalse(self.status()["running"])
        out, _ = p.communicate(b"go\n", timeout=60 * SLOWER)
        self.assertEqual((p.returncode, out), (4, b"go\n"))
        self.assertTrue(wait_for(lambda: not os.path.exists(f"/proc/{pid}")))

    def test_it_holds_nothing_of_its_starter(self):
        pid = self.pid()
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        self.assertNotEqual(int(stat[3]), os.getsid(0))
        if os.geteuid() == 0:
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
            self.assertEqual({os.readlink(f"/proc/{pid}/fd/{i}") for i in range(3)}, {"/dev/null"})

    def test_wrong_options(self):
        for args in (["--idle", "0"], ["--idle", "x"], ["more"], ["--nonsense"]):
            r = self.cordon("serve", *args)
            self.assertNotEqual(r.returncode, 0, args)
            self.assertTrue(r.stderr, args)


class Fit(ResidentTest):
    @starts_one
    def test_another_build_has_another_one(self):
        build = self.dir / "build"
        build.mkdir()
        for name in (*PROGRAMS, "cordon-launch"):
            shutil.copy2(pathlib.Path(CORDON).parent / name, build / name)
        shutil.copytree(pathlib.Path(CORDON).resolve().parent / "../policies", self.dir / "policies")

        def served():
            r = subprocess.run([build / "cordon", "serve", "--status", "--json"], env=self.env, capture_output=True)
            return json.loads(r.stdout).get("served")

        run = [build / "cordon", "run", "-q", "--trace", TRACE, "-w", self.work, "--", "true"]
        self.assertEqual(subprocess.run(run, env=self.env).returncode, 0)
        self.assertTrue(wait_for(lambda: served() == 0))
        self.assertEqual(self.served(), 0)
        # Built anew: the old one is not met again.
        shutil.copy2(build / PROGRAMS[-1], build / "new")
        os.rename(build / "new", build / PROGRAMS[-1])
        self.assertIsNone(served())
        self.assertEqual(subprocess.run(run, env=self.env).returncode, 0)
        self.assertTrue(wait_for(lambda: served() == 0))
        subprocess.run([build / "cordon", "serve", "--stop"], env=self.env, capture_output=True)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to make the namespaces")
    def test_another_namespace_does_without(self):
        for flag in ("--net", "--mount"):
            r = subprocess.run(["unshare", flag, CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, "--",
                                "sh", "-c", "exit 5"], env=self.env, capture_output=True, timeout=60 * SLOWER)
            self.assertEqual(r.returncode, 5, r.stderr)
        self.assertEqual(self.served(), 0)

    def test_a_folder_open_to_others_is_refused(self):
        self.cordon("serve", "--stop")
        self.place().chmod(0o755)
        r = self.cordon("serve")
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"chmod go-rwx", r.stderr)
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual(list(self.place().glob("*.sock")), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give a folder away")
    def test_a_folder_of_somebody_else_is_refused(self):
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not list(self.place().iterdir())))
        os.chown(self.place(), 65534, 65534)
        r = self.cordon("serve")
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"belongs to user 65534", r.stderr)
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual(list(self.place().glob("*.sock")), [])
        os.chown(self.place(), 0, 0)

    def test_a_changed_policy_is_seen(self):
        def with_verdict(verdict):
            return self.policy({"id": "t.id", "category": "test", "severity": "low", "on": ["exec"],
                                "when": "action.name == 'id'", "verdict": verdict, "because": "No id.", "refs": [],
                                "match": [{"action": {"kind": "exec", "name": "id"}}],
                                "not_match": [{"action": {"kind": "exec", "name": "cat"}}]})

        def run_id(path):
            return self.run_quietly("sh", "-c", "id >/dev/null 2>&1; echo $?", options=["-p", path]).stdout

        for old in (False, True):  # just written, and settled for long: only the latter is kept
            path = with_verdict("allow")
            if old:
                os.utime(path, (1, 1))
            self.assertEqual(run_id(path), b"0\n")
            self.assertEqual(run_id(path), b"0\n")
            path = with_verdict("deny")
            self.assertEqual(run_id(path), b"126\n")
            path.chmod(0o666)
            r = self.run_quietly("true", options=["-p", path])
            self.assertEqual(r.returncode, 125)
            self.assertIn(b"chmod go-w", r.stderr)
            path.unlink()
            self.assertEqual(self.run_quietly("true", options=["-p", path]).returncode, 125)

    def test_a_policy_that_was_kept_is_loaded_anew(self):
        folder = self.dir / "policies"
        folder.mkdir()
        path = self.policy({"id": "t.id", "category": "test", "severity": "low", "on": ["exec"],
                            "when": "action.name == 'id'", "verdict": "deny", "because": "No id.", "refs": [],
                            "match": [{"action": {"kind": "exec", "name": "id"}}],
                            "not_match": [{"action": {"kind": "exec", "name": "cat"}}]})
        (folder / "empty.json").write_text(json.dumps({"policy": "empty", "version": 1, "rules": []}))
        wait_for(lambda: False, seconds=1.2)  # nothing was touched within the last second
        self.assertEqual(self.run_quietly("id", options=["-p", folder]).returncode, 0)
        self.assertEqual(self.run_quietly("id", options=["-p", folder]).returncode, 0)
        os.rename(path, folder / "more.json")
        self.assertEqual(self.run_quietly("id", options=["-p", folder]).returncode, 126)


class Death(ResidentTest):
    def up(self, *options):
        p = self.start("sh", "-c", "setsid sleep 300 & echo up; sleep 300", options=[*self.mark, *options])
        self.assertEqual(p.stdout.readline(), b"up\n")
        return p

    def test_the_servers_ends_the_session(self):
        p = self.up()
        tree = descendants(p.pid)
        os.kill(self.pid(), signal.SIGKILL)
        _, err = p.communicate(timeout=60 * SLOWER)
        self.assertEqual(p.returncode, 125)
        self.assertIn(b"resident supervisor ended", err)
        self.assertTrue(wait_for(lambda: not living(tree) and not self.marked()))
        self.assertEqual(self.verified()[0], 3)
        # What it left in the folder is no hindrance.
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.cordon("serve", "--detach")  # unless the run has started one
        self.assertTrue(wait_for(lambda: self.status()["running"]))

    def test_the_clients_ends_the_session(self):
        p = self.up()
        tree = descendants(p.pid)
        p.kill()
        p.wait()
        self.assertTrue(wait_for(lambda: not living(tree) and not self.marked()))
        self.assertTrue(wait_for(lambda: self.status()["sessions"] == 0))
        # Its watcher lived, and closed the record.
        self.assertEqual(self.verified()[0], 0)
        self.assertEqual(self.run_quietly("true").returncode, 0)

    def test_runs_do_without_a_stopped_one(self):
        """It hears of none of them when it goes on: nothing is run a second time, none is held up for long."""
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        command = ["sh", "-c", "echo ran >> done; sleep 300 & echo up"]
        live = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:live", "--", *command)
        self.assertEqual((live.returncode, live.stdout.splitlines()[-1:]), (0, [b"up"]), live.stderr)
        self.assertIn(b"the resident supervisor does not answer, so this run does without it", live.stderr)
        self.assertEqual(self.run_quietly("true").stderr, b"")
        p = self.up()
        tree = descendants(p.pid)
        p.kill()
        p.wait()
        self.assertTrue(wait_for(lambda: not living(tree) and not self.marked()), "the stopped one holds a session")
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.status()["served"], 0)
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual(self.served(), 1)
        self.assertEqual((self.work / "done").read_text(), "ran\n")

    def test_sigterm_to_the_server_ends_all(self):
        p = self.up()
        os.kill(self.pid(), signal.SIGTERM)
        p.communicate(timeout=60 * SLOWER)
        self.assertEqual(p.returncode, 137)
        self.assertTrue(wait_for(lambda: not self.marked()))
        self.assertEqual(self.verified()[0], 0)


class Load(ResidentTest):
    def test_fifty_at_once(self):
        def run(i):
            return self.run_quietly("sh", "-c", f"echo {i}; exit {i}")

        with ThreadPoolExecutor(50) as pool:
            done = list(pool.map(run, range(50)))
        self.assertEqual([(r.returncode, r.stdout) for r in done], [(i, b"%d\n" % i) for i in range(50)])
        self.assertEqual(self.served(), 50)
        self.assertTrue(wait_for(lambda: self.status()["sessions"] == 0))

    @unittest.skipUnless(os.geteuid() == 0, "the server's descriptors are nobody's to see but root's")
    def test_no_descriptor_is_left(self):
        def count():
            return len(os.listdir(f"/proc/{pid}/fd"))

        pid = self.pid()
        self.run_quietly("true")
        self.run_quietly("nonsense")
        wait_for(lambda: self.status()["sessions"] == 0)
        before = count()
        commands = (["true"], ["nonsense"], ["sh", "-c", "id; exec 3<>/dev/tcp/1.2.3.4/5"])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: self.run_quietly(*commands[i % 3]), range(200)))
        self.assertEqual(self.served(), 202)
        # The asking connection is one of them at times.
        self.assertTrue(wait_for(lambda: count() <= before), (before, count()))


class Shared(CordonTest):
    """By what an emulated machine's tests have (tests/vm/suites.py)."""

    def test_one_for_several_state_folders(self):
        shared = shared_resident.Shared(CORDON)
        served = lambda: json.loads(shared.serve("--status", "--json"))["served"]
        self.addCleanup(shared.end, os.getpid())
        self.assertTrue(wait_for(lambda: served() == 2), "the key's session, and the one that sleeps")
        for number, name in enumerate(("one", "two"), 3):
            self.env["CORDON_STATE_DIR"] = str(self.dir / name)
            shared.offer(self.env)
            self.assertEqual(self.run_in("sh", "-c", "exit 3").returncode, 3)
            self.assertEqual(served(), number)
            self.assertEqual(self.verified()[0], 0)
            self.assertTrue((self.dir / name / "sessions").is_dir())


if __name__ == "__main__":
    unittest.main()
