# SPDX-License-Identifier: Apache-2.0
"""Makes honest cases of the tests that real software brings along, for detect.py.

wild.py FOLDER... > CASES.json   FOLDER: unpacked Debian sources, or any folders (then a test is what its own suite's runner is)
wild.py --list LIST --half shown|kept FOLDER > CASES.json   LIST: as wild.list says it, of the sources in FOLDER

Which half a case is in is what the digest of its name says: it stays there when its command is mended.

Each test is a case whose workspace is a copy of the source: `detect.py --half both --seconds 60 CASES.json` runs them. The packages
themselves, and what their tests need, are to be installed already.
"""

import argparse
import hashlib
import json
import pathlib
import re
import shlex
import sys

# What a sandbox without network or a system manager is not the place for.
ELSEWHERE = {"needs-internet", "isolation-machine", "needs-reboot", "needs-root", "needs-sudo", "breaks-testbed", "skip-foreign-architecture"}
OWN_SERVERS = "# Serves itself what it connects to"  # stage.py plants none then
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


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def drawn(name, folder):
    """GLOB:N is N of the files that fit, drawn by their digests; anything else is itself."""
    pattern, _, number = name.rpartition(":")
    if "*" not in pattern:
        return [name]
    base = pathlib.Path(folder or "/")
    files = [str(f) if pattern.startswith("/") else str(f.relative_to(base)) for f in base.glob(pattern.lstrip("/")) if f.is_file()]
    return sorted(sorted(files, key=digest)[:int(number)])


def listed(path, sources):
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        packages, names, command = (part.strip() for part in line.split(" | ", 2))
        for package in ("installed" if packages == "-" else packages).split():
            folder = "" if package == "installed" else str((sources / package).resolve())
            if folder and not (sources / package).is_dir():
                continue
            for name in [n for word in names.split() for n in drawn(word, folder)]:
                code = command.replace("{/}", pathlib.Path(name).stem if "/" in name else name).replace("{}", name)
                yield {"id": f"{package}/{name}", "group": "sources" if folder else "installed", "language": "bash", "risky": False,
                       "folder": folder, "code": f"{OWN_SERVERS}: {package}: {name}\n{PREPARE}\n{code}\n"}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="+", type=pathlib.Path)
    p.add_argument("--list", type=pathlib.Path)
    p.add_argument("--half", choices=("shown", "kept"))
    return p.parse_args()


def main():
    args = arguments()
    made = [case for folder in args.folders for case in (listed(args.list, folder) if args.list else cases_of(folder))]
    made = [case for case in made if not args.half or (int(digest(case["id"])[:8], 16) % 2 == 1) == (args.half == "kept")]
    json.dump({"cases": made}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
