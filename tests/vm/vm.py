#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vm.py [--all] [--resume] [--processors N] KERNEL BACKEND BUILD [PATTERN]: runs BUILD's tests on one of Debian's kernels, in an emulator.

KERNEL: 6.1, 6.12 or sid. BACKEND: of the trace, lsm or tracepoint. suites.py says which tests: those about
what differs from kernel to kernel, with --all every one, with PATTERN those of all whose name it is found in.
Prints a line for each, with the output of one that failed; BUILD/vm/results-KERNEL-BACKEND.tsv keeps the table,
and with --resume what it has as good for this very build is not run again.
Exit status 0; 1 if one failed, was not reached, or skipped all of itself; 77 if no machine can be made here.
"""
import argparse
import collections
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import image
import suites
import table
from kernels import KERNELS, Unavailable, kernel

sys.path.append(str(pathlib.Path(__file__).parent.parent))
import results  # noqa: E402 (its folder is known only now)

# Tests at a time: while a session of one ends, which is mostly waiting, another can go on. A host that does other
# things has no more to give, and each would only be slower.
JOBS = 3 if suites.PATIENCE == 1 else 2
WHOLE_SECONDS = {False: 1200, True: 14400}
MEMORY = "2048"
# The emulator's processors do not always agree on code that the kernel patches while it runs: one of them
# meets the breakpoint that the patching puts there when the kernel has forgotten it. No processor does that.
EMULATORS_FAULT = re.compile(r"\bint3: 0000 \[#1\]")
# Or they turn there for ever. A lock of the kernel's that two of our programs wait for looks the same, so a second
# one in a run is none of the emulator's, and the registers of each are shown.
LOCKED_UP = re.compile(r"soft lockup - CPU#\d+ stuck for \d+s!")
MOST_LOCK_UPS = 1
MOST_BOOTS = 4
# A processor that has run nothing else for twice so many seconds ends its machine; the emulator's seldom wait ten.
LOCKED_UP_SECONDS = 60
PR_SET_PDEATHSIG = 1


def qemu():
    path = shutil.which("qemu-system-x86_64")
    if not path:
        raise Unavailable("qemu-system-x86_64 is not installed (package qemu-system-x86)")
    return path


def monitor():
    """Where whoever needs this host for a moment can say "stop" and "cont", as to any qemu; inside no time passes then."""
    path = os.environ.get("CORDON_VM_MONITOR")
    return ["-monitor", f"unix:{path},server=on,wait=off"] if path else []


def ends_with_us():
    """Whoever ends this runner, as ctest does when its time is over, ends the machine."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """One boot. Its first serial port is the console, its second brings the results."""

    def __init__(self, kern, folder, processors, seconds):
        self.console = folder / "console.log"
        self.process = subprocess.Popen(
            [qemu(), "-accel", "tcg,thread=multi", "-cpu", kern.cpu, "-smp", str(processors), "-m", MEMORY,
             "-kernel", str(kern.image), "-initrd", str(folder / "initramfs"),
             "-append", "console=ttyS0 panic=-1 mitigations=off loglevel=5 softlockup_panic=1 "
                        f"watchdog_thresh={LOCKED_UP_SECONDS}",
             "-drive", f"file={folder}/disk,format=raw,if=virtio,cache=unsafe",
             "-nodefaults", "-nic", "none", "-display", "none", "-no-reboot",
             "-serial", f"file:{self.console}", "-serial", "stdio", *monitor()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=ends_with_us)
        self.timer = threading.Timer(seconds, self.process.kill)
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
        return said_itself + "\n".join(console.splitlines()[-100:])


class Result:
    """How one test went; status as of a program, 77 for a skip."""

    def __init__(self, seconds):
        self.seconds, self.output, self.status = float(seconds), [], None

    def is_idle(self):
        """A test that skips every one of its parts has tried nothing, whatever its status."""
        ran = re.search(r"^Ran (\d+) tests?\b(?:.|\n)*^OK \(skipped=(\d+)\)", "\n".join(self.output), re.M)
        return self.status == 77 or ran is not None and ran[1] == ran[2]

    def verdict(self):
        if self.status in (0, 77):
            return "skipped" if self.is_idle() else "ok"
        return "timed out" if self.status == 124 else f"FAILED ({self.status})"

    def skips(self):
        """(name, reason) of what was skipped inside a test, as unittest, cmocka's tests or cordon-prove say it."""
        for line in self.output:
            found = re.match(r"(\S+) .*\.\.\. skipped (['\"])(.*)\2$", line)
            if found:
                yield found[1], found[3]
            elif line.startswith("skipped: "):
                yield "", line.removeprefix("skipped: ")
            elif found := re.match(r"(\S+\.\S+) .* skipped +(.*)", line):
                yield found[1], found[2]

    def tell(self, name, linux, show):
        """In the form of unittest, which tests/results.py reads."""
        skips = list(self.skips())
        if self.verdict() == "skipped":
            print(f"{name} on {linux} ... skipped {(skips[-1][1] if skips else 'no reason given')!r}", flush=True)
            return
        print(f"{name} on {linux} ... {self.verdict()} ({self.seconds:.1f} s)", flush=True)
        for part, reason in skips:
            print(f"{name}:{part} on {linux} ... skipped {reason!r}", flush=True)
        if self.status != 0 or show:
            print("\n".join(f"    {line}" for line in self.output), flush=True)


def run(machine, show, keep):
    """Prints what comes, and keeps it; returns the result of each test that ended, and whether all was told."""
    ended, result, booted, linux, done = {}, None, time.monotonic(), "?", False
    for line in machine.lines():
        word, _, rest = line.partition(" ")
        if word == "|" and result:
            result.output.append(rest)
        elif word == "@kernel":
            linux = rest
            print(f"Linux {rest}, up after {time.monotonic() - booted:.1f} s", flush=True)
        elif word == "@start":
            result = Result(rest.split()[1])
        elif word == "@end" and result:
            name, status = rest.split()
            result.status = int(status)
            ended[name], last, result = result, result, None
            keep(name, last.verdict(), last.seconds, linux)
            last.tell(name, linux, show)
        elif word == "@done":
            done = True
            break
    return ended, done


def is_good(test, verdict):
    """Root's tests may skip parts, never all of what they are."""
    return verdict == "ok" or verdict == "skipped" and test.user != 0


def still_to_run(tests, kept):
    return [t for t in tests if not is_good(t, kept.verdicts().get(t.name))]


def sum_up(tests, verdicts):
    """Prints the sum of each suite; verdicts has one for each test that ended. True if all is well."""
    good, counts = True, collections.defaultdict(collections.Counter)
    for test in tests:
        verdict = verdicts.get(test.name, "not reached")
        counts[test.name.split(".")[0]][verdict.split(" (")[0]] += 1
        if verdict == "skipped" and test.user == 0:
            print(f"{test.name}: all of it was skipped, so nothing was tried: that counts as a failure")
        good = good and is_good(test, verdict)
    for suite, count in sorted(counts.items()):
        print(f"{suite}: " + ", ".join(f"{n} {what}" for what, n in sorted(count.items())))
        good = good and "ok" in count
    return good


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every test, not only those about kernels")
    parser.add_argument("--resume", action="store_true", help="leave out what the table has as good for this build")
    parser.add_argument("--processors", type=int, choices=(1, 2), help="of the machine; 2, but with lsm 1 for what does not need two")
    parser.add_argument("kernel", choices=KERNELS)
    parser.add_argument("backend", choices=suites.BACKENDS)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).absolute())
    parser.add_argument("pattern", nargs="?", default="", help="of all tests those whose name it is found in; bench")
    return parser.parse_args()


def machines(tests, backend, processors):
    """(processors, tests) of each machine. Attaching to security hooks patches code that all processors run, of which
    the emulator makes seconds, and sometimes its fault."""
    if processors or backend != "lsm":
        return [(processors or 2, tests)]
    split = [(1, [t for t in tests if not suites.NEEDS_TWO.match(t.name)]),
             (2, [t for t in tests if suites.NEEDS_TWO.match(t.name)])]
    return [(n, some) for n, some in split if some]


def boot(args, processors, kern, folder, tests, until, keep, jobs=JOBS):
    """One machine's life. Returns its results, and what it said last if it ended before its time."""
    image.disk(folder / "disk", suites.SOURCE, args.build,
               {"jobs": jobs, "tests": [t.as_json() for t in tests]})
    machine = Machine(kern, folder, processors, max(1, until - time.monotonic()))
    try:
        ended, done = run(machine, args.pattern == suites.BENCH or "CORDON_VM_VERBOSE" in os.environ, keep)
    finally:
        machine.end()
    (folder / "disk").unlink()
    return ended, None if done else machine.last_words()


class Faults:
    """What machines ended of that is taken for the emulator's, and how often."""

    def __init__(self):
        self.lock_ups = 0

    def excused(self, last_words):
        """What it was if the tests are to go on in another machine."""
        if found := EMULATORS_FAULT.search(last_words):
            return found[0]
        found = LOCKED_UP.search(last_words)
        if not found or self.lock_ups == MOST_LOCK_UPS:
            return None
        self.lock_ups += 1
        print(last_words, flush=True)
        return found[0]


def worth_another(tests, told):
    """Those that may have failed for want of a processor, as tests/results.py says of a run outside."""
    failed = [t for t in tests if t.name in told and not is_good(t, told[t.name].verdict())]
    return [t for t in failed if t.name.split(".")[0] in results.WORTH_ANOTHER] if len(failed) <= results.MAX_AGAIN else []


def run_all(args, kern, folder, tests, kept):
    """In more machines than one where the emulator fails. Returns those that were not reached."""
    until = time.monotonic() + WHOLE_SECONDS[args.all] * suites.PATIENCE
    missing, faults = [], Faults()
    for processors, some in machines(tests, args.backend, args.processors):
        left, told = some, {}
        for _ in range(MOST_BOOTS):
            ended, last_words = boot(args, processors, kern, folder, left, until, kept.add)
            told |= ended
            left = [t for t in left if t.name not in ended]
            fault = faults.excused(last_words or "")
            if not fault:
                break
            print(f"the emulator failed ({fault}); the rest in a machine of its own", flush=True)
        if left:
            print(f"the machine ended before: {', '.join(t.name for t in left)}\n{last_words}")
        missing += left
        if again := worth_another(some, told):
            print(f"{results.AGAIN}{', '.join(t.name for t in again)}", flush=True)
            boot(args, processors, kern, folder, again, until, kept.add, jobs=1)
    return missing


def main():
    args = parsed()
    try:
        tests = suites.chosen(args.build, args.kernel, args.backend, args.all, args.pattern)
        if not tests:
            print(f"no test's name has {args.pattern!r} in it", file=sys.stderr)
            return 2
        folder = args.build / "vm" / f"run-{args.kernel}-{args.backend}"
        qemu()
        kern = kernel(args.kernel, args.build)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        image.initramfs(kern, folder / "initramfs")
        kept = table.Table(args.build / "vm" / f"results-{args.kernel}-{args.backend}.tsv",
                           table.stamp([kern.image, *image.what_runs(suites.SOURCE, args.build)]))
        left = {t.name for t in run_all(args, kern, folder, still_to_run(tests, kept) if args.resume else tests, kept)}
    except Unavailable as e:
        print(f"skipped: {e}")
        return 77
    return 0 if sum_up(tests, {name: v for name, v in kept.verdicts().items() if name not in left}) else 1


if __name__ == "__main__":
    sys.exit(main())
