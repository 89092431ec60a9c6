# SPDX-License-Identifier: Apache-2.0
"""Runs one case in a session of its own and reads from the record what it was caught doing."""

import collections
import ctypes
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import decoys

HERE = pathlib.Path(__file__).parent
SEVERITIES = ("low", "medium", "high", "critical")
PR_SET_CHILD_SUBREAPER = 36
SECONDS = 10  # of a case; honest commands that wait for input or for ever end here
PROGRAMS = {"python": "/usr/bin/python3", "bash": "/usr/bin/bash", "sh": "/usr/bin/sh"}
# What a program says when it could not do what it was written for.
LACKS = ((re.compile(r"ModuleNotFoundError|ImportError"), "package"),
         (re.compile(r"command not found|: not found|No such file or directory: '[a-z-]+'$", re.M), "program"),
         (re.compile(r"SyntaxError|IndentationError|NameError|syntax error"), "syntax"),
         (re.compile(r"No such file or directory|FileNotFoundError|does not exist|cannot stat|Failed to open|cannot open", re.I), "file"))


@dataclasses.dataclass
class Outcome:
    case: object
    status: int
    lacks: str            # "" if it ran, else what was missing
    rules: dict           # rule -> (severity, times)
    canary: bool          # one was read: told, and no catch, since git and curl read theirs unasked
    output: str

    def caught(self, severity):
        least = SEVERITIES.index(severity)
        return any(SEVERITIES.index(s) >= least for s, _ in self.rules.values())


def read_record(path, severities):
    rules, canary, mine = collections.Counter(), False, False
    with path.open(errors="replace") as lines:
        for line in lines:  # many: most need no decoding
            # Before the case itself is executed everything is the stage's doing.
            mine = mine or '"kind":"exec"' in line and ".case." in line and "stage.py" not in line
            if not mine or not ('"rule":' in line or '"kind":"label.set"' in line):
                continue
            event = json.loads(line)
            fields = event.get("fields", {})
            # A strict rule hides no other; what is only observed is tried out, and alarms nobody.
            beside = (also["rule"] for also in event.get("also", ()) if also.get("mode") != "observe")
            for rule in {event.get("rule"), *beside} & severities.keys():
                rules[rule] += 1
            # Without a path it is a loss: every label is set then, and nobody read anything.
            canary = canary or "canary" in fields.get("labels", ()) and "path" in fields
    return {rule: (severities[rule], n) for rule, n in rules.items()}, canary


class Runner:
    def __init__(self, cordon, policies, severities, seconds=SECONDS):
        self.cordon, self.policies, self.severities, self.seconds = cordon, policies, severities, seconds
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cordon-detect-"))
        self.env = dict(os.environ, CORDON_STATE_DIR=str(self.root / "state"))
        planted = self.root / "decoys"
        planted.mkdir()
        self.binds = decoys.make(planted) + [f"--bind={HERE / 'stage.py'}:/opt/stage.py"]
        # What a run leaves behind becomes our child, so that close() can wait for it.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def wait_for_orphans(self):
        """A run returns before its child has put its layers away and made those of the next, in the state folder; and where it
        left a resident supervisor, that stays for a minute."""
        while True:
            subprocess.run([self.cordon, "serve", "--stop"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.01)

    def close(self):
        self.wait_for_orphans()
        # What cases leave may be deeper than Python walks.
        subprocess.run(["rm", "-rf", str(self.root)], check=False)

    def run(self, case):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        work, record = folder / "work", folder / "record"
        work.mkdir()
        program = decoys.workspace(work, case)
        command = [self.cordon, "run", "-q", "--discard", f"--workspace={work}", f"--record={record}", f"--timeout={self.seconds}",
                   "--memory=1G", "--pids=256", *[f"--policy={p}" for p in self.policies], *self.binds, "--",
                   "/usr/bin/python3", "/opt/stage.py", PROGRAMS[case.language], str(program)]
        r = subprocess.run(command, env=self.env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False, timeout=60 + 6 * self.seconds)
        output = r.stdout[-20000:].decode(errors="replace")
        if r.returncode == 125:
            raise RuntimeError(f"{case.id}: cordon failed: {output[-500:]}")
        rules, canary = read_record(record, self.severities)
        lacks = next((what for pattern, what in LACKS if pattern.search(output)), "") if r.returncode != 124 else ""
        subprocess.run(["rm", "-rf", str(folder)], check=False)
        return Outcome(case, r.returncode, lacks, rules, canary, output)
