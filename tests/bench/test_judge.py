#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verdicts: from samples whose answer is known; and which benchmarks a name picks."""

import random
import unittest

import run
from judge import Target, interval, spread


def pairs(ratios, peer=10.0):
    return {"cordon": [peer * r for r in ratios], "against": [peer] * len(ratios)}


class Names(unittest.TestCase):
    KNOWN = ["call", "network", "work"]

    def picked(self, *names):
        return [n for n in self.KNOWN if run.is_named(n, names, self.KNOWN)]

    def test_a_whole_name_picks_that_one(self):
        self.assertEqual(self.picked("work"), ["work"])
        self.assertEqual(self.picked("call", "network"), ["call", "network"])

    def test_a_part_picks_all(self):
        self.assertEqual(self.picked("wor"), ["network", "work"])
        self.assertEqual(self.picked("disk"), [])


class Interval(unittest.TestCase):
    def test_bounds_by_number_of_samples(self):
        self.assertIsNone(interval(list(range(5))))
        self.assertEqual(interval([5, 3, 1, 2, 4, 0]), (0, 5))
        self.assertEqual(interval(list(range(9))), (1, 7))  # binomial tail of 2 of 9: 0.0195
        self.assertEqual(interval(list(range(100))), (39, 60))

    def test_covers_the_median(self):
        rng = random.Random(7)
        held = 0
        for _ in range(2000):
            low, high = interval([rng.expovariate(1) for _ in range(15)])
            held += low <= 0.6931 <= high
        self.assertGreaterEqual(held, 0.95 * 2000)


class Verdict(unittest.TestCase):
    def test_ratio(self):
        target = Target("ratio", 1.03)
        self.assertEqual(target.verdict(pairs([1.00, 1.01, 1.02] * 4)), "met")
        self.assertEqual(target.verdict(pairs([1.10, 1.20, 1.30] * 4)), "MISSED")
        self.assertEqual(target.verdict(pairs([0.50, 1.00, 1.50] * 4)), "unclear")

    def test_too_few_pairs_are_unclear(self):
        self.assertEqual(Target("ratio", 1.03).verdict(pairs([1.0] * 5)), "unclear")
        self.assertEqual(Target("ratio", 1.03).verdict(pairs([9.0] * 5)), "unclear")

    def test_a_slow_spell_on_both_sides_is_no_difference(self):
        slow = [1, 1, 1, 5, 5, 5, 5, 1, 1]
        row = {"cordon": [x * 1.01 for x in slow], "against": slow}
        self.assertEqual(Target("ratio", 1.03).verdict(row), "met")

    def test_extra_is_a_difference(self):
        row = {"cordon": [7.0] * 9, "against": [2.0] * 9}
        self.assertEqual(Target("extra", 6, "us").verdict(row), "met")
        self.assertEqual(Target("extra", 4, "us").verdict(row), "MISSED")

    def test_never(self):
        target = Target("none", 0)
        self.assertEqual(target.verdict({"cordon": [0] * 9}), "met")
        self.assertEqual(target.verdict({"cordon": [0, 1]}), "MISSED")
        self.assertEqual(target.verdict({"cordon": [0]}), "unclear")

    def test_a_load_that_was_not_reached_is_no_miss(self):
        target = Target("load", 500)
        self.assertEqual(target.verdict({"cordon": [300] * 9}), "unclear")
        self.assertEqual(target.verdict({"cordon": [600] * 9}), "met")

    def test_spread(self):
        self.assertAlmostEqual(spread([1, 1, 1, 1]), 0)
        self.assertIsNone(spread([1, 2]))


unittest.main()
