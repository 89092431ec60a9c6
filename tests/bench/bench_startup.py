#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up: `true` in cordon against bubblewrap with the same view, and bare."""

import os
import shutil
import tempfile

from samples import count, rounds, row, skip, spawn_ms
from sandboxes import BWRAP, Place, cordon_options

TRUE = "/usr/bin/true"


def repeated(place):
    cordon = place.cordon(TRUE)
    resident = "--resident" in cordon_options()
    things = {"cordon": lambda: spawn_ms(cordon, place.env, place.log),
              "bare": lambda: spawn_ms([TRUE], place.env)}
    if resident:
        off = place.cordon(TRUE, options=["--resident=off"])
        things["off"] = lambda: spawn_ms(off, place.env, place.log)
    if BWRAP:
        things["bwrap"] = things["bwrap again"] = lambda: spawn_ms(place.bwrap(TRUE), place.env, place.log)
    s = rounds(count(60, 3), things)
    if not BWRAP:
        skip("start-up of true", "bwrap is not installed")
    else:
        row("noise: bwrap against itself", "ms", s["bwrap again"], "bwrap", s["bwrap"])
        row("start-up of true", "ms", s["cordon"], "bwrap", s["bwrap"])
        if resident:
            row("start-up of true, --resident=off", "ms", s["off"], "bwrap", s["bwrap"])
    row("start-up of true, beside fork+exec", "ms", s["cordon"], "bare", s["bare"])


def first(place):
    """Nothing made, loaded or resident: each run has state and run-time folders of its own. The page
    cache stays warm, for both."""
    def cold():
        fresh = tempfile.mkdtemp(prefix="cold-", dir=place.dir)
        env = dict(place.env, CORDON_STATE_DIR=f"{fresh}/state", XDG_RUNTIME_DIR=fresh)
        try:
            return spawn_ms(place.cordon(TRUE), env, place.log)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    if not BWRAP:
        return skip("start-up of true, very first run", "bwrap is not installed")
    s = rounds(count(15, 2), {"cordon": cold,
                              "bwrap": lambda: spawn_ms(place.bwrap(TRUE), place.env, place.log)})
    row("start-up of true, very first run", "ms", s["cordon"], "bwrap", s["bwrap"])


with Place() as place:
    os.chdir(place.work)
    repeated(place)
    first(place)
