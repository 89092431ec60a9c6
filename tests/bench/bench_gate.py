#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""System calls of a command in a real session, gated and ungated, against the same in bubblewrap."""

import os

from samples import count, rounds, row, skip
from sandboxes import BWRAP, NOTIFY, PAYLOAD, TRACE, Place, payload_us

# operation of the payload, batches, calls in a batch, what the row is called
OPERATIONS = [
    ("getppid", 21, 200, "getppid: traced, not gated"),
    ("open+close", 21, 500, "open+close: traced, with an event"),
    ("connect-nothing", 21, 100, "gated connect that names nothing"),
    ("connect-udp", 21, 50, "gated connect, let through (UDP)"),
    ("connect-tcp", 21, 50, "gated connect, let through (TCP)"),
    ("connect-refused", 21, 50, "gated connect, refused"),
    ("exec-missing", 21, 50, "gated exec of what is not there"),
    ("spawn", 21, 20, "gated exec of a static program, with fork and wait"),
]

# Of these, what the kernel takes for them at least (bench_notify.c), with the name that it has there.
FLOORS = [
    ("connect-udp", 21, 50, "udp", "gated connect, let through (UDP), beside the kernel's part"),
    ("connect-refused", 21, 50, "refused", "gated connect, refused, beside the kernel's part"),
]

# Where a folder of the host is shown, connections are made for the program; against a session without one.
SHOWN = [
    ("connect-udp", 21, 50, "gated connect, let through (UDP), a folder of the host shown"),
    ("connect-tcp", 21, 50, "gated connect, let through (TCP), a folder of the host shown"),
]

# The same of what is carried out where a rule decides on writes; against a session without one.
WRITES = [
    ("open-write+close", 21, 100, "open for writing + close, file gate"),
    ("rename", 21, 100, "rename, file gate"),
]


def compare(place, operation, batches, batch, what):
    payload = [PAYLOAD, operation, str(count(batches, 3)), str(count(batch, 10))]
    s = rounds(count(15, 2), {
        "cordon": lambda: payload_us(place.cordon(*payload, options=[f"--policy={place.policies}"]),
                                     place.env),
        "bwrap": lambda: payload_us(place.bwrap(*payload), place.env)})
    row(what, "us", s["cordon"], "bwrap", s["bwrap"])


def compare_floor(place, operation, batches, batch, floor, what):
    """The same system calls of a supervisor that decides nothing and writes nothing down."""
    counts = [str(count(batches, 3)), str(count(batch, 10))]
    argv = place.cordon(PAYLOAD, operation, *counts, options=[f"--policy={place.policies}"])
    s = rounds(count(21, 2), {
        "cordon": lambda: payload_us(argv, place.env),
        "floor": lambda: payload_us([NOTIFY, floor, *counts], place.env)})
    row(what, "us", s["cordon"], "nobody deciding", s["floor"])


def compare_trace(place, operation, batches, batch, what):
    """The walls are the same on both sides: what is left is the trace."""
    payload = [PAYLOAD, operation, str(count(batches, 3)), str(count(batch, 10))]
    options = [f"--policy={place.policies}"]
    s = rounds(count(15, 2), {
        "traced": lambda: payload_us(place.cordon(*payload, options=options), place.env),
        "untraced": lambda: payload_us(place.cordon(*payload, options=[*options, "--trace=off"]),
                                       place.env)})
    row(what, "us", s["traced"], "untraced", s["untraced"])


def compare_shown(place, operation, batches, batch, what):
    payload = [PAYLOAD, operation, str(count(batches, 3)), str(count(batch, 10))]
    options = [f"--policy={place.policies}"]
    shown = [f"--bind={os.path.dirname(PAYLOAD)}"]
    s = rounds(count(15, 2), {
        "shown": lambda: payload_us(place.cordon(*payload, options=[*options, *shown]), place.env),
        "not": lambda: payload_us(place.cordon(*payload, options=options), place.env)})
    row(what, "us", s["shown"], "not shown", s["not"])


def compare_writes(place, operation, batches, batch, what):
    payload = [PAYLOAD, operation, str(count(batches, 3)), str(count(batch, 10))]
    options = {"gated": [f"--policy={place.policies}/persistence.json"],
               "ungated": [f"--policy={place.policies}/resource-acquisition.json"]}  # refuses no write
    s = rounds(count(15, 2), {
        name: lambda o=o: payload_us(place.cordon(*payload, options=o, mode="live"), place.env)
        for name, o in options.items()})
    row(what, "us", s["gated"], "ungated", s["ungated"])


with Place() as place:
    os.chdir(place.work)
    for operation in OPERATIONS:
        if not BWRAP:
            skip(operation[-1], "bwrap is not installed")
        elif TRACE != "on":
            skip(operation[-1], "needs the BPF trace, which needs root: without it more is refused")
        else:
            compare(place, *operation)
    if TRACE == "on":
        for floor in FLOORS:
            compare_floor(place, *floor)
        compare_trace(place, "open+close", 21, 500, "open+close: traced, beside a session that is not")
    for operation in SHOWN:
        compare_shown(place, *operation)
    for operation in WRITES:
        compare_writes(place, *operation)
