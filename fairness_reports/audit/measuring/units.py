"""What an audit counts: rows with a cluster, a selection, and a label where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping

__all__ = ["Units"]


@dataclass(frozen=True)
class Units:
    """Rows to audit, each array (rows,): `cluster` whole numbers, `selected`, `label` 1, 0 or UNKNOWN."""

    cluster: NDArray[np.int64]
    selected: NDArray[np.bool_]
    label: NDArray[np.int8]

    def __post_init__(self) -> None:
        if not len(self.cluster):
            raise DataError("there is nobody to audit.", "Check the audited ages of charter.toml, or the table.")

    @property
    def labelled(self) -> bool:
        """Whether any row has a label: without one, only measures of selection can be taken."""
        return bool((self.label != UNKNOWN).any())

    @property
    def everyone(self) -> Grouping:
        """All rows as one group."""
        return Grouping(np.zeros(len(self.cluster), dtype=np.int64), ("everyone",))

    @classmethod
    def unlabelled(cls, cluster: NDArray[np.int64], selected: NDArray[np.bool_]) -> Units:
        """Return rows whose outcome nobody knows yet."""
        return cls(cluster, selected, np.full(len(cluster), UNKNOWN, dtype=np.int8))
