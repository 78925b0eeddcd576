"""Whether a pair says what tells people of one name or one home apart, and how many bits it needs where it does not.

Fathers and sons have one name, twins one date of birth, and a name that is common has strangers behind it. Forename and
date of birth together tell them apart. Weights know how often people are two all the same, on average; where it is
this pair that does not say it, a person who can look the date up decides, unless all the rest is strong.

    told       the forename is the same (or short, or in the surname's place), and so is the date of birth
    a slip     one of the two is alike or different, and both live in one home
    not told   one of the two is missing; or one record gives more forenames, which a twin may have; or keys differ

This is asked only where the records at hand do not speak against it:

    families    a record is met with others of its home, more often than with more of its own person's
    namesakes   those of one home who have one name and dates of birth that differ are not shown to be rare
    said        most records say what is missing here: a list without dates would wait for a person whole
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from features.intake.database import Relation, bind_names, fetch_rows
from features.linking.matching.comparisons import IN_THE_SURNAME
from features.linking.matching.pair_weights import Compared, Model
from features.linking.parameters import Level

__all__ = ["Said", "meets_families", "require_bits"]

TELLING = ("forename", "birth_date")
"""What tells people apart who share the rest."""
_TOLD = {"forename": ("same", IN_THE_SURNAME, "same by a short form"), "birth_date": ("same",)}
_AT_HOME = ("shared", "the same address", "an address alike")
_LESS = 3.0
"""Bits less that a slip needs than what is not told."""
_USUAL = 0.5
"""What fewer records than this share say is not missed in a pair."""
_RARE = 1 / 250
"""Of those at home, a smaller share of namesakes is rare: a pair without a date is wrong less than once in 128 then."""


@dataclass(frozen=True)
class Said:
    """The share of records that say each of TELLING, and how many forenames each record gives."""

    shares: Mapping[str, float]
    forenames: NDArray[np.int64]

    @classmethod
    def read(cls, database: duckdb.DuckDBPyConnection, rows: Relation) -> Said:
        """Read it of records (id from 0 and traits)."""
        shares = ", ".join(f"count({name}) / greatest(count(*), 1)" for name in TELLING)
        (said,) = fetch_rows(database, f"select {shares} from r", r=rows)
        query = "select if(forename is null, 0, len(forename_words))::bigint as n from r order by id"
        forenames = database.sql(bind_names(query, {"r": rows})).fetchnumpy()["n"]
        return cls(dict(zip(TELLING, said, strict=True)), np.asarray(forenames))


def meets_families(model: Model) -> bool:
    """Return whether records are met with others of their home, more often than with more of their own person's."""
    return model.met >= max(1.0, model.partners)


def require_bits(
    pairs: Compared,
    model: Model,
    comparisons: Mapping[str, Sequence[Level]],
    said: Said,
    untold: float,
) -> NDArray[np.float64]:
    """Return the bits that each pair needs to be joined unasked; 0 where the threshold alone counts.

    `untold`: those that a pair needs where it is not told whether they are two.
    """
    needs = np.zeros(len(pairs.one))
    if not meets_families(model) or model.namesake_share < _RARE:
        return needs
    at_home = _reach(pairs, comparisons, "home", _AT_HOME)
    for name in TELLING:
        if name in pairs.levels:
            slips = at_home & (pairs.levels[name] >= 0) & ~_reach(pairs, comparisons, name, _TOLD[name])
            needs[slips] = np.maximum(needs[slips], untold - _LESS)
            if said.shares[name] >= _USUAL:
                needs[pairs.levels[name] < 0] = untold
    names = said.forenames[pairs.one], said.forenames[pairs.other]
    needs[(names[0] != names[1]) & (np.minimum(*names) > 0)] = untold
    needs[_reach(pairs, comparisons, "shared_key", ("different",))] = untold
    return needs


def _reach(
    pairs: Compared, comparisons: Mapping[str, Sequence[Level]], name: str, levels: Sequence[str]
) -> NDArray[np.bool_]:
    """Return of each pair whether its level of a comparison is one of those named."""
    if name not in pairs.levels:
        return np.zeros(len(pairs.one), dtype=bool)
    reached = np.array([*(level.name in levels for level in comparisons[name]), False])
    return reached[pairs.levels[name]]
