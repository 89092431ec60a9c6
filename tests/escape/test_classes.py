# SPDX-License-Identifier: Apache-2.0
"""Every class of attack in tools/prove/README.md has a probe, or says why it has none; and every probe has its class."""

import fnmatch
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ.get("SOURCE", "."))
CORDON = os.environ.get("CORDON", "build/cordon")
LAST_CLASS = 37
REASONS = ("does not apply:", "not attacked:", "tests/integration")


def numbers(text):
    """"2, 5-7" as {2, 5, 6, 7}."""
    found = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found


def table():
    """{class: what its cell says}"""
    found = {}
    for line in (SOURCE / "tools/prove/README.md").read_text().splitlines():
        if row := re.match(r"\| ([\d, ]+) \| [^|]+ \| ([^|]+) \|$", line):
            for number in numbers(row[1]):
                found[number] = row[2].replace("\\", "")
    return found


def rows():
    """{probe: its classes}, of the program itself."""
    listed = subprocess.run([CORDON, "doctor", "--prove", "--list"], check=True, capture_output=True, text=True)
    return {line.split()[0]: numbers(line.split()[1]) for line in listed.stdout.splitlines()}


class Classes(unittest.TestCase):
    def setUp(self):
        self.table = table()
        self.rows = rows()

    def test_every_class_has_a_line(self):
        self.assertEqual(set(self.table), set(range(1, LAST_CLASS + 1)))

    def test_every_class_has_a_probe_or_a_reason(self):
        for number, cell in self.table.items():
            has_probe = any(number in classes for classes in self.rows.values())
            has_reason = any(reason in cell for reason in REASONS)
            self.assertTrue(has_probe or has_reason, f"class {number}: {cell}")

    def test_every_name_is_one_of_a_probe(self):
        for number, cell in self.table.items():
            for name in re.findall(r"\b[a-z]+(?:-[a-z]+)*\.[a-z0-9*_-]+", cell):
                self.assertTrue(fnmatch.filter(self.rows, name), f"class {number} names {name}")

    def test_every_probe_has_known_classes(self):
        self.assertGreater(len(self.rows), 300)
        for name, classes in self.rows.items():
            self.assertTrue(classes and classes <= set(self.table), (name, classes))


if __name__ == "__main__":
    unittest.main()
