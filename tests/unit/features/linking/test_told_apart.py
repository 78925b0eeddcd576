"""Who is asked about because nothing tells a relative or a namesake apart; and where that is not asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from charter.vault.key import Key
from features.intake.database import give_rows, open_database
from features.linking.matching.comparisons import LEVELS
from features.linking.matching.pair_weights import Compared, Model
from features.linking.matching.told_apart import Said, require_bits
from features.linking.parameters import Parameters

UNTOLD = 9.0
SLIP = UNTOLD - 3
SHIPPED = Parameters.load()
FAMILIES = {"met": 2.5, "partners": 1.0, "namesake_share": 0.007}


def _require(
    forename=0,
    surname=0,
    born=0,
    home=0,
    key=-1,
    names=(1, 1),
    surnames=(1, 1),
    crosswise="same",
    share=0.9,
    year=False,
    **model,
) -> float:
    """Return the bits that a pair needs, of its levels (-1: not known to both) and how many words each name has.

    `crosswise`: whether each name is the same as the other's of the other kind.
    """
    levels = {"forename": forename, "surname": surname, "birth_date": born, "home": home, "shared_key": key}
    pair = Compared(
        np.array([0]), np.array([1]), {name: np.array([level], np.int8) for name, level in levels.items()},
        {}, {}, np.array([0]), (2,),
    )  # fmt: skip
    other = 7 if crosswise == "same" else 8
    words = (np.array(each) for each in (names, surnames, (5, 7), (other, 5)))
    said = Said({"forename": 1.0, "birth_date": share}, *words, np.array([year, False]))
    learned = replace(Model.of(SHIPPED), **(FAMILIES | model))
    return float(require_bits(pair, learned, SHIPPED.levels, said, UNTOLD)[0])


def _at(trait: str, level: str) -> int:
    return LEVELS[trait].index(level)


@pytest.mark.parametrize(
    ("pair", "bits"),
    [
        ({}, 0),
        ({"forename": _at("forename", "same by a short form")}, 0),
        ({"forename": _at("forename", "in the surname's place")}, 0),
        ({"born": -1}, UNTOLD),  # a father and a son, and one of them without a date
        ({"born": -1, "home": -1}, UNTOLD),
        ({"born": -1, "home": _at("home", "none shared")}, SLIP),  # a namesake of theirs who moved
        ({"born": -1, "home": _at("home", "the same postcode")}, UNTOLD),
        ({"born": -1, "home": _at("home", "none shared"), "names": (1, 2)}, UNTOLD),
        ({"born": -1, "forename": -1, "home": _at("home", "none shared")}, UNTOLD),
        ({"forename": -1, "names": (0, 1)}, UNTOLD),  # a baby of theirs
        ({"forename": _at("forename", "same, and one gives more names"), "names": (1, 2)}, UNTOLD),  # a twin
        ({"forename": _at("forename", "in the surname's place"), "names": (2, 1), "surnames": (1, 2)}, 0),
        ({"forename": _at("forename", "in the surname's place"), "names": (2, 1)}, UNTOLD),
        ({"forename": _at("forename", "in the surname's place"), "names": (1, 1), "surnames": (1, 2)}, UNTOLD),
        ({"forename": _at("forename", "in the surname's place"), "crosswise": "alike"}, 2 * UNTOLD),
        ({"forename": _at("forename", "same"), "crosswise": "alike"}, 0),
        ({"surname": _at("surname", "different"), "home": -1}, SLIP),  # a common forename and a date of birth
        ({"surname": _at("surname", "different"), "home": _at("home", "none shared")}, SLIP),
        ({"surname": _at("surname", "different"), "home": -1, "key": _at("shared_key", "same")}, 0),
        ({"surname": _at("surname", "different"), "home": _at("home", "moved from one to the other")}, 0),
        ({"forename": _at("forename", "different"), "home": _at("home", "none shared")}, SLIP),  # a twin who moved
        ({"forename": _at("forename", "alike"), "home": _at("home", "none shared")}, 0),
        ({"year": True}, 0),  # of one home
        ({"year": True, "home": _at("home", "none shared")}, SLIP),  # two of a common name, born in one year
        ({"year": True, "home": -1}, SLIP),
        ({"year": True, "home": -1, "key": _at("shared_key", "same")}, 0),
        ({"year": True, "home": -1, "born": _at("birth_date", "within a year or so")}, 0),
        ({"key": _at("shared_key", "different")}, UNTOLD),
        ({"key": _at("shared_key", "same")}, 0),
        ({"forename": _at("forename", "alike")}, SLIP),
        ({"born": _at("birth_date", "within a year or so")}, SLIP),
        ({"born": _at("birth_date", "within a year or so"), "home": _at("home", "none shared")}, 0),
    ],
)
def test_what_a_pair_leaves_out_makes_it_need_more(pair, bits) -> None:
    assert _require(**pair) == bits


def test_names_in_the_other_column_are_counted_and_compared_there() -> None:
    rows = [
        ("hedda", ["hedda"], "hedda", "lorne", ["lorne"]),
        ("lorne", ["lorne"], "lorne", "heddaines", ["hedda", "heddaines", "ines"]),
        ("lorne", ["lorne"], "lorne", "hedda", ["hedda"]),
    ]
    names = ("forename", "forename_words", "forename_whole", "surname", "surnames")
    table = pa.table({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    table = table.append_column("id", pa.array(range(3))).append_column("birth_date", pa.nulls(3, pa.date32()))
    table = table.append_column("tf_birthday", pa.array([None, 0.3, 0.003]))
    with open_database(Key(b"k" * 32), 1) as database:
        said = Said.read(database, give_rows(database, table))
    first, others = np.array([0, 0]), np.array([1, 2])
    assert said.shares == {"forename": 1.0, "birth_date": 0.0}
    assert said.give_more_swapped(first, others).tolist() == [True, False]
    assert said.are_same_swapped(first, others).tolist() == [False, True]
    assert not said.give_more(first, others).any()
    assert said.know_a_year(first, others).tolist() == [True, False]


@pytest.mark.parametrize(
    "place",
    [
        {"met": 0.4},  # hardly anybody lives with others
        {"met": 2.5, "partners": 9.0},  # nine records of each person, which look like each other's relatives
        {"namesake_share": 0.003},  # those of one home and name are one person
        {"share": 0.3},  # most records have no date
    ],
)
def test_where_the_records_speak_against_it_nothing_more_is_needed(place) -> None:
    assert _require(born=-1, **place) == 0
    assert _require(born=-1) == UNTOLD
