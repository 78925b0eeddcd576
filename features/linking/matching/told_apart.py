"""Whether a pair says what tells people of one name or one home apart, and how many bits it needs where it does not.

Fathers and sons have one name, twins one date of birth, and a name that is common has strangers behind it. Forename and
date of birth together tell them apart. Weights know how often people are two all the same, on average; where it is
this pair that does not say it, a person who can look the date up decides, unless all the rest is strong.

    told       the forename is the same (or short, or in the surname's place), and so is the date of birth
    a slip     one of the two is alike or different, and both live in one home
    another    one of the names is another, and no home or key is known to be one: strangers and twins share the rest
    a year     the date is the same, and one that a service writes where it knows the year alone; no home or key is
               known to be one: of a common name several were born in that year
    not told   one of the two is missing; or one record gives more forenames, which a twin may have, in whatever column;
               or keys differ
    two slips  each name stands in the other's place, and is not the same there: so a twin's may

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
from features.linking.matching.commonness import YEAR_ALONE
from features.linking.matching.comparisons import IN_THE_SURNAME
from features.linking.matching.pair_weights import Compared, Model
from features.linking.parameters import Level

__all__ = ["Said", "meets_families", "require_bits"]

TELLING = ("forename", "birth_date")
"""What tells people apart who share the rest."""
_TOLD = {"forename": ("same", IN_THE_SURNAME, "same by a short form"), "birth_date": ("same",)}
_AT_HOME = ("shared", "the same address", "an address alike")
_NEAR = (*_AT_HOME, "the same postcode", "moved from one to the other")
_LESS = 3.0
"""Bits less that a slip needs than what is not told, and a pair without a date where both say a home and it is another:
a relative who bears the name and moved is rarer there, and not unknown."""
_TWICE = 2.0
"""What two slips in one need is so many times what is not told needs: a whole name, swapped, is rare among strangers
however it is spelt, and its weight does not know that a twin's is alike."""
_USUAL = 0.5
"""What fewer records than this share say is not missed in a pair."""
_RARE = 1 / 250
"""Of those at home, a smaller share of namesakes is rare: a pair without a date is wrong less than once in 128 then."""


@dataclass(frozen=True)
class Said:
    """The share of records that say each of TELLING; of each, its names as numbers and how many words each has.

    `year_alone`: whether the day and month of its date is one that its service writes where it knows the year alone.
    """

    shares: Mapping[str, float]
    forenames: NDArray[np.int64]
    surnames: NDArray[np.int64]
    forename: NDArray[np.uint64]
    surname: NDArray[np.uint64]
    year_alone: NDArray[np.bool_]

    @classmethod
    def read(cls, database: duckdb.DuckDBPyConnection, rows: Relation) -> Said:
        """Read it of records (id from 0 and traits)."""
        shares = ", ".join(f"count({name}) / greatest(count(*), 1)" for name in TELLING)
        (said,) = fetch_rows(database, f"select {shares} from r", r=rows)
        query = f"""
            select if(forename is null, 0, len(forename_words))::bigint as forenames,
                   if(surname is null, 0, greatest(1, len(list_filter(surnames, lambda w: w <> surname))))::bigint
                       as surnames,
                   hash(coalesce(forename_whole, '')) as forename, hash(coalesce(surname, '')) as surname,
                   coalesce(tf_birthday > {YEAR_ALONE}, false) as year_alone
            from r order by id
        """
        names = database.sql(bind_names(query, {"r": rows})).fetchnumpy()
        return cls(dict(zip(TELLING, said, strict=True)), **{name: np.asarray(of) for name, of in names.items()})

    def give_more(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return of each pair whether one of the two gives more forenames than the other, where both give some."""
        return _differ(self.forenames[one], self.forenames[other])

    def know_a_year(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return of each pair whether a date that both share says the year alone in one of them."""
        return self.year_alone[one] | self.year_alone[other]

    def give_more_swapped(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the same of pairs whose names stand in each other's place."""
        return _differ(self.forenames[one], self.surnames[other]) | _differ(self.surnames[one], self.forenames[other])

    def are_same_swapped(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return of each pair whether each name is the same in the other's place."""
        there: NDArray[np.bool_] = self.forename[one] == self.surname[other]
        back: NDArray[np.bool_] = self.surname[one] == self.forename[other]
        return there & back


def _differ(ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    differ: NDArray[np.bool_] = ones != others
    return differ & (np.minimum(ones, others) > 0)


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
    at_home, near = (_reach(pairs, comparisons, "home", levels) for levels in (_AT_HOME, _NEAR))
    elsewhere = ~near & (pairs.levels["home"] >= 0) if "home" in pairs.levels else near
    for name in TELLING:
        if name in pairs.levels:
            slips = at_home & (pairs.levels[name] >= 0) & ~_reach(pairs, comparisons, name, _TOLD[name])
            needs[slips] = np.maximum(needs[slips], untold - _LESS)
            if said.shares[name] >= _USUAL:
                missing = pairs.levels[name] < 0
                least = np.where(elsewhere & (name == "birth_date"), untold - _LESS, untold)
                needs[missing] = np.maximum(needs[missing], least[missing])
    nowhere = ~near & ~_reach(pairs, comparisons, "shared_key", ("same",))
    strange = nowhere & (
        _reach(pairs, comparisons, "surname", ("different",)) | _reach(pairs, comparisons, "forename", ("different",))
    )
    year = nowhere & _reach(pairs, comparisons, "birth_date", ("same",)) & said.know_a_year(pairs.one, pairs.other)
    needs[strange | year] = np.maximum(needs[strange | year], untold - _LESS)
    swapped = _reach(pairs, comparisons, "forename", (IN_THE_SURNAME,))
    crosswise = said.give_more_swapped(pairs.one, pairs.other)
    needs[np.where(swapped, crosswise, said.give_more(pairs.one, pairs.other))] = untold
    needs[_reach(pairs, comparisons, "shared_key", ("different",))] = untold
    needs[swapped & ~said.are_same_swapped(pairs.one, pairs.other)] = _TWICE * untold
    return needs


def _reach(
    pairs: Compared, comparisons: Mapping[str, Sequence[Level]], name: str, levels: Sequence[str]
) -> NDArray[np.bool_]:
    """Return of each pair whether its level of a comparison is one of those named."""
    if name not in pairs.levels:
        return np.zeros(len(pairs.one), dtype=bool)
    reached = np.array([*(level.name in levels for level in comparisons[name]), False])
    return reached[pairs.levels[name]]
