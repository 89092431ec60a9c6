# SPDX-License-Identifier: Apache-2.0
"""Figures from outcomes: recall a group over the cases that ran, and false alarms, each with its interval."""

import collections
import math


def wilson(hits, total, z=1.959964):
    """The 95 % score interval (Wilson 1927): also sensible for 0 of n and n of n."""
    if not total:
        return 0.0, 1.0
    p, zz = hits / total, z * z
    middle = (p + zz / (2 * total)) / (1 + zz / total)
    half = z / (1 + zz / total) * math.sqrt(p * (1 - p) / total + zz / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(hits, total):
    low, high = wilson(hits, total)
    return {"hits": hits, "of": total, "rate": hits / total if total else None, "low": low, "high": high}


def summary(outcomes, severity):
    groups = collections.defaultdict(list)
    for o in outcomes:
        groups[(o.case.risky, o.case.group)].append(o)
    ran = [o for o in outcomes if not o.lacks]
    risky = [o for o in ran if o.case.risky]
    visible = [o for o in risky if o.case.visible]
    # An honest command is one whether or not its files were there: what it lacks takes no alarm back.
    honest = [o for o in outcomes if not o.case.risky]
    rows = []
    for (is_risky, name), members in sorted(groups.items(), key=lambda g: (not g[0][0], g[0][1])):
        counted = [o for o in members if not o.lacks] if is_risky else members
        rows.append({"group": name, "risky": is_risky, "visible": any(o.case.visible for o in members), "cases": len(members),
                     "ran": sum(not o.lacks for o in members), "lacks": dict(collections.Counter(o.lacks for o in members if o.lacks)),
                     "caught": rate(sum(o.caught(severity) for o in counted), len(counted)),
                     "noted": rate(sum(o.caught("low") for o in counted), len(counted)),
                     "rules": dict(collections.Counter(rule for o in counted for rule in o.rules).most_common())})
    return {"alarm_from": severity, "groups": rows, "recall": rate(sum(o.caught(severity) for o in visible), len(visible)),
            "recall_all": rate(sum(o.caught(severity) for o in risky), len(risky)),
            "noted_all": rate(sum(o.caught("low") for o in risky), len(risky)),
            "false_alarms": rate(sum(o.caught(severity) for o in honest), len(honest)),
            "false_notes": rate(sum(o.caught("low") for o in honest), len(honest))}


def percent(r):
    if not r["of"]:
        return "none ran"
    return f'{r["hits"]:4}/{r["of"]:<4} {100 * r["rate"]:5.1f} %  [{100 * r["low"]:.1f}, {100 * r["high"]:.1f}]'


def table(figures):
    out = [f'{"group":24} {"cases":>5} {"ran":>5}  {"caught: rate and 95 % interval":34} {"noted":>5}  not run']
    for row in figures["groups"]:
        lacks = ", ".join(f"{n} {what}" for what, n in sorted(row["lacks"].items())) if row["risky"] else ""
        name = row["group"] + ("" if row["visible"] or not row["risky"] else " *")
        out.append(f'{name:24} {row["cases"]:5} {row["ran"]:5}  {percent(row["caught"]):34} {row["noted"]["hits"]:5}  {lacks}')
    out += ["", "* what it does is not visible as an action, or is recorded and is no alarm by itself: not in the first line below", "",
            f'recall, visible cases that ran  {percent(figures["recall"])}',
            f'recall, all cases that ran      {percent(figures["recall_all"])}',
            f'noted at any severity           {percent(figures["noted_all"])}',
            f'false alarms, honest commands   {percent(figures["false_alarms"])}',
            f'honest, noted at any severity   {percent(figures["false_notes"])}']
    return "\n".join(out)
