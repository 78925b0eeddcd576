"""What begins and what goes on: the outcome's components split by what was before, and who on a list was in it already.

    free         over the charter's months before seen to be free of it: what happens then begins
    continuing   known to have had it in those months: what happens then goes on
    not seen     nobody could have seen it, so it is asked of nobody

A list of what goes on finds families whom a service knows already. How large a part of a list that is says the
persistence meter: of those listed, how many were already in a trouble that the outcome is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.labels import NOT_KNOWN
from charter.contracts.matrix import CONTINUING, FREE, NONE, UNSEEN

if TYPE_CHECKING:
    from training.data.dataset import Dataset

__all__ = ["measure_onsets", "say_persistence"]


def measure_onsets(data: Dataset, days: Sequence[date], listed: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """Return the split by component over the rows of `days`, and the persistence meter of each model's lists.

    `listed` says by model which of those rows, date after date, it would have listed. Shares are of rows over whose
    horizon the component was delivered, yes and no alike, of all dates together; None where there are none.
    """
    outcome = data.matrix.definition["outcome"]
    before = np.concatenate([np.asarray(data.at(day).outcome_before) for day in days])
    happened = np.concatenate([np.asarray(data.at(day).outcome_at) != NONE for day in days])
    known = np.concatenate([_mark_known(data, day) for day in days])
    in_it = (before == CONTINUING).any(axis=1)
    facts = data.matrix.manifest["as_of"]
    return {
        "predicts": "onset" if outcome.get("onset") else "any",
        "free": dict(data.matrix.manifest.get("free", {})),
        "cannot_begin": sum(int(facts[day.isoformat()].get("cannot_begin", 0)) for day in days),
        "components": [
            {
                "name": name,
                "free": int((known[:, place] & (before[:, place] == FREE)).sum()),
                "began": _share(happened[:, place], known[:, place] & (before[:, place] == FREE)),
                "continuing": int((known[:, place] & (before[:, place] == CONTINUING)).sum()),
                "went_on": _share(happened[:, place], known[:, place] & (before[:, place] == CONTINUING)),
                "not_seen": int((before[:, place] == UNSEEN).sum()),
            }
            for place, name in enumerate(data.matrix.manifest["components"])
        ],
        "persistence": {name: _share(in_it, rows) for name, rows in listed.items()},
        "persistence_of_all": _share(in_it, np.ones(len(in_it), dtype=np.bool_)),
    }


def _mark_known(data: Dataset, day: date) -> NDArray[np.bool_]:
    """Return of which rows each component is known, (rows, components): its own coverage, at a date that has labels.

    A row's label is known for another component's sake too, where that one happened: who had the one would be asked for
    the other, and who had neither would not.
    """
    has_labels = (data.labels(day, data.taken_at) != NOT_KNOWN).any()
    mature = data.mark_mature(day, data.taken_at)
    return np.asarray(np.asarray(data.at(day).outcome_seen) & mature[:, None] & has_labels)


def say_persistence(onsets: Mapping[str, Any], model: str, whom: str = "households") -> str:
    """Return the persistence meter of one model in a sentence, of `whom` rows are; empty where nobody was listed."""
    share = onsets["persistence"].get(model)
    if share is None:
        return ""
    months, of_all = onsets["free"].get("n", 12), onsets["persistence_of_all"] or 0.0
    kind = "What is predicted begins anew" if onsets["predicts"] == "onset" else "What goes on counts like what begins"
    return (
        f"{kind}. Of 100 listed, {100 * share:.0f} had one of these needs in the {months} months before already, for"
        f" whom it could go on; of all {whom} {100 * of_all:.0f}."
    )


def _share(counted: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(counted[among].mean()) if among.any() else None
