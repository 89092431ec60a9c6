#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--quick] [--json FILE] [NAME...]: runs the benchmarks and prints one table.

A benchmark is build/tests/bench_NAME or tests/bench/bench_NAME.py; it prints rows of samples, or
plain lines "what value unit", which become samples by running it several times.
"""

import argparse
import glob
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import judge
from targets import TARGETS

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build")))
PLAIN = re.compile(r"^(\S.*?)\s{2,}(-?[0-9.]+(?:e[+-]?\d+)?) (\S+)$")
PLAIN_RUNS = 7
COLUMNS = "{:<56} {:>4}  {:<34} {:<40} {:<22} {:<17} {}"


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    bwrap = shutil.which("bwrap")
    version = subprocess.run([bwrap, "--version"], capture_output=True, text=True).stdout.strip() \
        if bwrap else "no bwrap"
    return {"kernel": platform.release(), "cpu": model, "cpus": os.cpu_count(), "peer": version,
            "user": "root" if os.geteuid() == 0 else "an ordinary user"}


def busy_seconds():
    """CPU time of the whole machine, and of others that a hypervisor gave it to."""
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return sum(fields[:3]) + sum(fields[5:8]), fields[7]


def is_named(name, names, known):
    """A whole name picks that one, "work" not "network" too; a part of names picks them all."""
    return any(n == name if n in known else n in name for n in names)


def programs(names):
    found = [p for p in glob.glob(f"{BUILD}/tests/bench_*") if os.access(p, os.X_OK)]
    found += glob.glob(f"{HERE}/bench_*.py")
    by_name = {re.sub(r"^bench_|\.py$", "", os.path.basename(p)): p for p in found}
    return {n: p for n, p in sorted(by_name.items()) if not names or is_named(n, names, by_name)}


def run_once(path, env):
    argv = [sys.executable, path] if path.endswith(".py") else [path]
    r = subprocess.run(argv, env=env, cwd=HERE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       text=True)
    if r.returncode != 0:
        raise RuntimeError(f"exit status {r.returncode}")
    rows, plain = [], []
    for line in r.stdout.splitlines():
        match = PLAIN.match(line)
        if line.startswith("{"):
            rows.append(json.loads(line))
        elif match:
            plain.append({"what": match[1], "unit": match[3], "cordon": [float(match[2])]})
    return rows, plain


def rows_of(path, env, quick):
    rows, plain = run_once(path, env)
    for _ in range(0 if quick or not plain else PLAIN_RUNS - 1):
        for row, again in zip(plain, run_once(path, env)[1]):
            if row["what"] != again["what"]:
                raise RuntimeError(f"printed other rows when run again: {again['what']}")
            row["cordon"] += again["cordon"]
    if not rows + plain:
        raise RuntimeError("printed no row")
    return rows + plain


def number(value, unit):
    return f"{value:.0f} {unit}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g} {unit}"


def cell(values, unit):
    s = judge.summary(values)
    noise = "" if s["spread"] is None else f", ±{s['spread'] * 100:.0f}%"
    return f"{number(s['median'], unit)} (min {s['min']:.4g}{noise})"


def ratio_text(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def ratio_cell(row):
    ratios = judge.Target("ratio", 0).statistic(row)
    bounds = judge.interval(ratios)
    between = f" [{', '.join(map(ratio_text, bounds))}]" if bounds else ""
    return f"{ratio_text(statistics.median(ratios))} x{between}"


def check(row):
    """A row that the table cannot show, or that is no measurement, is an error of the benchmark."""
    if "skipped" in row:
        return
    for side in ("cordon", "against") if "against" in row else ("cordon",):
        if not row[side] or not all(isinstance(v, (int, float)) and v >= 0 for v in row[side]):
            raise RuntimeError(f"{row['what']}: no proper samples")
    if len(row.get("against", row["cordon"])) != len(row["cordon"]):
        raise RuntimeError(f"{row['what']}: samples without a partner")


def show(row):
    if "skipped" in row:
        print(f"{row['what']:<56} skipped: {row['skipped']}")
        return
    peer = f"{row['peer']}: {cell(row['against'], row['unit'])}" if "against" in row else "-"
    ratio = ratio_cell(row) if "against" in row else "-"
    what, n, own = row["what"], len(row["cordon"]), cell(row["cordon"], row["unit"])
    for verdict in row["verdicts"] or [{"target": "-", "verdict": "-"}]:
        print(COLUMNS.format(what, n, own, peer, ratio, verdict["target"], verdict["verdict"]).rstrip(),
              flush=True)
        what, n, own, peer, ratio = "", "", "", "", ""


def bench(name, path, quick):
    """Runs one benchmark with a state folder of its own. Return: its judged rows."""
    state = tempfile.mkdtemp(prefix="cordon-bench-state-")
    env = dict(os.environ, CORDON=f"{BUILD}/cordon", CORDON_STATE_DIR=state,
               BENCH_QUICK="1" if quick else "0")
    try:
        rows = rows_of(path, env, quick)
    finally:
        shutil.rmtree(state, ignore_errors=True)
    for row in rows:
        check(row)
        row["bench"] = name
        row["verdicts"] = [] if "skipped" in row else [
            {"target": t.text(), "verdict": t.verdict(row)} for t in TARGETS.get((name, row["what"]), [])]
    missing = [what for bench, what in TARGETS if bench == name and what not in {r["what"] for r in rows}]
    if missing and not any("skipped" in r for r in rows):
        raise RuntimeError(f"no row for the target of: {', '.join(missing)}")
    return rows


def main():
    parser = argparse.ArgumentParser(prog="run-bench", description="Runs the benchmarks of cordon.")
    parser.add_argument("--quick", action="store_true", help="a few rounds only: shows that they run")
    parser.add_argument("--json", metavar="FILE", help="all samples and verdicts as JSON")
    parser.add_argument("names", metavar="NAME", nargs="*", help="the benchmark of that name, or else those that contain it")
    args = parser.parse_args()
    host, result, failed = machine(), [], False
    print(f"Linux {host['kernel']}, {host['cpus']} CPUs, {host['cpu']}; peer: {host['peer']}; "
          f"as {host['user']}; load {os.getloadavg()[0]:.1f}")
    print(COLUMNS.format("what", "N", "cordon: median (min, ±spread)", "peer: median (min, ±spread)",
                         "ratio [95 %]", "target", "verdict"))
    chosen = programs(args.names)
    if not chosen:
        parser.error("no benchmark has such a name")
    for name, path in chosen.items():
        print(f"-- {name}", flush=True)
        stolen = busy_seconds()[1]
        try:
            rows = bench(name, path, args.quick)
        except (RuntimeError, ValueError, KeyError) as e:
            print(f"FAILED: {e}", flush=True)
            failed = True
            continue
        for row in rows:
            show(row)
        load, stolen = os.getloadavg()[0], busy_seconds()[1] - stolen
        if load > host["cpus"] or stolen > 10:
            print(f"   (the machine was busy: load {load:.1f}, {stolen / 100:.1f} s stolen)")
        result += rows
    counts = {v: sum(x["verdict"] == v for r in result for x in r["verdicts"])
              for v in ("met", "MISSED", "unclear")}
    print(", ".join(f"{n} {v}" for v, n in counts.items()))
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"machine": host, "quick": args.quick, "rows": result}, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
