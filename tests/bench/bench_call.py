#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One call in a live session of `cordon mcp`, against fork+exec of the same command."""

import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from mcp_client import Client  # noqa: E402
from samples import count, rounds, row, spawn_ms  # noqa: E402
from sandboxes import CORDON, TRACE, Place  # noqa: E402

BASH = shutil.which("bash")


def timed(action):
    start = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - start) / 1e6


with Place() as place:
    client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(place.work)], place.env, place.work)
    env = dict(variable.split("=", 1) for variable in place.spec["env"])  # as inside
    try:
        client.open()

        def call(command):
            result = client.call("bash", command=command)
            if result["isError"]:
                raise RuntimeError(result["content"][0]["text"])

        # The shell's own true: bash is all that is started. In the second pair it starts another.
        s = rounds(count(300, 5), {
            "ping": lambda: timed(lambda: client.ask("ping")),
            "call": lambda: timed(lambda: call("true")),
            "bare": lambda: spawn_ms([BASH, "-c", "true"], env),
            "call 2": lambda: timed(lambda: call("/usr/bin/true; true")),
            "bare 2": lambda: spawn_ms([BASH, "-c", "/usr/bin/true; true"], env)})
    finally:
        client.abandon()
    row("MCP ping in a live session", "ms", s["ping"])
    row("MCP bash call in a live session: true", "ms", s["call"], "bare", s["bare"])
    row("MCP bash call in a live session: /usr/bin/true", "ms", s["call 2"], "bare", s["bare 2"])
