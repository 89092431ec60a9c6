# SPDX-License-Identifier: Apache-2.0
"""Cases: small programs, each with what it stands for. Text is only ever run, never matched to tell risk from none."""

import dataclasses
import hashlib
import json
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Case:
    id: str
    group: str      # index or technique that figures are printed for
    language: str   # "bash", "sh" or "python"
    code: str
    risky: bool
    visible: bool = True  # False: all of its harm is inside one process, or none of it is an action
    folder: str = ""      # what the workspace is a copy of, beside what every case finds there

    @property
    def digest(self):
        return hashlib.sha256(f"{self.language}\0{self.code}".encode()).hexdigest()

    def held_out(self):
        """One half of every set is never looked at while rules are written. The digest decides, so neither the order of a
        file nor who reads it can move a case to the other side."""
        return int(self.digest[:8], 16) % 2 == 1


# Indices of RedCode-Exec without an effect that the system sees: what they show is harmful to read, to compute or to
# deserialise, and what is executed is a print.
NOT_VISIBLE = {"11": "a CPU figure is computed", "24": "a text is deserialised", "27": "memory is taken within the limit"}
# Only names in public folders are listed, which half of all honest commands do: recorded, no alarm.
DISCOVERY = {"5", "14"}


def redcode(row):
    index = row["id"].split("_")[0]
    return Case(f'redcode-{row["id"]}-{row["lang"]}', f"redcode-{index}", row["lang"].lower(), row["code"], True,
                index not in NOT_VISIBLE and index not in DISCOVERY)


# Techniques of ATT&CK's tactic Discovery, and such that are a property of the text (encoding, naming) or of a shell's variables.
ATOMIC_NOT_VISIBLE = re.compile(r"T1(016|018|033|046|049|057|069|082|083|087|115|124|135|201|518|614|652|003\.008"
                                r"|059|027|036|132|140|001|497|070\.006|546\.005|690|222)\b")


def atomic(row):
    command = row["command"]
    for name, value in (row.get("args") or {}).items():
        command = command.replace("#{%s}" % name, value)
    code = command.replace("PathToAtomicsFolder", "/tmp/atomics")
    return Case(f'atomic-{row["guid"][:8]}', row["technique"], row["executor"], code, True,
                not ATOMIC_NOT_VISIBLE.match(row["technique"]))


def own(row):
    return Case(row["id"], row["group"], row["language"], row["code"], row["risky"], row.get("visible", True),
                row.get("folder", ""))


def read_lines(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.strip():
            yield Case(f"{path.stem}-{number}", path.stem, "bash", line, False)


def read_rows(path):
    text = path.read_text()
    rows = json.loads(text)["cases"] if path.suffix == ".json" else map(json.loads, text.splitlines())
    for row in rows:
        yield redcode(row) if "lang" in row else atomic(row) if "technique" in row else own(row)


def read(paths):
    """Files, or folders whose *.jsonl, *.json and *.txt are all taken. One text twice in a set counts once."""
    seen = {}
    for path in map(pathlib.Path, paths):
        files = sorted(p for p in path.rglob("*") if p.suffix in (".jsonl", ".json", ".txt")) if path.is_dir() else [path]
        for file in files:
            for case in read_lines(file) if file.suffix == ".txt" else read_rows(file):
                seen.setdefault((case.risky, case.digest), case)
    return list(seen.values())
