#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vm.py KERNEL BUILD [PATTERN]: runs the tests of BUILD on one of Debian's kernels, in an emulator.

The tests are ctest's own of unit and integration but those of LEFT_OUT, groups of the escape suite,
and guest/test_host.py.
Prints a line for each, and the whole output of one that failed. PATTERN: only those whose name it
is found in. Exit status 0, 1, or 77 if no machine can be made here.
"""
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time

import image
from kernels import KERNELS, Unavailable, kernel, said

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LABELS = {"unit", "integration"}
# Those in Python or shell start sessions by the dozen, and a traced start takes seconds in an emulator.
LEFT_OUT = re.compile(r"\.(py|sh)$")
ALL = "CORDON_VM_ALL" in os.environ
# The escape suite by groups of its rows: as root those about limits, which are cgroup v2's here; the
# others as an ordinary user, whose sessions start without a trace.
ESCAPE = {0: ("limit",), 1000: ("limit", "process", "view", "write", "kernel", "network")}
ESCAPE_ALL = (*ESCAPE[1000], "denied", "number", "call", "session", "exec", "gate", "race", "file", "file-race", "file-way")
# What depends on the trace runs once with each of its back ends, which all of these kernels have.
BACKENDS = ("lsm", "tracepoint")
TRACED = re.compile(r"^(integration\.(trace.*|exec_verified|bounds|fairness|loss)|vm\..*_as_root|escape\..*_as_root)$")
# An emulated machine is slower than the tests' limits and rounds have in mind: tests/support/slower.h.
SLOWER = 10
# By how much this host is slower than one with two CPUs for itself.
PATIENCE = int(os.environ.get("CORDON_VM_PATIENCE", "1"))
MOST_SECONDS = 300 * PATIENCE
WHOLE_SECONDS = 1200 * PATIENCE


@dataclasses.dataclass
class Test:
    name: str
    command: list
    folder: str
    seconds: int = 60
    user: int = 0
    environment: tuple = ()

    def line(self):
        command = shlex.join(["env", f"CORDON_TEST_SLOWER={SLOWER}", *self.environment, *self.command])
        return "\t".join([self.name, str(self.user), str(self.seconds), self.folder, command])


def of_ctest(build):
    told = json.loads(said(["ctest", "--test-dir", str(build), "--show-only=json-v1"]))
    for test in told["tests"]:
        has = {p["name"]: p["value"] for p in test["properties"]}
        if not LABELS & set(has.get("LABELS", [])) or not ALL and any(map(LEFT_OUT.search, test["command"])):
            continue
        command = [re.sub(r".*/(?=python3$)", "", word) for word in test["command"]]
        yield Test(test["name"], command, has["WORKING_DIRECTORY"], MOST_SECONDS,
                   environment=tuple(has.get("ENVIRONMENT", ())))


def extra(build):
    """What ctest does not have: the same as an ordinary user, and what only these machines show."""
    environment = (f"CORDON={build}/cordon", "CORDON_RESIDENT=off", f"BUILD={build}", f"SOURCE={SOURCE}")
    for user, name in ((0, "root"), (1000, "user")):
        yield Test(f"vm.host_as_{name}", ["python3", f"{SOURCE}/tests/vm/guest/test_host.py"], "/tmp",
                   MOST_SECONDS, user, environment)
        for group in ESCAPE_ALL if ALL else ESCAPE[user]:
            yield Test(f"escape.{group}_as_{name}",
                       [f"{build}/cordon-prove", "--cordon", f"{build}/cordon", "--verbose", "--trace",
                        "on" if user == 0 else "auto", f"{group}."], "/tmp", MOST_SECONDS, user)


def bench(build):
    """Of the trace's back ends beside each other; only when asked for by name. What counts is its output."""
    yield Test("bench.trace", [f"{build}/tests/bench_trace"], "/tmp", MOST_SECONDS)


def with_each_backend(tests):
    for test in tests:
        for backend in BACKENDS if TRACED.match(test.name) else ():
            yield dataclasses.replace(test, name=f"{test.name}.{backend}",
                                      environment=(*test.environment, f"CORDON_TRACE_BACKEND={backend}"))
        if not TRACED.match(test.name):
            yield test


def qemu():
    path = shutil.which("qemu-system-x86_64")
    if not path:
        raise Unavailable("qemu-system-x86_64 is not installed (package qemu-system-x86)")
    return path


class Machine:
    """One boot. Its first serial port is the console, its second brings the results."""

    def __init__(self, kern, folder):
        self.console = folder / "console.log"
        self.process = subprocess.Popen(
            [qemu(), "-accel", "tcg,thread=multi", "-cpu", kern.cpu, "-smp", "2", "-m", "1536",
             "-kernel", str(kern.image), "-initrd", str(folder / "initramfs"),
             "-append", "console=ttyS0 panic=-1 mitigations=off loglevel=4",
             "-drive", f"file={folder}/disk,format=raw,if=virtio,cache=unsafe",
             "-nodefaults", "-nic", "none", "-display", "none", "-no-reboot",
             "-serial", f"file:{self.console}", "-serial", "stdio"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.timer = threading.Timer(WHOLE_SECONDS, self.process.kill)
        self.timer.start()

    def lines(self):
        for line in self.process.stdout:
            yield line.decode(errors="replace").rstrip("\r\n")

    def end(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()

    def last_words(self):
        said_itself = self.process.stderr.read().decode(errors="replace")
        console = self.console.read_text(errors="replace") if self.console.exists() else ""
        return said_itself + "\n".join(console.splitlines()[-40:])


def run(machine, tests):
    """Prints what comes; returns the outcome of each test that ended."""
    outcome, output, start, linux = {}, [], time.monotonic(), "?"
    for line in machine.lines():
        word, _, rest = line.partition(" ")
        if word == "|":
            output.append(rest)
        elif word == "@kernel":
            linux = rest
            print(f"Linux {rest}, up after {time.monotonic() - start:.1f} s", flush=True)
        elif word == "@start":
            output, start = [], time.monotonic()
        elif word == "@end":
            name, status = rest.split()
            outcome[name] = int(status)
            tell(name, linux, int(status), output, time.monotonic() - start)
        elif word == "@done":
            break
    return outcome


def tell(name, linux, status, output, seconds):
    """A line in the form of unittest, which tests/results.py reads."""
    if status == 77:
        said_why = [line for line in output if "skip" in line.lower()] or ["no reason given"]
        print(f"{name} on {linux} ... skipped {said_why[-1].removeprefix('skipped: ')!r}", flush=True)
        return
    verdict = "ok" if status == 0 else "timed out" if status in (124, 137) else f"FAILED ({status})"
    print(f"{name} on {linux} ... {verdict} ({seconds:.1f} s)", flush=True)
    if status != 0 or os.environ.get("CORDON_VM_VERBOSE"):
        print("\n".join(f"    {line}" for line in output), flush=True)


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in KERNELS:
        print(f"usage: vm.py {'|'.join(KERNELS)} BUILD [PATTERN]", file=sys.stderr)
        return 2
    name, build = sys.argv[1], pathlib.Path(sys.argv[2]).absolute()
    pattern = re.compile(sys.argv[3] if len(sys.argv) == 4 else "")
    tests = with_each_backend([*extra(build), *of_ctest(build)])
    if pattern.pattern == "bench":
        tests = bench(build)
        os.environ["CORDON_VM_VERBOSE"] = "1"
    tests = [t for t in tests if pattern.search(t.name)]
    folder = build / "vm" / f"run-{name}"
    try:
        qemu()
        kern = kernel(name, build)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        image.initramfs(kern, folder / "initramfs")
        image.disk(folder / "disk", SOURCE, build, tests)
    except Unavailable as e:
        print(f"skipped: {e}")
        return 77
    machine = Machine(kern, folder)
    try:
        outcome = run(machine, tests)
    finally:
        machine.end()
    (folder / "disk").unlink()
    missing = [t.name for t in tests if t.name not in outcome]
    if missing:
        print(f"the machine ended before: {', '.join(missing)}\n{machine.last_words()}")
    failed = [n for n, status in outcome.items() if status not in (0, 77)]
    skipped = [n for n, status in outcome.items() if status == 77]
    print(f"{len(outcome) - len(failed) - len(skipped)} passed, {len(failed)} failed, "
          f"{len(skipped)} skipped, {len(missing)} not reached")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
