# SPDX-License-Identifier: Apache-2.0
"""cordon policy fmt: what becomes of files, and of all that they are besides their text."""

import json
import os
import pathlib
import shutil
import stat
import unittest

from policy_testing import SHIPPED, PolicyTest


class Fmt(PolicyTest):
    def setUp(self):
        super().setUp()
        self.folder = self.dir / "f"
        self.folder.mkdir()
        self.text = '{"version": 1, "policy": "p", "rules": []}'
        self.form = '{\n\t"policy": "p",\n\t"version": 1,\n\t"rules": []\n}\n'
        self.file = self.folder / "p.json"
        self.file.write_text(self.text)
        self.file.chmod(0o640)

    def fmt(self, *args, status=0, said="", **kw):
        r = self.policy("fmt", *args, **kw)
        self.assertEqual((r.returncode, r.stdout.decode()), (status, said), r.stderr.decode())
        return r.stderr.decode()

    def test_a_file_is_replaced_once(self):
        before = self.file.stat()
        self.fmt(self.file, said=f"{self.file}\n")
        self.assertEqual(self.file.read_text(), self.form)
        after = self.file.stat()
        self.assertEqual((after.st_mode, after.st_uid), (before.st_mode, before.st_uid))
        self.assertNotEqual(after.st_ino, before.st_ino)  # never half of it
        self.fmt(self.file)
        self.assertEqual(self.file.stat().st_ino, after.st_ino)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["p.json"])

    def test_check_and_stdout_change_nothing(self):
        good = self.folder / "a.json"
        good.write_text(self.form)
        (self.folder / "p.cases").write_text('{"version": 1, "cases": []}')
        (self.folder / "other.txt").write_text("no JSON")
        self.fmt("--check", self.folder, status=1, said=f"{self.folder}/p.cases\n{self.file}\n")
        self.fmt("--check", good, self.file, status=1, said=f"{self.file}\n")
        self.fmt("--check", good)
        self.fmt("--stdout", self.file, said=self.form)
        for file, args, status, said in (
            (self.file, (), 0, self.form), (self.file, ("--check",), 1, ""), (good, ("--check",), 0, ""),
        ):  # fmt: skip
            with file.open() as text:
                self.fmt(*args, "-", stdin=text, status=status, said=said)
        self.assertEqual(self.file.read_text(), self.text)
        self.fmt(self.folder, said=f"{self.folder}/p.cases\n{self.file}\n")
        self.fmt("--check", self.folder)

    def test_a_link_stays_one_and_what_it_names_is_replaced(self):
        (self.folder / "d").mkdir()
        link = self.folder / "d" / "l.json"
        link.symlink_to("../p.json")
        self.fmt(link, said=f"{link}\n")
        odd = self.folder / "d" / "a\x1b[31m\nb.json"
        odd.symlink_to("../p.json")
        self.file.write_text(self.file.read_text() + "\n")
        self.fmt("--check", odd, status=1, said=f"{self.folder}/d/a\\x1b[31m\\nb.json\n")
        odd.unlink()
        self.fmt(link, said=f"{link}\n")
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.file.read_text(), self.form)

    def test_a_second_name_is_not_left_behind(self):
        other = self.folder / "other"
        other.hardlink_to(self.file)
        self.assertIn("has 2 names", self.fmt(self.file, status=2))
        self.assertEqual(self.file.read_text(), self.text)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["other", "p.json"])

    def test_attributes_are_kept(self):
        try:
            os.setxattr(self.file, "user.note", b"mine")
        except OSError as e:
            self.skipTest(f"no attributes here: {e}")
        self.fmt(self.file, said=f"{self.file}\n")
        self.assertEqual(os.getxattr(self.file, "user.note"), b"mine")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give a file away")
    def test_the_owner_is_kept(self):
        os.chown(self.file, 65534, 65533)
        self.fmt(self.file, said=f"{self.file}\n")
        self.assertEqual((self.file.stat().st_uid, self.file.stat().st_gid), (65534, 65533))

    def test_bad_input(self):
        bad = self.folder / "bad.json"
        for text, why in (('{"policy": }', "bad.json:1:12: "), ('{"a": 1}', "neither a policy"), ("", ":1:1: ")):
            bad.write_text(text)
            # the others are still told of
            said = self.fmt("--check", bad, self.file, status=2, said=f"{self.file}\n")
            self.assertIn(why, said)
            self.assertIn(why, self.fmt(bad, status=2))
            self.assertEqual(bad.read_text(), text)
        self.assertIn("cannot open", self.fmt(self.folder / "nosuch", status=2))
        (self.folder / "empty").mkdir()
        self.assertIn("no *.json or *.cases", self.fmt(self.folder / "empty", status=2))
        os.mkfifo(self.folder / "pipe")
        self.assertIn("not a file", self.fmt(self.folder / "pipe", status=2))
        for args in ((), ("--stdout",), ("--stdout", "--check", self.file), ("--stdout", self.file, self.file)):
            self.fmt(*args, status=2)

    def test_what_ships_means_the_same_in_the_form(self):
        copy = self.folder / "policies"
        shutil.copytree(SHIPPED, copy)
        self.policy("fmt", copy)
        self.fmt("--check", copy)
        for file in filter(pathlib.Path.is_file, SHIPPED.iterdir()):
            self.assertEqual(json.loads(file.read_text()), json.loads((copy / file.name).read_text()))
        self.assertEqual(self.policy("test", copy).returncode, 0)


if __name__ == "__main__":
    unittest.main()
