# SPDX-License-Identifier: Apache-2.0
"""Which tests a machine runs: those of ctest that meet the kernel, and what only these machines show."""
import dataclasses
import json
import os
import pathlib
import re

from kernels import said

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# What ctest has under these names; all of it runs here but for:
SUITES = ("unit", "integration", "scenario", "escape")
NOT_HERE = {
    "escape.suite": "its groups of rows run one by one, as escape.GROUP_as_root and _as_user",
    "escape.prove": "of what the suite's runner prints, not of the kernel",
    "escape.classes": "of a table in tools/prove/README.md, not of the kernel",
    "integration.mcp_sdk": "wants packages of npm, and asks for the protocol, not for the kernel",
    "integration.install": "wants the build's CMake; of where files lie, not of the kernel",
    "unit.vm": "of this runner itself",
    "unit.bpf_loader": "of a file of the build's, which is not on the disk",
    "integration.lite_container": "of what a container refuses, and made by runc, which is not on the disk",
    "integration.demo": "of rules and what they refuse; wants a compiler, which is not on the disk",
    "integration.detect": "of rules and how often they are right: a session for each of its cases",
}
# These meet no trace, and run with the first back end alone: of the gate or the floor by themselves, or without any session.
WITHOUT_TRACE = re.compile(
    r"^unit\.|_as_user$|^integration\.(gate.*|floor|refusals|lite.*|policy_(check|fmt|eval|tools|diff|diff_kinds)|decoy_clients)$")
# Once more with the programs for kernels before 6.16, which these are: there it would be the same test again.
BY_CALLS = re.compile(r"_by_calls$")
BY_CALLS_ANYWAY = ("6.1", "6.12")
# As an ordinary user too, who has no trace.
USERS = ("integration.run", "integration.files", "integration.floor", "integration.refusals", "integration.gate",
         "integration.gate_exec", "integration.gate_net", "integration.lite", "integration.signals")
# What shows what is different from kernel to kernel, for a run that has few minutes: with each back end, and with the first alone.
QUICK = re.compile(r"^(vm\.host_as_root|integration\.(loss|clock_step|trace|trace_(load|beyond|verify|strings|labels|process)))$")
QUICK_ONCE = re.compile(
    r"^(unit\.(filter_lite|plan)|vm\.host_as_user|escape\.(process|view|write)_as_user|escape\.limit_as_root"
    r"|integration\.(trace_share|exec_verified|gate|gate_flood|gate_exec|gate_net|floor|refusals|bounds|fairness))$")
# Nothing beside them: they ask for a share of the processor, or for everything of a kind on the machine.
ALONE = re.compile(r"^vm\.host_as_root$|^integration\.(fairness|loss|clock_step|bounds|leaks|supervisor_lost|trace_load)$")
# Their runs are watched by one resident supervisor, which loads the trace once (tests/integration/shared_resident.py): loading
# takes an emulated processor longer than all else that such a test does. None is about loading, or about who watches.
SHARED = re.compile(
    r"_resident$|^integration\.(also|ask_attacks|ask_stranger|budgets.*|decoy|files|hostile_child|lineage|log_export|memory"
    r"|net_(?!end).*|own_work|policy_(learn|locked|signed)|process_labels|profiles|redact|replay|rule_kinds|spec_option|throttle|unix_(connects|sockets)"
    r"|user_limits)$")
# A trace of their own for each run, as these are without a supervisor that they share: what they try is tried with one
# before, and these come last.
LAST = re.compile(r"^integration\.(ask|ask_console|ask_mcp|input|record_file|run|signals)$")
# What differs most from kernel to kernel comes first, so that a run which is cut off has told the most.
FIRST = re.compile(r"^vm\.|^integration\.(trace.*|exec_verified|gate.*)$|^escape\.")
# Only where two processors run at once does what they attack ever get through to its wall.
NEEDS_TWO = re.compile(r"^integration\.exec_verified$")
BENCH = "bench"
BACKENDS = ("tracepoint", "lsm")
# An emulated machine is slower than the tests' limits and rounds have in mind: tests/support/slower.h.
SLOWER = 10
# By how much this host is slower than one with two CPUs for itself.
PATIENCE = int(os.environ.get("CORDON_VM_PATIENCE", "1"))
MOST_SECONDS = 3600 * PATIENCE


@dataclasses.dataclass
class Test:
    name: str
    command: list
    folder: str
    user: int = 0
    environment: dict = dataclasses.field(default_factory=dict)
    seconds: int = MOST_SECONDS

    def as_json(self):
        return dict(dataclasses.asdict(self), alone=bool(ALONE.match(self.name)))


def of_ctest(build, names=None):
    """Those of SUITES that run here, or the named ones."""
    told = json.loads(said(["ctest", "--test-dir", str(build), "--show-only=json-v1"]))
    for test in told["tests"]:
        name = test["name"]
        if not (name in names if names else name.split(".")[0] in SUITES and name not in NOT_HERE):
            continue
        has = {p["name"]: p["value"] for p in test["properties"]}
        command = [re.sub(r".*/(?=python3$)", "", word) for word in test["command"]]
        environment = dict(pair.split("=", 1) for pair in has.get("ENVIRONMENT", ()))
        yield Test(name, command, has["WORKING_DIRECTORY"], 0, environment)
        if name in USERS:
            yield Test(f"{name}_as_user", command, has["WORKING_DIRECTORY"], 1000, environment)


def escape_groups(build):
    listed = said([f"{build}/cordon-prove", "--list"])
    return sorted({line.split(".")[0] for line in listed.splitlines()})


def extra(build):
    """The escape suite by groups of its rows, and what a host with cgroup v2 alone is told."""
    environment = {"CORDON": f"{build}/cordon", "CORDON_RESIDENT": "off", "BUILD": str(build), "SOURCE": str(SOURCE)}
    for user, name in ((0, "root"), (1000, "user")):
        yield Test(f"vm.host_as_{name}", ["python3", f"{SOURCE}/tests/vm/guest/test_host.py"], "/tmp", user, environment)
        for group in escape_groups(build):
            prove = [f"{build}/cordon-prove", "--cordon", f"{build}/cordon", "--verbose", "--trace",
                     "on" if user == 0 else "auto", f"{group}."]
            if user == 0:
                prove = ["python3", f"{SOURCE}/tests/integration/shared_resident.py", f"{build}/cordon", *prove]
            yield Test(f"escape.{group}_as_{name}", prove, "/tmp", user, {"ESCAPE_SHOW": "1", "CORDON_RESIDENT": "off"})


def bench(build):
    """Of the trace's back ends beside each other, when asked for by name. Times of an emulator mean nothing, their ratios do."""
    script = f"{build}/tests/bench_trace >out && echo 'in an emulator:' && grep -E ' x$|load|attach|lost' out"
    return [Test("bench.trace", ["sh", "-c", script], "/tmp", 0, {"CORDON_TEST_SLOWER": str(SLOWER)})]


def order(test):
    return (not FIRST.search(test.name), bool(LAST.search(test.name)))


def chosen(build, kernel, backend, every, pattern):
    """Of the tests that one machine runs with one back end, in their order; a pattern chooses among all of them."""
    if pattern == BENCH:
        return bench(build)
    tests = [t for t in (*of_ctest(build), *extra(build)) if (backend == BACKENDS[0] or not WITHOUT_TRACE.search(t.name))
             and not (kernel in BY_CALLS_ANYWAY and BY_CALLS.search(t.name))]
    if pattern:
        tests = [t for t in tests if re.search(pattern, t.name)]
    elif not every:
        tests = [t for t in tests if QUICK.match(t.name) or backend == BACKENDS[0] and QUICK_ONCE.match(t.name)]
    for test in tests:
        test.environment = {**test.environment, "CORDON_TRACE_BACKEND": backend, "CORDON_TEST_SLOWER": str(SLOWER)}
        if test.user == 0 and SHARED.search(test.name):
            test.environment["CORDON_TEST_RESIDENT"] = "shared"
    return sorted(tests, key=order)
