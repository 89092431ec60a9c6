# SPDX-License-Identifier: Apache-2.0
"""An approver's socket in whose place another user of the host listens."""

import os
import subprocess
import sys
import unittest

from approver_testing import ask_for
from cordon_testing import CordonTest

# Answers yes to everything, as another user.
STRANGER = """
import json, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen()
print("up", flush=True)
while True:
    peer = listener.accept()[0].makefile("rwb")
    for line in peer:
        print("asked", flush=True)
        peer.write(json.dumps({"id": json.loads(line)["id"], "verdict": "allow"}).encode() + b"\\n")
        peer.flush()
"""


@unittest.skipIf(os.geteuid(), "needs root to be another user")
class Stranger(CordonTest):
    """Another user of the host listens where the approver should."""

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)

    def asked(self, path):
        return self.run_in("id", "-u", options=["-p", self.policy(ask_for("id")), f"--approver=unix:{path}"])

    def answered_by(self, uid, path):
        """What the command printed, what the record has, and whether the stranger was told of it."""
        server = subprocess.Popen(["setpriv", "--reuid", str(uid), "--clear-groups", sys.executable, "-B", "-c", STRANGER, str(path)],
                                  stdout=subprocess.PIPE)
        try:
            self.assertEqual(server.stdout.readline(), b"up\n")
            done = self.asked(path)
        finally:
            server.kill()
            told = server.communicate()[0]
            path.unlink()
        return done, self.events("ask.answer")[0], told

    def test_in_a_folder_where_anybody_may(self):
        for name, mode in (("sticky", 0o1777), ("open", 0o777)):
            folder = self.dir / name
            folder.mkdir()
            folder.chmod(mode)
            done, answer, told = self.answered_by(65534, folder / "a.sock")
            self.assertEqual((done.stdout, answer["verdict"], told), (b"", "deny", b""))
            self.assertIn("user 65534 listens there", answer["fields"]["reason"])
            self.assertIn(b"user 65534 listens there", done.stderr)
            done, answer, _ = self.answered_by(0, folder / "a.sock")
            self.assertEqual((done.stdout, answer["verdict"]), (b"1000\n", "allow"), done.stderr)

    def test_in_a_folder_of_its_own(self):
        """Which it could have made in a shared one."""
        shared = self.dir / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        own = shared / "own"
        own.mkdir()
        os.chown(own, 65534, 65534)
        done, answer, told = self.answered_by(65534, own / "a.sock")
        self.assertEqual((done.stdout, answer["verdict"], told), (b"", "deny", b""))

    def test_by_a_link_of_its_own(self):
        shared, kept = self.dir / "shared", self.dir / "kept"
        shared.mkdir()
        kept.mkdir()
        shared.chmod(0o1777)
        (shared / "way").symlink_to(kept)
        os.chown(shared / "way", 65534, 65534, follow_symlinks=False)
        kept.chmod(0o777)  # for as long as it binds there
        server = subprocess.Popen(["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-B", "-c", STRANGER, str(kept / "a.sock")],
                                  stdout=subprocess.PIPE)
        self.assertEqual(server.stdout.readline(), b"up\n")
        kept.chmod(0o755)
        said = [self.asked(folder / "a.sock").stdout for folder in (shared / "way", kept)]
        server.kill()
        self.assertEqual(server.communicate()[0], b"asked\n")
        # Put there by whom the folder's owner let: that one was meant.
        self.assertEqual(said, [b"", b"1000\n"])


if __name__ == "__main__":
    unittest.main()
