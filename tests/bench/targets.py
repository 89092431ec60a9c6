# SPDX-License-Identifier: Apache-2.0
"""What each row is measured against; a row may have several targets, most have none and are for
information. The names are those that the benchmarks print: run.py complains of one that no row has."""

from judge import Target

FASTER = Target("ratio", 1.00)
TWICE = Target("ratio", 2.00)
CALL = Target("extra", 1000, "us")
GATED = Target("extra", 6, "us")
WORKLOAD = Target("ratio", 1.03)
NONE = Target("none", 0)

TARGETS = {
    ("startup", "start-up of true"): [FASTER, TWICE],
    ("startup", "start-up of true, very first run"): [Target("ratio", 5.00)],
    ("call", "MCP bash call in a live session: true"): [Target("extra", 1, "ms")],
    ("call", "MCP bash call in a live session: /usr/bin/true"): [Target("extra", 1, "ms")],
    ("session", "call in a live session: true"): [CALL],
    ("session", "memory of a session in its supervisor"): [Target("value", 1024, "KiB")],
    ("gate", "getppid: traced, not gated"): [Target("extra", 0.2, "us")],
    ("gate", "open+close: traced, beside a session that is not"): [Target("ratio", 1.25)],
    ("gate", "gated connect that names nothing"): [GATED],
    ("gate", "gated connect, let through (UDP)"): [GATED],
    ("gate", "gated connect, let through (TCP)"): [GATED],
    ("gate", "gated connect, refused"): [GATED],
    ("gate", "gated exec of what is not there"): [GATED],
    ("gate", "gated exec of a static program, with fork and wait"): [GATED],
    ("flood", "1 flooding process: events made"): [Target("load", 500, "1000/s")],
    ("flood", "2 processes of 300,000/s: events made"): [Target("load", 500, "1000/s")],
    ("flood", "1 flooding process: lost, counted"): [NONE],
    ("flood", "2 processes of 300,000/s: lost, counted"): [NONE],
    ("flood", "1 flooding process: lost, not counted"): [NONE],
    ("flood", "2 processes of 300,000/s: lost, not counted"): [NONE],
    ("flood", "2 flooding processes: lost, not counted"): [NONE],
    ("policy", "1000 rules: load, check, compile"): [Target("value", 50, "ms")],
    ("policy", "those that ship: state after 100,000 events"): [Target("value", 64, "KiB")],
    **{("policy", f"1000 rules: {action}, p50"): [Target("value", 1000, "ns")]
       for action in ("exec of a compiler", "exec that is denied", "connect on loopback", "connect to a name",
                      "open of a source file", "open of a library", "rename", "fork")},
    **{("work", f"{name}, {workspace}"): [WORKLOAD]
       for name in ("small files", "compile", "git", "python", "tar+gzip", "node")
       for workspace in ("cow", "live") if (name, workspace) != ("git", "live")},
    **{("network", f"{what}, beside {peer}"): [FASTER]
       for what in ("download", "upload", "round trip", "connection, round trip, close", "connect to first byte")
       for peer in ("pasta", "slirp4netns")},
    ("network", "download, beside direct"): [Target("ratio", 1.50)],
    ("network", "upload, beside direct"): [Target("ratio", 1.50)],
}
