# SPDX-License-Identifier: Apache-2.0
"""A freeze: what the policies and the held-out cases were when the first look at the held-out half was taken.

Figures on that half count only for rules that were not written with its results in view. So it is run only with a freeze, which
names the digests; when rules are changed afterwards a new freeze says so, with how often this half had been looked at before.
"""

import json


def write(path, policy, cases_digest, count):
    looks = json.loads(path.read_text())["looks"] if path.exists() else []
    path.write_text(json.dumps({"policy_sha256": policy, "cases_sha256": cases_digest, "cases": count, "looks": looks}, indent=1) + "\n")


def refusal(path, policy, cases_digest):
    """Why the held-out half may not be run with this freeze; None if it may."""
    if not path or not path.exists():
        return "the held-out half needs a freeze: make one with --freeze FILE, then run with --frozen FILE"
    frozen = json.loads(path.read_text())
    if frozen["policy_sha256"] != policy:
        return f"{path}: the policies are not those that were frozen; if rules were changed on purpose, freeze again"
    if frozen["cases_sha256"] != cases_digest:
        return f"{path}: the cases are not those that were frozen"
    return None


def note_look(path, figures):
    frozen = json.loads(path.read_text())
    kept = ("recall", "recall_all", "noted_all", "false_alarms", "false_notes")
    frozen["looks"].append({"policy_sha256": frozen["policy_sha256"], "alarm_from": figures["alarm_from"], **{k: figures[k] for k in kept}})
    path.write_text(json.dumps(frozen, indent=1) + "\n")
