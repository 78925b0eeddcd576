"""A record made again on another processor is the same record; any other difference is one."""

from __future__ import annotations

import json
from math import nextafter
from typing import Any

import pytest

from serving.ranking.reproduction import is_same_record

RECORD: dict[str, Any] = {"likelihood": 0.07266319170889793, "reasons": [{"contribution": 0.5, "words": "x"}], "n": 3}


def test_the_last_bit_of_a_number_makes_no_other_record() -> None:
    """AVX-512 gave ...893 of an exponential where AVX2 gives ...891. Broken by comparing bytes alone."""
    made = {**RECORD, "likelihood": nextafter(RECORD["likelihood"], 0)}
    assert json.dumps(made) != json.dumps(RECORD)
    assert is_same_record(json.dumps(made).encode(), json.dumps(RECORD).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {"likelihood": 0.0726631917089}, {"n": 4}, {"n": 3.0}, {"reasons": []}, {"likelihood": None},
        {"reasons": [{"contribution": 0.5, "words": "y"}]}, {"more": 1},
    ],
)  # fmt: skip
def test_anything_else_does(changed: dict[str, Any]) -> None:
    made = json.dumps({**RECORD, **changed}).encode()
    assert not is_same_record(made, json.dumps(RECORD).encode())
