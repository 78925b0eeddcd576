"""What people chose, as dates: which services each person's choices allow, and who is kept out of everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled import kernel
from features.engines.compiled.arrays import ChoiceRows
from features.engines.reading.frame import ALL, ONE, Frame

__all__ = ["fold_choices"]


def fold_choices(frame: Frame) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return (by person and service, the dates allowed; by person, the dates kept out of everything)."""
    services, people = frame.services, len(frame.codes.people)
    rows = frame.store.choices(frame.question.permission.purpose, services)
    folded = []
    for times in (frame.times, frame.now):
        mask = np.zeros(len(rows["person"]), np.uint64)
        kernel.mask_spans(times, rows["known"], rows["until"], rows["start"], rows["ended"], mask)
        denied = np.zeros((people, len(services) + 1), np.uint64)
        consented = np.zeros_like(denied)
        kernel.fold_choices(ChoiceRows(**{name: rows[name] for name in ChoiceRows._fields}), mask, denied, consented)
        folded.append((denied, consented))
    allowed = np.full((people, len(services)), frame.all_dates, np.uint64)
    kept_out = folded[0][0][:, -1].copy()
    kept_out[folded[1][0][:, -1] != 0] = ALL
    for place, service in enumerate(services):
        for (denied, consented), now in zip(folded, (False, True), strict=True):
            forbids = denied[:, place] | denied[:, -1]
            if service in frame.question.permission.consent:
                forbids = forbids | ~(consented[:, place] | consented[:, -1])
            if now:
                allowed[(forbids & ONE) != 0, place] = 0
            else:
                allowed[:, place] &= ~forbids
    return allowed, kept_out
