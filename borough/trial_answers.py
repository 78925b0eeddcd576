"""The borough answers a trial: a planted effect of help on whoever was offered it, with both potential outcomes kept.

    issued.csv, actions.csv  ->  who was in which arm, and who was offered help
    need without help        ->  one number between 0 and 1 for each household, the same with help and without
    the planted effect       ->  need with help; what happens is one of the two, by whether help was offered

So the truth is known of every household, and what an analysis says can be set beside it. Kept in `truth/`, which
nothing but tests reads.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from charter.errors import DataError, UsageError

__all__ = ["EFFECTS", "PlantedEffect", "TrialAnswers", "answer_trial", "plant_effect"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlantedEffect:
    """What an offer of help does to the chance of a need: `helped` of the households have it multiplied by `by`.

    The others have it multiplied by `otherwise`.
    """

    helped: float
    by: float
    otherwise: float = 1.0


EFFECTS: Mapping[str, PlantedEffect] = {
    "helps": PlantedEffect(1.0, 0.5),
    "nothing": PlantedEffect(1.0, 1.0),
    "mixed": PlantedEffect(0.5, 0.5, 1.5),
}
"""By name: halves the chance of a need; changes nothing; halves it for half and raises it by half for the others."""


@dataclass(frozen=True)
class TrialAnswers:
    """Both potential outcomes, 0 or 1, and the chances behind them, of each household (households,)."""

    chance_without: Floats
    chance_with: Floats
    need_without: NDArray[np.bool_]
    need_with: NDArray[np.bool_]

    def observe(self, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what happens: the outcome with help where it was offered, else the one without."""
        return np.where(offered, self.need_with, self.need_without)


def plant_effect(chance: Floats, effect: PlantedEffect, drawn: Floats, kind: Floats) -> TrialAnswers:
    """Return both potential outcomes of households whose chance of a need without help is `chance`.

    `drawn` (households,) decides between need and none, the same with help and without; `kind` who is helped.
    """
    factor = np.where(kind < effect.helped, effect.by, effect.otherwise)
    with_help = np.clip(chance * factor, 0.0, 1.0)
    return TrialAnswers(chance, with_help, drawn < chance, drawn < with_help)


def answer_trial(worklist: Path, truth: Path, effect: str, seed: int) -> Path:
    """Let the borough answer all lists in `worklist`; write `trial_answers.parquet` into `truth` and return it.

    A household's chance without help is the logistic of its margin when it was first in a lot. Raises UsageError for an
    effect that there is not, and DataError where no list had a lot.
    """
    if effect not in EFFECTS:
        raise UsageError(f"there is no planted effect {effect!r}.", f"Choose one of: {', '.join(EFFECTS)}.")
    first: dict[str, dict[str, str]] = {}
    for path in sorted(worklist.glob("*/issued.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                if float(row["inclusion"] or 1) < 1 and row["arm"] in ("ranked", "control"):
                    first.setdefault(row["entity"], row)
    if not first:
        raise DataError("no list had a lot, so there is no trial to answer.", "Run `sooner rank` while one runs.")
    entities = sorted(first)
    offered = _read_offered(worklist / "actions.csv")
    margins = np.array([float(first[entity]["margin"]) for entity in entities])
    answers = plant_effect(
        1 / (1 + np.exp(-margins)),
        EFFECTS[effect],
        _share_out(entities, seed, "need"),
        _share_out(entities, seed, "kind"),
    )
    was_offered = np.array([entity in offered for entity in entities])
    truth.mkdir(parents=True, exist_ok=True)
    columns = {
        "entity": entities,
        "list": [first[entity]["list"] for entity in entities],
        "arm": [first[entity]["arm"] for entity in entities],
        "offered": was_offered,
        "need_without": answers.need_without,
        "need_with": answers.need_with,
        "need": answers.observe(was_offered),
    }
    path = truth / "trial_answers.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path, compression="zstd")
    path.chmod(0o600)
    return path


def _share_out(entities: Sequence[str], seed: int, what: str) -> Floats:
    """Return a number in [0, 1) for each household, the same whoever else there is (households,)."""
    digests = [hashlib.sha256(f"{seed}/{what}/{entity}".encode()).digest() for entity in entities]
    return np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])


def _read_offered(path: Path) -> set[str]:
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["entity"] for row in csv.DictReader(handle) if row["offered_at"]}
