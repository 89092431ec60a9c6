# SPDX-License-Identifier: Apache-2.0
"""One resident supervisor for all the runs of a test's file, where loading the trace for each takes too long.

With CORDON_TEST_RESIDENT=shared, as an emulated machine has it (tests/vm/suites.py). Each test keeps a state folder
of its own; the supervisor's socket has a name in each. A run that the supervisor does not fit watches its own session.
"""

import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

LONGEST_IDLE = 86400


class Shared:
    """Of this process and its network. A session that sleeps keeps the trace attached while there is no other."""

    def __init__(self, cordon):
        self.cordon = cordon
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cordon-shared-"))
        self.env = dict(os.environ, CORDON_STATE_DIR=str(self.folder / "state"), CORDON_RESIDENT="auto")
        self.place = self.folder / "state/resident"
        (self.folder / "work").mkdir()
        self.serve("--detach", f"--idle={LONGEST_IDLE}")
        run = [cordon, "run", "--quiet", "--discard", "--trace", "on" if os.geteuid() == 0 else "auto", "-w", str(self.folder / "work"), "--"]
        # The first makes the key that records are signed with.
        subprocess.run([*run, "true"], env=self.env, check=True, stdin=subprocess.DEVNULL)
        self.sleeper = subprocess.Popen([*run, "sleep", str(LONGEST_IDLE)], env=self.env, stdin=subprocess.DEVNULL)
        atexit.register(self.end, os.getpid())

    def serve(self, *options):
        return subprocess.run([self.cordon, "serve", *options], env=self.env, check=True, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True).stdout

    def offer(self, env):
        state = pathlib.Path(env["CORDON_STATE_DIR"])
        for folder in (state, state / "resident"):
            folder.mkdir(mode=0o700)
        for path in self.place.iterdir():
            os.link(path, state / "resident" / path.name)
        # With it the supervisor signs what it records.
        os.link(self.folder / "state/record.key", state / "record.key")
        env["CORDON_RESIDENT"] = "auto"

    def end(self, owner):
        """Says how many it watched, so that a file that it did nothing for is seen to be so."""
        if os.getpid() != owner:
            return
        self.sleeper.send_signal(signal.SIGTERM)
        self.sleeper.wait()
        print(f"the shared supervisor: {self.serve('--status').strip()}", flush=True)
        self.serve("--stop")
        shutil.rmtree(self.folder, ignore_errors=True)


shared = None


def offer(cordon, env):
    """For the runs with this environment, whose state folder is new."""
    global shared
    shared = shared or Shared(cordon)
    shared.offer(env)


def main():
    """CORDON COMMAND...: the escape suite with one for its rows (ESCAPE_RESIDENT, tools/prove/README.md)."""
    supervisor = Shared(sys.argv[1])
    env = dict(os.environ, ESCAPE_RESIDENT=str(supervisor.place))
    return subprocess.run(sys.argv[2:], check=False, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
