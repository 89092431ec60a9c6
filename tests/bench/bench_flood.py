#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that make trace events, in a real session: how many a second, and whether any was lost,
counted or not. One process makes them as fast as it can, two make 580,000 a second, and two as fast
as they can: more than a supervisor reads that has to share two processors with them."""

import json
import os
import subprocess

from samples import count, row, skip
from sandboxes import CORDON, PAYLOAD, TRACE, Place

BATCHES = count(500, 20)  # of 1,000 events each, of all writers together
FLOODS = (("1 flooding process", 1, "flood"), ("2 processes of 290,000/s", 2, "steady"),
          ("2 flooding processes", 2, "flood"))


def flood(place, writers, op):
    record = place.dir / "record.jsonl"
    record.unlink(missing_ok=True)
    batches = BATCHES // writers
    script = " & ".join([f"{PAYLOAD} {op} {batches} 1 >flood-$$-{i}" for i in range(writers)])
    clocked = [PAYLOAD, "run", "sh", "-c", f"{script} & wait"]
    argv = place.cordon(*clocked, options=["--record", str(record)])
    took_ns = float(subprocess.run(argv, env=place.env, check=True, capture_output=True).stdout)
    with open(record, "rb") as lines:
        lines.seek(-8192, os.SEEK_END)
        end = json.loads(lines.read().splitlines()[-1])["fields"]
    size = record.stat().st_size
    subprocess.run([CORDON, "log", "verify", str(record)], env=place.env, check=True,
                   stdout=subprocess.DEVNULL)
    emitted, lost = end["trace_emitted"], end["trace_lost"]
    if emitted < writers * batches * 1000:
        raise RuntimeError(f"{emitted} events emitted, {writers * batches * 1000} were made")
    return {"rate": emitted / took_ns * 1e6, "lost": lost, "bytes": size / end["events"],
            "unaccounted": emitted - end["trace_consumed"] - lost}


with Place() as place:
    os.chdir(place.work)
    for name, writers, op in FLOODS if TRACE == "on" else ():
        runs = [flood(place, writers, op) for _ in range(count(6, 1))]
        row(f"{name}: events made", "1000/s", [r["rate"] for r in runs])
        row(f"{name}: lost, counted", "events", [r["lost"] for r in runs])
        row(f"{name}: lost, not counted", "events", [r["unaccounted"] for r in runs])
        row(f"{name}: record", "bytes/event", [r["bytes"] for r in runs])
    if TRACE != "on":
        skip("flood of trace events", "needs the BPF trace, which needs root")
