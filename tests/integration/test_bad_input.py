#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people and programs get wrong about files, folders and programs: the error names the object, the reason and the way out."""

import concurrent.futures
import json
import os
import subprocess
import unittest

from cordon_testing import CORDON, NO_TRACE, SLOWER, TRACE
from refused_testing import BadInputTest


class Commands(BadInputTest):
    def check(self, command, status, says):
        r = self.run_in(*command)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertIn(says, r.stderr.decode(errors="replace"))
        self.assertEqual(self.verified()[0], 0)

    def test_cannot_be_run(self):
        (self.work / "data").write_text("text")
        (self.work / "empty").touch(0o755)
        (self.work / "broken").write_bytes(b"\x7fELF" + b"\0" * 100)
        (self.work / "script").write_text("#!/no/such/interpreter\n")
        (self.work / "fifo-dir").mkdir()
        os.mkfifo(self.work / "fifo", 0o755)
        for name in ("broken", "script"):
            (self.work / name).chmod(0o755)
        for command, status, says in ((["no-such-command"], 127, "no-such-command: command not found"),
                                      (["./none"], 127, "./none"), (["none/none"], 127, "none/none"),
                                      (["data/x"], 127, "data/x"), ([""], 127, "command not found"),
                                      (["./data"], 126, "Permission denied"), (["./fifo-dir"], 126, "Permission denied"),
                                      (["./fifo"], 126, "Permission denied"),
                                      (["./script"], 127, "./script"),
                                      (["x" * 5000], 127, "xxx"),
                                      (["/proc/1/mem"], 126, "Permission denied")):
            with self.subTest(command[0][:40]):
                self.check(command, status, says)
        # A file without any header is the shell's, as execvp(3) has it; this one has no command.
        self.assertEqual(self.run_in("./empty").returncode, 0)
        self.assertIn(self.run_in("./broken").returncode, (2, 126, 127))

    def test_gone_before_it_is_looked_at(self):
        """The program that is not found may end before the supervisor turns to it: many at once."""
        def run(_):
            r = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, "--", "no-such-command")
            return r.returncode, r.stderr

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(run, range(160))),
                             {(127, b"cordon: no-such-command: command not found in the session\n")})

    def test_arguments_pass_as_they_are(self):
        words = ["", " ", "a\nb", "\\", "'\"", "--", "-q", "*", "$HOME", b"\xff\xfe".decode("utf-8", "surrogateescape"), "ü"]
        r = self.run_in("sh", "-c", 'printf "%s\\0" "$@"', "sh", *words)
        self.assertEqual(r.stdout, b"".join(os.fsencode(w) + b"\0" for w in words))
        self.assertEqual(self.verified()[0], 0)

    def test_too_many_arguments(self):
        r = self.run_in("true", "x" * 130000, "y" * 130000)
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"pass long text through a file or stdin", r.stderr)
        r = self.run_in("true", *["x"] * 33000)
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"true: 33001 arguments", r.stderr)


class Places(BadInputTest):
    def test_workspace(self):
        (self.dir / "file").touch()
        (self.dir / "shut").mkdir(mode=0o000)
        (self.dir / "loop").symlink_to("loop")
        (self.dir / "a,b").mkdir()
        for path, says in ((self.dir / "none", "No such file"), (self.dir / "file", "is not a folder"),
                           (self.dir / "file/x", "Not a directory"), (self.dir / "loop", "symbolic links"),
                           (self.dir / "a,b", "comma"), ("", "is empty"), ("x" * 5000, "File name too long"),
                           ("/", "the root"), ("/usr", "system files"), ("/proc", "one below it"), ("/tmp", "shared")):
            with self.subTest(str(path)[:40]):
                self.refused("run", "--trace", TRACE, "-w", path, "--", "true", says=["orkspace", str(path)[:40], says])
        if os.geteuid():
            self.refused("run", "--trace", TRACE, "-w", self.dir / "shut", "--", "true", says=["shut", "Permission denied"])

    def test_workspace_with_the_state(self):
        self.env["CORDON_STATE_DIR"] = str(self.work / "state")
        (self.work / "state/sessions").mkdir(parents=True)
        (self.work / "state/live").mkdir()
        self.refused("run", "--trace", TRACE, "-w", self.work, "--", "true", says=[self.work, "state"])

    def test_the_state_by_another_name(self):
        """What leads to it by a link, or to a part of it, is no better; a layer that was kept is nobody's key."""
        (self.dir / "link").symlink_to(self.work / "state")
        (self.work / "state/sessions/old/layers/upper").mkdir(parents=True)
        (self.work / "state/live").mkdir()
        (self.work / "state/record.key").write_text("0" * 64 + "\n")
        (self.work / "state/record.key").chmod(0o600)
        self.env["CORDON_STATE_DIR"] = str(self.dir / "link")
        for mode in ("cow", "live", "ro"):
            self.refused("run", "--trace", TRACE, "-w", f"{self.work}:{mode}", "--", "true", says=[self.work, "own state"])
        other = self.dir / "other"
        other.mkdir()
        for bind in ("", "/state", "/state/record.key", "/state/live:rw", "/state/sessions/old", "/state/sessions/old/layers"):
            with self.subTest(bind):
                self.refused("run", "--trace", TRACE, "-w", other, "--bind", f"{self.work}{bind}", "--", "true",
                             says=[self.work, "own state"])
        r = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work / "state/sessions/old/layers/upper", "--", "true")
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_what_decides_where_the_session_may_write(self):
        """The session would write its record, its rules, or what is run outside to agree with it."""
        (self.work / "approve").write_text("#!/bin/sh\nexit 0\n")
        (self.work / "approve").chmod(0o755)
        (self.dir / "link").symlink_to(self.work / "approve")
        (self.work / "out").symlink_to(self.dir)
        (self.work / "p.json").write_text(json.dumps({"policy": "p", "version": 1, "rules": []}))
        self.env["PATH"] += f":{self.work}"
        bad = [["--record", self.work / "r"], ["--record", self.work / "out/r"], ["-p", self.work / "p.json"],
               ["-p", self.work], *(["--approver", a] for a in (
                   f"unix:{self.work}/socket", f"command:{self.work}/approve", f"command:{self.dir}/link now", "command:approve",
                   f"command:sh -e {self.work}/approve"))]
        (self.dir / "empty").mkdir()
        places = [["-w", f"{self.work}:live"], ["-w", self.dir / "empty", "--bind", f"{self.work}:/x:rw"]]
        for place in places:
            for options in bad:
                with self.subTest(options[-1], place=place[-1]):
                    self.refused("run", "--trace", TRACE, *place, *options, "--", "true",
                                 says=[self.work, "may write"])
        for options in bad:
            with self.subTest(options[-1], place="cow"):
                r = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, *options, "--", "true")
                self.assertEqual(r.returncode, 0, r.stderr)
        r = self.cordon("run", "-q", "--trace", TRACE, "-w", f"{self.work}:live", "--record", self.record, "--approver",
                        "command:true", "--", "true")
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_bind(self):
        (self.dir / "file").touch()
        for bind, says in ((self.dir / "none", "No such file"), ("/dev/null", "devices"), ("/", "root"),
                           (f"{self.dir}/state", "state"), ("/etc:/etc:rw", "system files"),
                           (f"{self.dir}/file:relative", "absolute"), (f"{self.dir}/file:/a/../b", "absolute")):
            with self.subTest(bind):
                self.refused(*self.run_args("--bind", bind), says=[says])

    def test_record(self):
        (self.dir / "folder").mkdir()
        (self.dir / "file").write_text("kept")
        (self.dir / "link").symlink_to("elsewhere")
        os.mkfifo(self.dir / "fifo")
        for path, says in ((self.dir / "none/r", "No such file"), (self.dir / "file/r", "Not a directory"),
                           (self.dir / "folder", "exists already"), (self.dir / "file", "exists already"),
                           (self.dir / "link", "exists already"), (self.dir / "fifo", "exists already"),
                           ("/dev/null", "exists already"), ("", "is empty"), ("/proc/none", "No such file"),
                           ("x" * 300, "File name too long")):
            with self.subTest(str(path)[:40]):
                self.refused("run", "--trace", TRACE, "-w", self.work, "--record", path, "--", "true",
                             says=["record", str(path)[:40], says])
        self.assertEqual((self.dir / "file").read_text(), "kept")
        self.assertFalse((self.dir / "elsewhere").exists())

    def test_record_folder_that_is_not_writable(self):
        folder = self.dir / "ro"
        folder.mkdir()
        # Root may write anywhere but on a file system that is read-only.
        script = f"mount -t tmpfs -o ro none {folder} && exec \"$@\"" if not os.geteuid() else f"chmod 500 {folder}; exec \"$@\""
        r = subprocess.run([*(["unshare", "-m"] if not os.geteuid() else []), "sh", "-c", script, "sh", CORDON, "run", "--trace",
                            TRACE, "-w", self.work, "--record", folder / "r", "--", "true"], env=self.env,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * SLOWER)
        self.assertEqual(r.returncode, 125, r.stderr)
        self.assertRegex(r.stderr.decode(), f"cannot create the record {folder}/r: (Read-only|Permission)")

    @unittest.skipUnless(os.geteuid() == 0, "needs root: only root may chroot")
    def test_below_chroot(self):
        below = self.dir / "below"
        below.mkdir()
        script = f"mount --rbind / {below} && exec chroot {below} \"$@\""
        r = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", CORDON, "run", "--trace", TRACE, "-w", self.work, "--",
                            "true"], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * SLOWER)
        text = r.stderr.decode()
        self.assertEqual(r.returncode, 125, text)
        self.assertIn("below chroot(2) the kernel refuses them", text)
        # One reason, one way out of it, one other way.
        self.assertEqual((text.count("way out: "), text.count("or --isolation=lite")), (1, 1), text)

    def test_state_folder(self):
        (self.dir / "file").touch()
        for path, says in (("relative", "absolute"), (f"{self.dir}/file", "is no folder"), ("/proc/x", "CORDON_STATE_DIR"),
                           ("/proc/x/y", "cannot make the state folder /proc/x/y, at /proc/x: ")):
            with self.subTest(path):
                self.env["CORDON_STATE_DIR"] = path
                self.refused("run", "--trace", TRACE, "-w", self.work, "--", "true", says=[path, says])

    def test_state_folder_of_somebody_else(self):
        """Who may write there could lay ready what a session then takes for its own (tools/toolkit/ready.h)."""
        state = self.dir / "theirs"
        state.mkdir()
        self.env["CORDON_STATE_DIR"] = str(state)
        for mode in (0o777, 0o1777, 0o770):
            state.chmod(mode)
            self.refused(*self.run_args(), says=[f"the state folder {state} is open to others", "chmod go-w"])
        state.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(state, 65534, 65534)
            self.refused(*self.run_args(), says=[f"the state folder {state} belongs to user 65534", "CORDON_STATE_DIR"])
            os.chown(state, 0, 0)
        r = self.cordon(*self.run_args())
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_record_key(self):
        state = self.dir / "state"
        state.mkdir(mode=0o700)
        key = state / "record.key"
        for content, mode, says in (("nonsense\n", 0o600, "is not a record key"), ("", 0o600, "is not a record key"),
                                    ("0" * 64 + "\n", 0o644, "chmod 600")):
            with self.subTest(says):
                key.unlink(missing_ok=True)
                key.write_text(content)
                key.chmod(mode)
                self.refused(*self.run_args(), says=["record.key", says])
        key.unlink()
        key.mkdir()
        self.refused(*self.run_args(), says=["record.key"])


BAD_JSON = {
    "empty": b"", "half": b'{"policy":"p"', "two": b"{}{}", "duplicate": b'{"policy":"a","policy":"b","version":1,"rules":[]}',
    "utf-8": b'{"policy":"\xff","version":1,"rules":[]}', "overlong": b'{"policy":"\xc0\xaf","version":1,"rules":[]}',
    "surrogate": b'{"policy":"\\ud800","version":1,"rules":[]}', "nul": b'{"policy":"a\\u0000b","version":1,"rules":[]}',
    "1e999": b'{"policy":"p","version":1e999,"rules":[]}', "octal": b'{"policy":"p","version":01,"rules":[]}',
    "bom": b'\xef\xbb\xbf{"policy":"p","version":1,"rules":[]}', "raw control": b'{"policy":"a\nb","version":1,"rules":[]}',
    "comment": b'{"policy":"p", /* c */ "version":1,"rules":[]}', "comma": b'{"policy":"p","version":1,"rules":[],}',
    "deep": b"[" * 100000, "deep object": b'{"a":' * 5000, "binary": bytes(range(256)) * 16, "array": b"[]", "null": b"null",
    "huge": b'{"policy":"' + b"x" * (17 << 20) + b'"}', "many": b"[" + b"0," * (1 << 21) + b"0]",
}


class Files(BadInputTest):
    def rule(self, **change):
        return {"id": "t.rule", "category": "test", "severity": "low", "on": ["exec"], "when": "true", "verdict": "deny",
                "because": "Because.", "refs": [], "match": [{"action": {"kind": "exec", "name": "ls"}}], "not_match": [],
                **change}

    def test_malformed_policy(self):
        path = self.dir / "p.json"
        for name, text in BAD_JSON.items():
            with self.subTest(name):
                path.write_bytes(text)
                self.refused(*self.run_args("-p", path), says=["p.json"])
                path.unlink()

    def test_wrong_policy(self):
        for name, rule, says in (("unknown field", self.rule(nonsense=1), "nonsense"),
                                 ("unknown kind", self.rule(on=["exec.none"]), "exec.none"),
                                 ("no verdict", {k: v for k, v in self.rule().items() if k != "verdict"}, "verdict"),
                                 ("verdict", self.rule(verdict="maybe"), "1:143: a verdict is allow"),
                                 ("errno", self.rule(errno="ENONE"), "ENONE"),
                                 ("syntax", self.rule(when="action.name =="), "1:"),
                                 ("type", self.rule(when="action.name + 1"), "1:"),
                                 ("unknown name", self.rule(when="action.nonsense == 'x'"), "nonsense"),
                                 ("not bool", self.rule(when="action.name"), "bool"),
                                 ("nested", self.rule(when="(" * 3000 + "true" + ")" * 3000), "1:"),
                                 ("long", self.rule(when="true" + " && true" * 20000), "16384 bytes"),
                                 ("number", self.rule(when="action.argc == 99999999999999999999"), "1:"),
                                 ("example", self.rule(when="false"), "match")):
            with self.subTest(name):
                policy = self.policy(rule)
                self.refused(*self.run_args("-p", policy), says=["policy.json", says])
                policy.unlink()
        policy = self.policy(self.rule(), self.rule())
        self.refused(*self.run_args("-p", policy), says=["t.rule"])

    def test_the_excerpt_marks_the_place(self):
        text = json.dumps({"policy": "p", "version": 1, "rules": [self.rule(when="action.nonsense == 'x'")]})
        path = self.dir / "p.json"
        path.write_text(text)
        lines = self.refused(*self.run_args("-p", path)).splitlines()
        self.assertEqual(len(lines), 3, lines)
        column = int(lines[0].split(":")[3])
        self.assertTrue(text[column - 1:].startswith("nonsense"), lines[0])
        self.assertTrue(lines[1][lines[2].index("^"):].startswith("nonsense"), lines)

    def test_a_name_makes_no_line_of_its_own(self):
        self.assertEqual(len(self.refused(*self.run_args("-p", self.dir / "no\ncordon: all is well")).splitlines()), 1)

    def test_policy_that_cannot_be_read(self):
        (self.dir / "folder").mkdir()
        os.mkfifo(self.dir / "fifo")
        for path, says in ((self.dir / "none.json", "No such file"), (self.dir / "folder", "folder"),
                           (self.dir / "fifo", "nobody writes to"), ("/dev/zero", "neither a file, a folder nor a pipe"),
                           ("/dev/null", "neither a file, a folder nor a pipe")):
            with self.subTest(str(path)):
                self.refused(*self.run_args("-p", path), says=[path, says])
        self.refused("mcp", "--trace", TRACE, "-w", self.work, "--record", self.record, "-p", self.dir / "none.json",
                     says=["none.json", "No such file"])

    def test_malformed_spec(self):
        path = self.dir / "spec.json"
        for name, text in BAD_JSON.items():
            with self.subTest(name):
                path.write_bytes(text)
                self.refused(*self.run_args("--spec", path), says=["spec.json"])
                path.unlink()
        self.refused(*self.run_args("--spec", self.dir / "none"), says=["none", "No such file"])

    def test_wrong_spec(self):
        good = json.loads(self.cordon("run", "--dry-run", "-w", self.work, "--", "true").stdout)
        path = self.dir / "spec.json"

        def spec_with(**change):
            spec = json.loads(json.dumps(good))
            spec.update(change)
            return spec

        mounts = good["mounts"]
        if not os.geteuid():
            path.write_text(json.dumps(spec_with(outer_base=0)))
            self.refused(*self.run_args("--spec", path), says=["spec.json", "host ids 0"])
            path.unlink()
        for name, spec in (("root", spec_with(uid=0)), ("field", spec_with(nonsense=1)),
                           ("relative", spec_with(workspace="x")), ("up", spec_with(home="/a/../b")),
                           ("type", spec_with(hostname=7)), ("negative", spec_with(uid=-1)), ("big", spec_with(uid=1 << 40)),
                           ("no mounts", spec_with(mounts=[])), ("kind", spec_with(mounts=[{**mounts[0], "kind": "none"}])),
                           ("target", spec_with(mounts=[*mounts, {"kind": "tmpfs", "target": "../x"}])),
                           ("many", spec_with(mounts=mounts * 50)), ("session", spec_with(session="../x"))):
            with self.subTest(name):
                path.write_text(json.dumps(spec))
                self.refused(*self.run_args("--spec", path), says=["spec.json"])
                path.unlink()

    def test_label(self):
        if TRACE != "on":
            self.skipTest(NO_TRACE)
        r = self.cordon(*self.run_args("--label", "none=secret"))
        self.assertEqual(r.returncode, 125)
        self.assertIn("none=secret: the file is not in the session's view", r.stderr.decode())
        # The session stood already: its record tells why it ended.
        self.assertEqual(self.verified()[0], 0)
        self.assertIn("not in the session's view", self.events("session.end")[0]["fields"]["error"])

    def test_log_of_what_is_no_record(self):
        (self.dir / "folder").mkdir()
        for name, text in BAD_JSON.items():
            with self.subTest(name):
                path = self.dir / "r.jsonl"
                path.write_bytes(text)
                r = self.cordon("log", "verify", path)
                self.assertIn(r.returncode, (1, 3), r.stdout)
                self.assertIn(b"r.jsonl", r.stdout + r.stderr)
                self.cordon("log", "show", path)
        for text in (b"[1,2]\n", b"{}\n", b"null\n"):  # JSON, but no event: nothing of it is shown
            path.write_bytes(text)
            r = self.cordon("log", "show", path)
            self.assertEqual((r.returncode, r.stdout), (1, b""))
            self.assertIn(b"r.jsonl: line 1: ", r.stderr)
        records = [path, self.dir / "none"]
        r = self.cordon("log", "verify", "--json", *records)
        states = {x["record"]: x["state"] for x in json.loads(r.stdout)["records"]}
        self.assertEqual((r.returncode, states), (1, dict(zip(map(str, records), ("broken", "unreadable")))))
        for path in (self.dir / "none", self.dir / "folder"):
            r = self.cordon("log", "verify", path)
            self.assertEqual(r.returncode, 1)
            self.assertIn(os.fsencode(path), r.stdout + r.stderr)


if __name__ == "__main__":
    unittest.main()
