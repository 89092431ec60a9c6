#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py BUILD: prints what the machines said of BUILD's tests, test by test, for each kernel and back end.

BUILD/vm/results-KERNEL-BACKEND.tsv has a row for each test, written as it ends, so that a run which is cut
off has told what it did. Its first line names what was run: a table of anything else begins anew.
"""
import collections
import hashlib
import pathlib
import sys

HEAD = "test\tresult\tseconds\tlinux"


def stamp(files):
    """Of what a machine runs: the programs, the tests and the kernel, by path and content."""
    told = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(pathlib.Path(file).read_bytes()).hexdigest()
        told.update(f"{file} {content}\n".encode())
    return told.hexdigest()[:16]


class Table:
    """Of one kernel and back end: {test: (verdict, seconds, linux)}."""

    def __init__(self, path, of):
        self.path, self.of, self.rows = path, of, {}
        lines = path.read_text().splitlines() if path.exists() else []
        if lines[:2] == [f"# {of}", HEAD]:
            self.rows = {name: tuple(rest) for name, *rest in (line.split("\t") for line in lines[2:])}

    def add(self, name, verdict, seconds, linux):
        self.rows[name] = verdict, f"{seconds:.1f}", linux
        lines = [f"# {self.of}", HEAD, *("\t".join((name, *row)) for name, row in sorted(self.rows.items()))]
        fresh = self.path.with_suffix(".fresh")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.replace(self.path)

    def verdicts(self):
        return {name: row[0] for name, row in self.rows.items()}


def read_all(folder):
    """{"KERNEL BACKEND": Table} of a build."""
    tables = {}
    for path in sorted(folder.glob("results-*.tsv")):
        with open(path, encoding="utf-8") as file:
            tables[path.stem.removeprefix("results-").replace("-", " ")] = Table(path, file.readline()[2:-1])
    return tables


def matrix(tables):
    """Lines: a heading, a row for each test with verdict and seconds, and the sums."""
    def cell(row):
        return f"{row[0]} {float(row[1]):.0f}" if row else "-"

    names = sorted({name for table in tables.values() for name in table.rows})
    width = max([len("test"), *map(len, names)])
    rows = [[name, *(cell(table.rows.get(name)) for table in tables.values())] for name in names]
    rows.insert(0, ["test", *tables])
    lines = ["  ".join([first.ljust(width), *(word.ljust(16) for word in rest)]).rstrip() for first, *rest in rows]
    for name, table in tables.items():
        counts = collections.Counter(verdict.split(" (")[0] for verdict in table.verdicts().values())
        releases = ", ".join(sorted({row[2] for row in table.rows.values()}))
        lines.append(f"{name} (Linux {releases}, build {table.of}): " +
                     ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    return lines


def main():
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    print("\n".join(matrix(read_all(pathlib.Path(sys.argv[1]) / "vm"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
