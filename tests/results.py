#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""results.py again FILE: a regular expression of the failed tests that are worth a second run; nothing if none.
results.py NAME FILE [--expect label,label]: sums up one ctest run from its JUnit file.

FILE.xml's second run, if there was one, is in FILE.again.xml. A test that passed only there has passed, and is named.
Prints what each label did and why each skipped test was skipped. Fails when a test failed, and
when every test of a label was skipped or an expected label has no test: a run that tried nothing
is no success. The last line is machine-readable for run-tests: "sum PASSED FAILED SKIPPED".
"""
import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def reason_of(case):
    out = case.findtext("system-out") or ""
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    said = [line for line in lines if "skip" in line.lower()]
    if said or lines:
        return (said or lines)[-1].removeprefix("skipped: ")
    skipped = case.find("skipped")
    message = skipped.get("message") if skipped is not None else None
    return message or "the test gives no reason (a fault of the test)"


def parts_skipped(case):
    """The tests inside this one that were skipped, as unittest says it: "name ... skipped 'why'"."""
    for line in (case.findtext("system-out") or "").splitlines():
        found = re.match(r"(\S+) .*\.\.\. skipped (['\"])(.*)\2$", line)
        if found:
            yield found.group(1), found.group(3)


# Not those whose failure may be an attack that won, nor those that have all to themselves.
WORTH_ANOTHER = ("integration", "scenario", "compat", "bench", "network.works", "network.soak")
# More than that is no accident.
MAX_AGAIN = 4
# How a run in an emulator begins its line on those that it ran again itself.
AGAIN = "once more, alone in a machine of its own: "


def cases(path):
    return ElementTree.parse(path).getroot().iter("testcase")


def has_failed(case):
    return case.find("failure") is not None or case.get("status") not in ("run", "notrun", "disabled")


def again(path):
    failed = [case.get("name") for case in cases(path) if has_failed(case)]
    worth = [name for name in failed if name in WORTH_ANOTHER or name.split(".")[0] in WORTH_ANOTHER]
    if worth and len(failed) <= MAX_AGAIN:
        print("^(" + "|".join(re.escape(name) for name in worth) + ")$")


def passed_again(path):
    second = pathlib.Path(path.removesuffix(".xml") + ".again.xml")
    if not second.exists():
        return set()
    return {case.get("name") for case in cases(second) if case.get("status") == "run" and not has_failed(case)}


def main():
    name, path = sys.argv[1], sys.argv[2]
    if name == "again":
        again(path)
        return 0
    expect = sys.argv[4].split(",") if len(sys.argv) > 4 and sys.argv[4] else []
    labels = collections.defaultdict(collections.Counter)
    failed = []
    second = passed_again(path)
    for case in cases(path):
        label = case.get("name").split(".")[0]
        status = case.get("status")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            labels[label]["skipped"] += 1
            print(f"  skipped in {name}: {case.get('name')}: {reason_of(case)}")
        elif has_failed(case) and case.get("name") in second:
            labels[label]["passed"] += 1
            print(f"  passed in {name} only when it was run again, alone: {case.get('name')} (its first output is above)")
        elif has_failed(case):
            labels[label]["failed"] += 1
            failed.append(case.get("name"))
        else:
            labels[label]["passed"] += 1
            for part, reason in parts_skipped(case):
                print(f"  skipped in {name}: {case.get('name')}, {part} only: {reason}")
            for line in (case.findtext("system-out") or "").splitlines():
                if line.startswith(AGAIN):
                    print(f"  in {name}: {case.get('name')}: {line}")
    total = collections.Counter()
    bad = bool(failed)
    for label, count in sorted(labels.items()):
        total.update(count)
        print(f"  {name}: {label}: {count['passed']} passed, {count['failed']} failed, "
              f"{count['skipped']} skipped")
        if count["passed"] + count["failed"] == 0:
            print(f"  {name}: every test of label {label} was skipped: that counts as a failure")
            total["failed"] += 1
            bad = True
    for label in expect:
        if label not in labels:
            print(f"  {name}: no test of label {label} was run: that counts as a failure")
            total["failed"] += 1
            bad = True
    for test in failed:
        print(f"  FAILED in {name}: {test}")
    print(f"sum {total['passed']} {total['failed']} {total['skipped']}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
