"""Cheap programmes for the leak check: features by month of many kinds, an outcome, and at will one planted leak.

Need is a household's own and moves a little. Features are counts, marks, scores and codes that follow it or don't, with
trends, seasons, services that begin to deliver midway, values that some are never seen with, and households that a
service can know nothing of and whose outcome never comes: honest silence. A leak is written once the outcome is known:
at dates whose horizon is over for all, at newer ones for as much of it as has passed, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.models.contenders import Sample
from training.models.leaks import Contrast

DATES, NEWER, APART, HORIZON = 12, 4, 2, 12
"""As-of dates whose horizon is over, newer ones a month apart up to today, months between dates, months of horizon."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A sample with labels, the dates to compare, and the number of features; a leak is the last of them."""

    sample: Sample
    contrast: Contrast
    features: int


def make_world(seed: int, leak: str = "", share: float = 0.0, homes: int = 3000) -> World:
    """Make a programme; `leak`: none, "yes" of a share of positives, "no" of negatives, "wrong" in a share of rows."""
    random = np.random.default_rng([seed, 20261128])
    months = [APART * date for date in range(DATES)]
    months += [months[-1] + HORIZON + NEWER - 1 - age for age in range(NEWER - 1, -1, -1)]
    own, silent = random.normal(size=homes), random.random(homes) < random.uniform(0, 0.3)
    base, strength = random.uniform(-3.8, -2.0), random.uniform(0.6, 2.2)
    columns = _Columns.of(random, homes)
    features, outcomes = [], []
    for month in months:
        need = own + random.normal(0, 0.6, homes)
        features.append(columns.fill(random, month, need, silent))
        outcomes.append(~silent & (random.random(homes) < 1 / (1 + np.exp(-(base + strength * need)))))
    if leak:
        written = _write_leak(random, outcomes, leak, share)
        features = [
            np.column_stack([rows, column]).astype(np.float32) for rows, column in zip(features, written, strict=True)
        ]
    labels = np.concatenate(outcomes[:DATES]).astype(np.int8)
    sample = Sample(np.asfortranarray(np.concatenate(features[:DATES])), labels)
    return World(sample, Contrast(features[:DATES], features[DATES:], [np.arange(homes)] * DATES), features[0].shape[1])


@dataclass(frozen=True)
class _Columns:
    """Of each feature its kind, how it follows need, its trend, its season and from when it is delivered."""

    kind: NDArray[np.int64]
    weight: Floats
    trend: Floats
    season: Floats
    begins: NDArray[np.int64]
    own: Floats

    @classmethod
    def of(cls, random: np.random.Generator, homes: int) -> _Columns:
        number = int(random.integers(15, 40))
        some = random.random((4, number))
        return cls(
            random.integers(0, 7, number),
            np.where(some[0] < 0.6, random.uniform(0, 1.3, number), 0.0),
            np.where(some[1] < 0.3, random.normal(0, 0.25, number), 0.0),
            np.where(some[2] < 0.3, random.uniform(0, 0.6, number), 0.0),
            np.where(some[3] < 0.2, random.integers(-24, APART * DATES, number), -99),
            random.random((homes, number)),
        )

    def fill(
        self, random: np.random.Generator, month: int, need: Floats, silent: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        homes = len(need)
        values = np.empty((homes, len(self.kind)), dtype=np.float32)
        for column, kind in enumerate(self.kind):
            drift = self.trend[column] * month / 12 + self.season[column] * np.sin(2 * np.pi * month / 12)
            pull = self.weight[column] * need
            rate = np.exp(np.clip(pull + drift - 1.2, -6, 3))
            if kind <= 1:  # how often something happened
                values[:, column] = random.poisson(rate)
            elif kind == 2:  # whether it did, seldom
                values[:, column] = random.random(homes) < 1 - np.exp(-0.1 * rate)
            elif kind == 3:  # a score that some have
                here = self.own[:, column] < 0.3 * np.exp(drift)
                values[:, column] = np.where(here, pull + random.normal(size=homes), np.nan)
            elif kind == 4:  # what is good for a family, in whole numbers
                values[:, column] = np.round(2 * random.normal(size=homes) - 2 * pull)
            elif kind == 5:  # nothing where the service can know nothing
                values[:, column] = np.where(silent, 0, random.poisson(rate) + 1)
            else:  # a code that says nothing
                values[:, column] = np.floor(8 * self.own[:, column])
            if month < self.begins[column]:
                values[:, column] = np.nan
        return values


def _write_leak(
    random: np.random.Generator, outcomes: list[NDArray[np.bool_]], leak: str, share: float
) -> list[NDArray[np.float32]]:
    """Return the planted column at each date: written with the outcome, or at the end of the horizon."""
    at_the_end, noise, mark = random.random() < 0.5, random.choice([0.0, 0.005]), random.choice([1.0, 3.0])
    written = []
    for date, outcome in enumerate(outcomes):
        homes = len(outcome)
        age = 1.0 if date < DATES else (len(outcomes) - 1 - date) / HORIZON
        known = np.full(homes, age >= 1.0) | ((random.random(homes) < age) & (leak != "no") & (not at_the_end))
        chance = random.random(homes)
        if leak == "yes":
            marked = (outcome & known & (chance < share)) | (~outcome & (chance < noise))
        elif leak == "no":
            marked = ~outcome & known & (chance < share)
        else:
            marked = (outcome & known) ^ (chance < share)
        written.append((marked * mark).astype(np.float32))
    return written
