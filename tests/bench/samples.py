# SPDX-License-Identifier: Apache-2.0
"""What every benchmark shares: rounds that interleave the things compared, and rows of samples.

A benchmark only measures. It prints one JSON object a line (tests/bench/samples.h does so for C);
run.py judges them all in one way.
"""

import json
import os
import time

QUICK = os.environ.get("BENCH_QUICK") == "1"


def count(full, quick):
    return quick if QUICK else full


def rounds(number, things):
    """Runs each thing once a round, starting one further each time; after one round unmeasured.

    things: name -> function that returns its sample. Return: name -> samples, in order of rounds, so
    that samples of the same index were taken side by side.
    """
    names = list(things)
    samples = {name: [] for name in names}
    for name in names:
        things[name]()
    for i in range(number):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(things[name]())
    return samples


def row(what, unit, cordon, peer=None, against=None, note=None):
    """Samples of cordon and, taken side by side with them, of a named peer."""
    values = {"what": what, "unit": unit, "cordon": cordon, "peer": peer, "against": against,
              "note": note}
    print(json.dumps({k: v for k, v in values.items() if v is not None}), flush=True)


def skip(what, reason):
    print(json.dumps({"what": what, "skipped": reason}), flush=True)


def spawn_ms(argv, env, log=None):
    """Wall-clock milliseconds of one program from start to end; its output goes to log, or nowhere."""
    out = log or os.devnull
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    start = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter_ns() - start
    if status != 0:
        text = open(log, errors="replace").read()[-2000:] if log else ""
        raise RuntimeError(f"{' '.join(argv[:12])} ...: wait status {status}\n{text}")
    return took / 1e6
