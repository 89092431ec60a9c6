# SPDX-License-Identifier: Apache-2.0
"""Isolation lite where it is for: in a container as Docker makes them by default, and by the user that it is started with."""

import json
import os
import shutil
import unittest

from container_testing import BUILD, NO_RUNC, RUNC, USER, Container
from cordon_testing import CordonTest
from lite_testing import needs_lite

# What scripts share: a session in a live workspace, and one attempt outside and inside of it.
SHARED = """
lite() { rm -f /tmp/record; /opt/cordon/cordon run -q --isolation=lite --trace=auto -w /w:live --record /tmp/record -- "$@"; }
both() { ./attacks "$@"; lite ./attacks "$@"; }
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root, as an engine does")
@unittest.skipUnless(RUNC, NO_RUNC)
@needs_lite
class InContainer(CordonTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.container = Container(self.dir / "container")
        self.work = self.container.root / "w"
        shutil.copy(BUILD / "tests/lite_attacks", self.work / "attacks")

    def inside(self, script, **kw):
        done = self.container.run("sh", "-euc", SHARED + script, **kw)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().split()

    def cordon_inside(self, *args, **kw):
        return self.container.run("/opt/cordon/cordon", *args, **kw)

    def test_the_profile_refuses_what_full_needs(self):
        done = self.cordon_inside("run", "--trace=off", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"or --isolation=lite", done.stderr)
        self.assertNotEqual(self.container.run("unshare", "--user", "true").returncode, 0)

    def test_doctor_knows(self):
        for user, state in ((USER, "holds"), (0, "missing")):
            said = json.loads(self.cordon_inside("doctor", "--json", user=user).stdout)
            rows = {row["layer"]: row for row in said["layers"]}
            self.assertEqual(rows["lite"]["state"], state, rows["lite"])

    def test_a_call_works_and_is_recorded(self):
        said = self.inside("lite sh -c 'echo work >f; cat f; id -u'; /opt/cordon/cordon log verify /tmp/record >verified; cp /tmp/record .")
        self.assertEqual(said, ["work", str(USER)])
        self.assertEqual((self.work / "f").read_text(), "work\n")
        self.assertIn("closed: ", (self.work / "verified").read_text())
        start = json.loads((self.work / "record").read_text().splitlines()[0])["fields"]
        self.assertEqual({key: start[key] for key in ("isolation", "trace", "file_gate")},
                         {"isolation": "lite", "trace": "off", "file_gate": "on"})
        self.assertEqual({key: start["layers"][key] for key in ("user", "caps", "no_new_privs", "seccomp")},
                         {"user": "caller", "caps": "empty", "no_new_privs": "on", "seccomp": "on"})

    def test_its_own_files_can_be_changed(self):
        """Through the hands, who learn what a descriptor is although the profile refuses pidfd_getfd(2)."""
        ways = "chmod f fchmod f chmod-fd f utime f"
        self.assertEqual(self.inside(f"echo x >f; lite ./attacks {ways}"), ["ok"] * 4)
        said = self.inside("lite sh -c 'umask 77; mkdir d; mv f d/g; ln d/g h; ln -s h s; chmod 640 s; stat -c %a d h; rm -r d'")
        self.assertEqual(said, ["700", "640"])

    def test_files_outside(self):
        attempts = "read {0}/f list {0} write {0}/f create {0}/new truncate {0}/f chmod {0}/f fchmod {0}/f rename {0}/f f unlink {0}/f"
        script = "echo secret >/outside/f; {}; cat /outside/f; ./attacks {}"
        said = self.inside(script.format("lite ./attacks " + attempts, attempts).format("/outside"))
        self.assertEqual(said[:9], ["EACCES"] * 5 + ["EPERM", "EACCES", "EACCES", "EACCES"])
        self.assertEqual(said[9], "secret")
        self.assertEqual(said[10:], ["ok"] * 8 + ["ENOENT"])  # the last but one moved it

    def test_other_processes(self):
        script = "sleep 1000 & {} ./attacks proc $! mem ptrace $! vm $! prlimit $! kill 1 0 kill $! 15"
        ours = self.inside(script.format("lite"))
        self.assertEqual([word for word in ours if word == "ok"], [], ours)
        self.assertEqual(self.inside(script.format(""))[-2:], ["ok", "ok"])

    def test_the_network(self):
        self.assertEqual(self.inside("both socket 1 1 socket 2 1 socket 10 2 socket 16 3"), ["ok"] * 4 + ["EAFNOSUPPORT"] * 4)

    def test_nothing_outlives_its_call(self):
        (self.work / "stays").write_text("#!/bin/sh\n: >here\nsleep 1000\n")
        (self.work / "stays").chmod(0o755)
        script = "rm -f here; {} sh -c 'setsid ./stays & until [ -e here ]; do sleep .1; done'; cat /proc/[0-9]*/comm | grep -c stays || true"
        self.assertEqual(self.inside(script.format("lite")), ["0"])
        self.assertEqual(self.inside(script.format("")), ["1"])

    def test_an_agents_server_as_the_first_process(self):
        asked = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                     "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
                 {"jsonrpc": "2.0", "method": "notifications/initialized"},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "bash", "arguments": {
                     "command": "echo kept >f; ./attacks daemon socket 2 1 list /outside; cat f"}}}]
        done = self.cordon_inside("mcp", "--isolation=lite", "--trace=auto", "-w", "/w:live",
                                  said="".join(json.dumps(one) + "\n" for one in asked).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        answer = json.loads(done.stdout.splitlines()[-1])["result"]
        self.assertEqual(answer["content"][0]["text"].split()[:4], ["ok", "EAFNOSUPPORT", "EACCES", "kept"])

    def test_its_root_is_refused(self):
        """It is not given what it takes to be somebody else and to look after him; with that added it works."""
        done = self.cordon_inside("run", "--isolation=lite", "--trace=off", "--", "id", "-u", user=0)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"run as an ordinary user", done.stderr)
        done = self.cordon_inside("run", "--isolation=lite", "--trace=off", "--", "id", "-u", user=0, added=("SYS_PTRACE",))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(int(done.stdout), USER)


if __name__ == "__main__":
    unittest.main()
