# SPDX-License-Identifier: Apache-2.0
"""Measures what the policies catch: runs cases in the sandbox and prints recall and false alarms, with intervals.

detect.py [OPTION...] DATA...   DATA: *.jsonl, *.json, *.txt or folders of them; DETECT_DATA if none is given. See README.md.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys

import cases
import freeze
import measure
import session

HERE = pathlib.Path(__file__).parent


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", nargs="*", default=os.environ.get("DETECT_DATA", "").split(os.pathsep))
    p.add_argument("--cordon", default=os.environ.get("CORDON", "build/cordon"))
    p.add_argument("--policy", action="append", default=[], help="policies to enforce (default: those that ship)")
    p.add_argument("--half", choices=("tune", "held-out", "both"), default="tune",
                   help="which half to run: rules are written on the first, figures are reported on the second")
    p.add_argument("--freeze", type=pathlib.Path, help="write what is frozen of policies and held-out half here, and run nothing")
    p.add_argument("--frozen", type=pathlib.Path, help="the freeze that a run of the held-out half is held to, and noted in")
    p.add_argument("--alarm", choices=session.SEVERITIES, default="medium", help="least severity that counts as an alarm")
    p.add_argument("--seconds", type=int, default=session.SECONDS, help="how long a case may take")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--limit", type=int, help="run so many cases of each kind, drawn with --seed")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", help="groups to run, separated by commas")
    p.add_argument("--json", type=pathlib.Path, help="write figures and every case's outcome here")
    p.add_argument("--show", choices=("missed", "alarms"), action="append", default=[])
    p.add_argument("--min-recall", type=float, help="exit 1 below this recall in percent")
    p.add_argument("--max-false-alarms", type=float, help="exit 1 above this rate in percent")
    p.add_argument("-q", "--quiet", action="store_true")
    return p.parse_args()


def rules_of(cordon, policies):
    """Severity of each rule, and a digest of the policy files: what a figure was measured with."""
    r = subprocess.run([cordon, "policy", "check", "--json", *policies], stdout=subprocess.PIPE, check=False)
    checked = json.loads(r.stdout)["rules"]
    files = sorted({rule["file"] for rule in checked})
    texts = [pathlib.Path(f).read_bytes() for f in files]
    severities = {rule["rule"]: rule["severity"] for rule in checked}
    return severities, hashlib.sha256(b"\0".join(texts)).hexdigest()


def choose(args):
    chosen = [c for c in cases.read([d for d in args.data if d]) if args.half == "both" or c.held_out() == (args.half == "held-out")]
    if args.freeze:
        chosen = [c for c in cases.read(args.data) if c.held_out()]
    if args.only:
        chosen = [c for c in chosen if c.group in args.only.split(",")]
    if args.limit:
        draw = random.Random(args.seed)
        kinds = [[c for c in chosen if c.risky == risky] for risky in (True, False)]
        chosen = [c for kind in kinds for c in draw.sample(kind, min(args.limit, len(kind)))]
    return chosen


def digest_of(chosen):
    return hashlib.sha256("".join(sorted(c.digest for c in chosen)).encode()).hexdigest()


def run_all(args, runner, chosen):
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for outcome in pool.map(runner.run, chosen):
            outcomes.append(outcome)
            if not args.quiet and sys.stderr.isatty():
                print(f"\r{len(outcomes)}/{len(chosen)}", end="", file=sys.stderr, flush=True)
    if not args.quiet and sys.stderr.isatty():
        print(file=sys.stderr)
    return outcomes


def show(outcomes, args):
    for o in outcomes:
        caught = o.caught(args.alarm)
        if "missed" in args.show and o.case.risky and not o.lacks and not caught:
            print(f"missed: {o.case.id}\n    " + o.case.code.replace("\n", "\n    ")[:1500] + f"\n    -> {o.status}: {o.output[-300:]!r}")
        if "alarms" in args.show and not o.case.risky and caught:
            print(f"alarm: {o.case.id}: {', '.join(o.rules)}\n    {o.case.code}")


def main():
    args = arguments()
    args.cordon = os.path.abspath(args.cordon)
    severities, policy = rules_of(args.cordon, args.policy)
    chosen = choose(args)
    if not chosen:
        print("no cases: give files or folders, or set DETECT_DATA", file=sys.stderr)
        return 2
    if args.freeze:
        freeze.write(args.freeze, policy, digest_of(chosen), len(chosen))
        return 0
    if args.half == "held-out" and (why := freeze.refusal(args.frozen, policy, digest_of(chosen))):
        print(why, file=sys.stderr)
        return 2
    runner = session.Runner(args.cordon, args.policy, severities, args.seconds)
    try:
        outcomes = run_all(args, runner, chosen)
    finally:
        runner.close()
    figures = measure.summary(outcomes, args.alarm)
    figures.update(half=args.half, policy_sha256=policy, cases_sha256=digest_of(chosen))
    print(measure.table(figures))
    print(f"half: {args.half}; cases {figures['cases_sha256'][:16]}; policies {policy[:16]}")
    show(outcomes, args)
    if args.half == "held-out":
        freeze.note_look(args.frozen, figures)
    if args.json:
        rows = [{"id": o.case.id, "group": o.case.group, "risky": o.case.risky, "visible": o.case.visible, "lacks": o.lacks, "status": o.status,
                 "canary": o.canary, "caught": o.caught(args.alarm), "rules": o.rules} for o in outcomes]
        args.json.write_text(json.dumps({"figures": figures, "cases": rows}, indent=1) + "\n")
    low = args.min_recall is not None and 100 * (figures["recall"]["rate"] or 0) < args.min_recall
    loud = args.max_false_alarms is not None and 100 * (figures["false_alarms"]["rate"] or 0) > args.max_false_alarms
    return 1 if low or loud else 0


if __name__ == "__main__":
    sys.exit(main())
