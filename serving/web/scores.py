"""The answers of `/v1/score`: of households on a current list, and (for analysts) of rows of features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import CharterError, UsageError
from serving.asking_to_show import require_shown
from serving.desk import Desk
from serving.identity import Identity, require_act
from serving.ranking.bundle import NOT_ENOUGH, Bundle
from serving.ranking.scoring import Band
from serving.ranking.standing_in import NO_LIKELIHOOD, STANDS_IN_FOR

__all__ = ["score_features", "score_referrals"]


def score_features(
    desk: Desk, identity: Identity, bundle: Bundle, rows: Sequence[Mapping[str, float | None]]
) -> dict[str, Any]:
    """Return scores of rows of features by name; a name left out, or null, is not seen.

    Raises UsageError for a name that the bundle does not know. The log holds how many rows there were.
    """
    unknown = sorted({name for row in rows for name in row} - set(bundle.features))
    if unknown:
        raise UsageError(
            f"{len(unknown)} of the features sent are not features of this model.",
            f"Its features are: {', '.join(bundle.features)}.",
        )
    values = _make_rows([[row.get(name) for name in bundle.features] for row in rows])
    desk.store.log(identity, "score.features", subject=bundle.id, purpose="evaluate", detail={"rows": len(rows)})
    stands_in = {STANDS_IN_FOR: bundle.manifest[STANDS_IN_FOR]} if STANDS_IN_FOR in bundle.manifest else {}
    return {"bundle": bundle.id, **stands_in, "scores": _score_rows(bundle, values)}


def score_referrals(desk: Desk, identity: Identity, ids: Sequence[str]) -> dict[str, Any]:
    """Return scores of referrals on current lists of the caller's own teams, from their sealed values.

    Raises CharterError for one that is not on such a list: nobody is scored out of curiosity; BlockedError while its
    list is not shown, or has ended; TooMuchError where it is more than somebody may ask for in a day.
    """
    desk.how_much.take_scores(identity, len(ids))
    scores = []
    for referral_id in ids:
        referral = desk.store.referral(referral_id)
        # The list's own team: a case may have been moved to another since.
        header = desk.store.issued_list(referral.programme, referral.list) if referral else None
        current = desk.store.current_list(desk.programme, header.team) if header else None
        on_list = referral is not None and current is not None and current.id == referral.list
        if referral is None or not on_list or referral.programme != desk.programme or referral.removed:
            raise CharterError("One of these referrals is on no current list.", "Score listed households alone.")
        require_act(identity, "score.listed", referral.team)
        require_shown(desk, identity, "score", referral)
        # What the list was made with stands in its sealed record: none of it is made again.
        record, bundle = desk.record(referral), _open_bundle(desk.invocation.workspace.bundle / referral.bundle)
        band = next((band for band in bundle.model.bands if band.id == record.band), None)
        score = _write_score(bundle, record.margin, band, record.contributions, record.reasons.base)
        scores.append({"referral": referral.id, "bundle": referral.bundle, **score})
    desk.store.log(identity, "score.listed", purpose="rank", detail={"referrals": sorted(ids)})
    return {"scores": scores}


@lru_cache(maxsize=8)
def _open_bundle(folder: Path) -> Bundle:
    """Open a bundle once: its folder is named by its content, so it never changes."""
    return Bundle.open(folder)


def _make_rows(rows: Sequence[Sequence[float | None]]) -> NDArray[np.float32]:
    """Return `rows` as float32 (rows, features); None, which is not seen, as NaN."""
    return np.array([[math.nan if value is None else value for value in row] for row in rows], dtype=np.float32)


def _score_rows(bundle: Bundle, values: NDArray[np.float32]) -> list[dict[str, Any]]:
    margins = bundle.model.margins(values)
    contributions, base = bundle.explain(values)
    each = zip(
        margins.tolist(), bundle.bands(values, margins), contributions.tolist(), base.tolist(), strict=True
    )  # fmt: skip
    return [_write_score(bundle, *row) for row in each]


def _write_score(
    bundle: Bundle, margin: float, band: Band | None, contributions: Sequence[float], base: float
) -> dict[str, Any]:
    missing = NO_LIKELIHOOD[1] if STANDS_IN_FOR in bundle.manifest else NOT_ENOUGH
    return {
        "margin": margin,
        "base": base,
        "band": band.id if band else "",
        "meaning": band.meaning if band else missing,
        "contributions": {
            name: value for name, value in zip(bundle.features, contributions, strict=True) if value != 0
        },
    }
