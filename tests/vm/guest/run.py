# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of /vm/tests.json, several at a time, and tells of each as it ends, in the form that
tests/vm/vm.py reads:
	@start NAME SECONDS
	| a line of its output
	@end NAME STATUS
Those that are to be alone come last. Status 124: it took too long and was killed."""

import concurrent.futures
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time

MOST_OUTPUT = 100000
HOMES = {0: "/root", 1000: "/home/user"}
telling = threading.Lock()


def tell(name, seconds, output, status):
    lines = [f"@start {name} {seconds:.1f}", *(f"| {line}" for line in output.splitlines()), f"@end {name} {status}"]
    with telling:
        print("\n".join(lines), flush=True)


def run(test):
    become = {"user": test["user"], "group": test["user"], "extra_groups": []} if test["user"] else {}
    environment = {**os.environ, **test["environment"], "HOME": HOMES[test["user"]]}
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        # A group of its own, so that what it started ends with it.
        with subprocess.Popen(test["command"], cwd=test["folder"], env=environment, stdin=subprocess.DEVNULL,
                              stdout=output, stderr=output, start_new_session=True, **become) as process:
            try:
                status = process.wait(test["seconds"])
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = 124
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - MOST_OUTPUT))
        tell(test["name"], time.monotonic() - start, output.read().decode(errors="replace"), status)


def main():
    with open("/vm/tests.json", encoding="utf-8") as file:
        told = json.load(file)
    print(f"@kernel {platform.release()}", flush=True)
    together = [t for t in told["tests"] if not t["alone"]]
    with concurrent.futures.ThreadPoolExecutor(told["jobs"]) as pool:
        list(pool.map(run, together))
    for test in told["tests"]:
        if test["alone"]:
            run(test)
    print("@done", flush=True)


if __name__ == "__main__":
    sys.exit(main())
