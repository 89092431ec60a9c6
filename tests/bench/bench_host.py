#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a process of the host that is in no session pays while somebody's session lives."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from mcp_client import Client  # noqa: E402
from samples import count, rounds, row  # noqa: E402
from sandboxes import CORDON, PAYLOAD, TRACE, Place, payload_us  # noqa: E402


def beside_a_session(place, argv):
    client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(place.work)], place.env, place.work)
    try:
        client.open()
        # A call that succeeds: the session stands, and its trace is attached.
        answer = client.ask("tools/call", {"name": "bash", "arguments": {"command": "true"}})
        if answer.get("result", {}).get("isError", True):
            raise RuntimeError(f"a call of true: {answer}")
        return payload_us(argv, place.env)
    finally:
        client.abandon()


with Place() as place:
    for operation, batch in (("getppid", 200), ("open+close", 500)):
        argv = [PAYLOAD, operation, str(count(21, 3)), str(count(batch, 10))]
        s = rounds(count(15, 2), {"beside": lambda: beside_a_session(place, argv),
                                  "alone": lambda: payload_us(argv, place.env)})
        row(f"{operation} of an unmonitored process beside a session", "us", s["beside"],
            "no session", s["alone"])
