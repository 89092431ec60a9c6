#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday work in cordon against the same in bubblewrap, in the same kind of workspace: cow, an
overlay on both sides, and live, the folder itself. Timed inside, without the start-up."""

import os
import random
import shutil

import workloads
from samples import count, rounds, row, skip
from sandboxes import BWRAP, PAYLOAD, Place, payload_us

SCALE = count(1.0, 0.02)


def seconds(argv, env):
    return payload_us(argv, env) / 1e6


def compare(place, name, script):
    command = [PAYLOAD, "run", "sh", "-ec", script]

    def on_overlay():
        layers = place.layers()
        try:
            return seconds(place.bwrap_on_overlay(layers, *command), place.env)
        finally:
            shutil.rmtree(layers)

    pairs = {"live": lambda: seconds(place.bwrap(*command), place.env), "cow": on_overlay}
    for mode in ("cow", "live"):
        if mode == "cow" and os.geteuid() != 0:
            skip(f"{name}, cow", "bubblewrap's overlay has to be mounted by root")
            continue
        if (name, mode) == ("git", "live"):
            skip(f"{name}, live", "policies/persistence.json refuses to set up a repository there")
            continue
        s = rounds(count(9, 1), {
            "cordon": lambda: seconds(place.cordon(*command, mode=mode), place.env),
            "bwrap": pairs[mode]})
        row(f"{name}, {mode}", "s", s["cordon"], "bwrap", s["bwrap"])


with Place() as place:
    os.chdir(place.work)
    os.chmod(place.work, 0o777)  # bubblewrap's user as root's is another one than the owner
    scripts = workloads.prepare(place.work, SCALE, random.Random(1))
    for name, script in scripts.items():
        if not BWRAP:
            skip(name, "bwrap is not installed")
        elif script is None:
            skip(name, f"{name} is not installed under /usr")
        else:
            compare(place, name, script)
