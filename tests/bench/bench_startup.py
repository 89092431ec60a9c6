#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up: `true` in cordon against bubblewrap with the same view, and bare.

Each is timed after a pause: what is left to be done behind a caller's back (cordon's folders and programs of the
trace, the kernel's namespaces) is then in nobody else's figure. Runs one after the other are a row of their own."""

import os
import shutil
import tempfile
import time

from samples import count, rounds, row, skip, spawn_ms
from sandboxes import BWRAP, Place, cordon_options

TRUE = "/usr/bin/true"
PAUSE = 0.02
IN_A_ROW = 10


def timed(argv, place, env=None):
    time.sleep(PAUSE)
    return spawn_ms(argv, env or place.env, place.log)


def in_a_row(argv, place):
    """Milliseconds of one run of several, each begun as soon as the one before has ended."""
    time.sleep(PAUSE)
    return sum(spawn_ms(argv, place.env, place.log) for _ in range(IN_A_ROW)) / IN_A_ROW


def repeated(place):
    cordon = place.cordon(TRUE)
    resident = "--resident" in cordon_options()
    things = {"cordon": lambda: timed(cordon, place), "bare": lambda: timed([TRUE], place)}
    if resident:
        off = place.cordon(TRUE, options=["--resident=off"])
        things["off"] = lambda: timed(off, place)
    if BWRAP:
        things["bwrap"] = things["bwrap again"] = lambda: timed(place.bwrap(TRUE), place)
    s = rounds(count(60, 3), things)
    if not BWRAP:
        skip("start-up of true", "bwrap is not installed")
    else:
        row("noise: bwrap against itself", "ms", s["bwrap again"], "bwrap", s["bwrap"])
        row("start-up of true", "ms", s["cordon"], "bwrap", s["bwrap"])
        if resident:
            row("start-up of true, --resident=off", "ms", s["off"], "bwrap", s["bwrap"])
    row("start-up of true, beside fork+exec", "ms", s["cordon"], "bare", s["bare"])
    if BWRAP:
        s = rounds(count(12, 2), {"cordon": lambda: in_a_row(cordon, place),
                                  "bwrap": lambda: in_a_row(place.bwrap(TRUE), place)})
        row(f"start-up of true, {IN_A_ROW} in a row, of each", "ms", s["cordon"], "bwrap", s["bwrap"])


def first(place):
    """Nothing made, loaded or resident: each run has state and run-time folders of its own. The page
    cache stays warm, for both."""
    def cold():
        fresh = tempfile.mkdtemp(prefix="cold-", dir=place.dir)
        env = dict(place.env, CORDON_STATE_DIR=f"{fresh}/state", XDG_RUNTIME_DIR=fresh)
        try:
            return timed(place.cordon(TRUE), place, env)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    if not BWRAP:
        return skip("start-up of true, very first run", "bwrap is not installed")
    s = rounds(count(15, 2), {"cordon": cold,
                              "bwrap": lambda: timed(place.bwrap(TRUE), place)})
    row("start-up of true, very first run", "ms", s["cordon"], "bwrap", s["bwrap"])


with Place() as place:
    os.chdir(place.work)
    repeated(place)
    first(place)
