#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--dry-run prints a spec, --spec takes one."""

import json
import os
import subprocess
import unittest

from cordon_testing import TRACE, CordonTest


class Spec(CordonTest):
    def test_dry_run_is_a_spec(self):
        r = self.cordon("run", "--dry-run", "-w", self.work, "--", "true")
        self.assertEqual(r.returncode, 0, r.stderr)
        spec = json.loads(r.stdout)
        self.assertEqual(spec["workspace"], str(self.work))
        path = self.dir / "spec.json"
        path.write_bytes(r.stdout)
        for name in ("a", "b"):
            script = f"pwd; ls; touch {name}"
            r = self.cordon("run", "--trace", TRACE, "--session", name, "--spec", path, "--", "sh", "-c", script)
            self.assertEqual(r.stdout.decode().split(), [str(self.work)], r.stderr)
            self.assertEqual(os.listdir(self.dir / "state/sessions" / name / "layers/upper"), [name])
        self.assertFalse((self.dir / "state/sessions/dry-run").exists())

    def test_layers_that_a_spec_names_are_nobodys_to_remove(self):
        spec = json.loads(self.cordon("run", "--dry-run", "-w", self.work, "--", "true").stdout)
        folder = self.dir / "folder"
        folder.mkdir()
        (folder / "precious").touch()
        overlay = next(m for m in spec["mounts"] if m["kind"] == "overlay")
        overlay.update(upper=f"{folder}/upper", work=f"{folder}/work")
        spec["upper_dir"] = overlay["upper"]
        path = self.dir / "spec.json"
        path.write_text(json.dumps(spec))
        r = self.cordon("run", "--trace", TRACE, "--spec", path, "--", "true")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(os.listdir(folder), ["precious"])

    def test_one_spec_serves_two_sessions_of_lite_at_once(self):
        self.dir.chmod(0o755)  # root's session is another user
        self.work.chmod(0o777)
        path = self.dir / "spec.json"
        path.write_bytes(self.cordon("run", "--isolation=lite", "--dry-run", "-w", self.work).stdout)
        first = self.start("sh", "-c", 'touch "$HOME/first"; echo; read line; ls "$HOME"', options=["--spec", path],
                           stdin=subprocess.PIPE)
        self.assertEqual(first.stdout.readline(), b"\n")
        second = self.cordon("run", "--trace", TRACE, "--spec", path, "--", "sh", "-c", 'ls "$HOME"')
        self.assertEqual((second.returncode, second.stdout), (0, b""), second.stderr)
        self.assertEqual(first.communicate(b"\n")[0], b"first\n")

    def test_malformed_spec(self):
        good = json.loads(self.cordon("run", "--dry-run", "-w", self.work, "--", "true").stdout)
        path = self.dir / "spec.json"
        other = dict(good, upper_dir="/elsewhere")
        twice = dict(good, mounts=good["mounts"] + [m for m in good["mounts"] if m["kind"] == "overlay"])
        changed = [other, twice, dict(good, uid=0), dict(good, nonsense=1), dict(good, workspace="../x")]
        for text in ("", "{", "[]", "{}", *map(json.dumps, changed)):
            path.write_text(text)
            r = self.cordon("run", "--trace", TRACE, "--spec", path, "--", "true")
            self.assertEqual(r.returncode, 125, text)
            self.assertIn(b"spec.json", r.stderr)


if __name__ == "__main__":
    unittest.main()
