# SPDX-License-Identifier: Apache-2.0
"""The same command in cordon and in bubblewrap, with the same view: what cordon's spec shows is
translated into bubblewrap's arguments, so the two cannot drift apart."""

import functools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

CORDON = os.path.abspath(os.environ.get("CORDON", "build/cordon"))
PAYLOAD = os.path.join(os.path.dirname(CORDON), "tests", "payload")
PAYLOADS = [PAYLOAD, PAYLOAD + "_dns"]  # shown one by one: who shows a folder of the host pays more for a connect
NOTIFY = os.path.join(os.path.dirname(CORDON), "tests", "bench_notify")
POLICIES = pathlib.Path(__file__).resolve().parent.parent.parent / "policies"
BWRAP = shutil.which("bwrap")
TRACE = "on" if os.geteuid() == 0 else "auto"


class Place:
    """A folder of our own with a workspace, cordon's state and what bubblewrap shows as /etc."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-bench-"))
        self.work = self.dir / "work"
        self.work.mkdir()
        self.log = str(self.dir / "log")
        self.env = dict(os.environ, CORDON_STATE_DIR=str(self.dir / "state"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def cordon(self, *command, options=(), mode="cow"):
        return [CORDON, "run", "-q", "--trace", TRACE, "--discard", "-w", f"{self.work}:{mode}",
                *(f"--bind={path}" for path in PAYLOADS), *options, "--", *command]

    @functools.cached_property
    def policies(self):
        """The policies that ship, without the rules that count: a benchmark repeats itself."""
        folder = self.dir / "policies"
        folder.mkdir()
        for path in POLICIES.glob("*.json"):
            policy = json.loads(path.read_text())
            policy["rules"] = [r for r in policy["rules"] if "count" not in r]
            (folder / path.name).write_text(json.dumps(policy))
        return str(folder)

    @functools.cached_property
    def spec(self):
        argv = self.cordon("true", options=["--dry-run"], mode="live")
        return json.loads(subprocess.run(argv, env=self.env, check=True, capture_output=True).stdout)

    @functools.cached_property
    def view(self):
        """bubblewrap's arguments for the mounts of cordon's spec."""
        argv = ["--hostname", self.spec["hostname"], "--uid", str(self.spec["uid"]),
                "--gid", str(self.spec["gid"]), "--clearenv"]
        for variable in self.spec["env"]:
            argv += ["--setenv", *variable.split("=", 1)]
        for i, mount in enumerate(self.spec["mounts"]):
            target = mount["target"]
            if mount["kind"] in ("bind", "copy"):
                write = "--bind" if mount.get("writable") else "--ro-bind"
                write += "-try" if mount.get("optional") else ""
                argv += [write, mount["source"], target]
            elif mount["kind"] == "symlink":
                argv += ["--symlink", mount["text"], target]
            elif mount["kind"] == "file":
                file = self.dir / f"file-{i}"
                file.write_text(mount["text"])
                argv += ["--ro-bind", str(file), target]
            else:
                argv += [f"--{mount['kind']}", target]
        return argv

    def bwrap(self, *command, work=None):
        """work: another folder to show as the workspace."""
        instead = ["--bind", str(work), str(self.work)] if work else []
        return [BWRAP, "--unshare-all", "--new-session", "--die-with-parent", *self.view, *instead,
                "--chdir", str(self.work), *command]

    def layers(self):
        """Fresh layers for bwrap_on_overlay(), to be removed after it."""
        layers = tempfile.mkdtemp(prefix="layers-", dir=self.dir)
        for name in ("upper", "work", "merged"):
            os.mkdir(f"{layers}/{name}")
        shutil.copystat(self.work, f"{layers}/upper")
        return layers

    def bwrap_on_overlay(self, layers, *command):
        """The workspace as an overlay, mounted where nobody else sees it."""
        script = ('mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" '
                  '"$2/merged" && shift 2 && exec "$@"')
        return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", str(self.work), layers,
                *self.bwrap(*command, work=f"{layers}/merged")]


def cordon_options():
    """The text of cordon run --help: which options this build has."""
    return subprocess.run([CORDON, "run", "--help"], capture_output=True, text=True).stdout


def payload_us(argv, env):
    """Microseconds a call, the median of the batches that one run of the payload printed."""
    r = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(argv[-4:])}: exit status {r.returncode}\n{r.stderr[-2000:]}")
    return statistics.median(map(float, r.stdout.split())) / 1000
