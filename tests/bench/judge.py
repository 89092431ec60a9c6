# SPDX-License-Identifier: Apache-2.0
"""From samples to a verdict.

Samples of one index were taken side by side, so each pair gives one ratio and one difference that a
slow spell of the machine hits on both sides. The statistic is their median with its confidence
interval from order statistics (95 % or more, no assumption on the distribution): a limit inside the
interval is "unclear", so is anything from fewer pairs than such an interval needs.
"""

import math
import statistics
from dataclasses import dataclass

CONFIDENCE = 0.95


def interval(values):
    """Bounds of the median, or None with too few values."""
    n = len(values)
    tail, k = 0.0, 0
    while True:  # k values may lie below the lower bound
        tail += math.comb(n, k) / 2 ** n
        if 2 * tail > 1 - CONFIDENCE or k > n // 2:
            break
        k += 1
    ordered = sorted(values)
    return (ordered[k - 1], ordered[n - k]) if k else None


@dataclass(frozen=True)
class Target:
    # ratio, extra (cordon - peer), value: the median is at most the limit. none: no sample is above.
    # load: the median is at least the limit; less is no miss, but the load that another row's target
    # speaks of was not reached.
    kind: str
    limit: float
    unit: str = ""

    def text(self):
        number = f"{self.limit:g}{' ' + self.unit if self.unit else ''}"
        return {"ratio": f"<= {self.limit:.2f} x", "extra": f"<= peer + {number}",
                "value": f"<= {number}", "load": f">= {number}", "none": f"{number} at most"}[self.kind]

    def statistic(self, row):
        """One value a sample or pair."""
        if self.kind == "ratio":
            return [a / b for a, b in zip(row["cordon"], row["against"])]
        if self.kind == "extra":
            return [a - b for a, b in zip(row["cordon"], row["against"])]
        return row["cordon"]

    def verdict(self, row):
        values = self.statistic(row)
        bounds = interval(values)
        if self.kind == "none":
            # One that is above settles it; that there is none needs the runs.
            return "MISSED" if max(values) > self.limit else "met" if bounds else "unclear"
        if not bounds:
            return "unclear"
        if self.kind == "load":
            return "met" if bounds[0] >= self.limit else "unclear"
        return "met" if bounds[1] <= self.limit else "MISSED" if bounds[0] > self.limit else "unclear"


def spread(values):
    """Half of the distance between the quartiles, as a part of the median: how noisy it was."""
    if len(values) < 4 or not statistics.median(values):
        return None
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / abs(statistics.median(values))


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "spread": spread(values), "n": len(values)}
