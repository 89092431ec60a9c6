# SPDX-License-Identifier: Apache-2.0
"""Makes honest cases of the tests that real software brings along, for detect.py.

wild.py FOLDER... > CASES.json   FOLDER: unpacked Debian sources, or any folders (then a test is what its own suite's runner is)

Each test is a case whose workspace is a copy of the source: `detect.py --half both --seconds 60 CASES.json` runs them. The packages
themselves, and what their tests need, are to be installed already.
"""

import json
import pathlib
import re
import shlex
import sys

# What a sandbox without network or a system manager is not the place for.
ELSEWHERE = {"needs-internet", "isolation-machine", "needs-reboot", "needs-root", "needs-sudo", "breaks-testbed", "skip-foreign-architecture"}
PREPARE = ('export AUTOPKGTEST_TMP="$(mktemp -d)" AUTOPKGTEST_ARTIFACTS="$(mktemp -d)"; '
           'export ADTTMP="$AUTOPKGTEST_TMP" ADT_ARTIFACTS="$AUTOPKGTEST_ARTIFACTS"')
# Suites without a control file, by what there is of them, and builds: the first of each kind that fits.
RUNNERS = ((("t/*.t", "prove -I. -Ilib t"),
            ("tests/test_*.py", "python3 -m unittest discover -s tests"),
            ("test/test_*.py", "python3 -m unittest discover -s test"),
            ("test/*_test.rb", 'ruby -Ilib -Itest -e "Dir[%q(./test/**/*_test.rb)].each { |f| require f }"'),
            ("test/test_*.rb", 'ruby -Ilib -Itest -e "Dir[%q(./test/**/test_*.rb)].each { |f| require f }"'),
            ("spec/*_spec.rb", "rspec"),
            ("test/*.js", "mocha test")),
           (("configure", "./configure && make -j2 && make check"),
            ("configure.ac", "autoreconf -fi && ./configure && make -j2 && make check"),
            ("CMakeLists.txt", "cmake -B b . && make -C b -j2 && make -C b test"),
            ("Makefile", "make -j2 && make test")))


def stanzas(text):
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields = re.findall(r"^([A-Za-z-]+):(.*(?:\n[ \t].*)*)", stanza, re.M)
        if fields:
            yield {name.lower(): value.strip() for name, value in fields}


def declared(folder):
    """Commands by name, as debian/tests/control says them."""
    control = folder / "debian/tests/control"
    if not control.exists():
        return
    for number, stanza in enumerate(stanzas(control.read_text(errors="replace")), 1):
        if set(re.split(r"[,\s]+", stanza.get("restrictions", ""))) & ELSEWHERE:
            continue
        place = stanza.get("tests-directory", "debian/tests")
        for name in re.split(r"[,\s]+", stanza.get("tests", "")):
            if name:
                yield name, f"chmod +x {shlex.quote(f'{place}/{name}')} && {shlex.quote(f'{place}/{name}')}"
        if "test-command" in stanza:
            yield f"command{number}", stanza["test-command"]


def found(folder):
    for runners in RUNNERS:
        yield from [(pattern.replace("/", "-"), command) for pattern, command in runners if any(folder.glob(pattern))][:1]


def cases_of(folder):
    package = folder.parent.name if folder.name == "tree" else folder.name
    for name, command in [*declared(folder), *found(folder)]:
        yield {"id": f"{package}/{name}", "group": "declared" if "debian" in command else "suite", "language": "bash", "risky": False,
               "folder": str(folder.resolve()), "code": f"# {package}: {name}\n{PREPARE}\n{command}\n"}


if __name__ == "__main__":
    json.dump({"cases": [case for folder in sys.argv[1:] for case in cases_of(pathlib.Path(folder))]}, sys.stdout, indent=1)
    print()
