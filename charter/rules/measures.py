"""What can be measured of a group, a row each: how a question says it, how a table heads it, who counts among whom.

A row of data is one person at one as-of date, and falls into one of six cells:

    cell    later need   on a worklist
    TN      no           no               left alone
    FP      no           yes              unwanted contact
    FN      yes          no               missed help
    TP      yes          yes              help
    OFF     unknown      no
    ON      unknown      yes

A share counts the rows of some cells among those of others, so a new share is a row here and needs no other code. A
measure without cells is worked out by its own part of the audit.

Lists as they are used have two kinds of rows: of a share of those in need, one for each person whose household came to
need, once however often; of a rate, one for each person and each week's list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AS_USED", "AT_DATES", "CELLS", "MEASURES", "SHARES", "USED", "Measure"]

CELLS = 6
"""How many cells a row can fall into."""

_TN, _FP, _FN, _TP, _OFF, _ON = range(CELLS)
_NO, _YES = (_TN, _FP), (_FN, _TP)
_KNOWN, _LISTED = (_TN, _FP, _FN, _TP), (_FP, _TP, _ON)
_EVERYBODY = tuple(range(CELLS))

AT_DATES = "capacity"
"""Where a finding was measured: on the lists of isolated dates, at the teams' places."""
AS_USED = "as used"
"""Where a finding was measured: on every week's list in turn, with its places, rests and the model of that week."""


@dataclass(frozen=True)
class Measure:
    """One measure. `title` heads a table; `asked` completes a gate's question, and is empty where no gate may ask it.

    `counted` and `among` are cells. Where `bounded` is false the measure is no share of anything and may be above 1; a
    `rate` is of 1,000 people and a year. `at` is where a gate asks it: at isolated dates, or of lists as they are used.
    `follows` is the measure whose overall figure a relative bound follows, where that is not its own.
    """

    id: str
    title: str = ""
    asked: str = ""
    counted: tuple[int, ...] = ()
    among: tuple[int, ...] = ()
    bounded: bool = True
    rate: bool = False
    at: str = AT_DATES
    follows: str = ""

    @property
    def overall(self) -> str:
        """The measure whose figure over everybody a bound relative to the overall rate follows."""
        return self.follows or self.id

    @property
    def needs_label(self) -> bool:
        """Whether it tells cells apart by the outcome, so that it says nothing where nobody's outcome is known."""
        return self.counted != _LISTED

    @property
    def above(self) -> NDArray[np.float64]:
        """The cells counted, as weights (cells,)."""
        return _weigh_cells(self.counted)

    @property
    def below(self) -> NDArray[np.float64]:
        """The cells counted among, as weights (cells,)."""
        return _weigh_cells(self.among)


def _weigh_cells(cells: Collection[int]) -> NDArray[np.float64]:
    # Here and not above: every verb reads the charter, whose questions name measures, and few of them count.
    import numpy as np

    return np.array([float(cell in cells) for cell in range(CELLS)])


MEASURES: Mapping[str, Measure] = {
    measure.id: measure
    for measure in (
        Measure("selection_rate", "Share on a worklist", "the share on a worklist", _LISTED, _EVERYBODY),
        # Where a group's outcomes are known less often, its other figures speak of fewer of its people.
        Measure("outcome_known", "Share whose outcome is known", "", _KNOWN, _EVERYBODY),
        Measure("base_rate", "Share with a later need", "", _YES, _KNOWN),
        Measure(
            "recall",
            "Share of later need that was on a worklist",
            "the share of those with a later need who were on a worklist",
            (_TP,),
            _YES,
            follows="selection_rate",
        ),
        Measure(
            "false_negative_rate",
            "Missed help: share of later need on no worklist",
            "the share of those with a later need who were on no worklist",
            (_FN,),
            _YES,
        ),
        Measure(
            "false_positive_rate",
            "Unwanted contact: share of no later need listed",
            "the share of those without a later need who were on a worklist",
            (_FP,),
            _NO,
            follows="selection_rate",
        ),
        Measure("true_negative_rate", "Share of no later need that was left alone", "", (_TN,), _NO),
        Measure(
            "precision",
            "Share of the worklist with a later need",
            "the share of those on a worklist who had a later need",
            (_TP,),
            (_FP, _TP),
        ),
        Measure(
            "false_discovery_rate",
            "Share of the worklist without a later need",
            "the share of those on a worklist who had no later need",
            (_FP,),
            (_FP, _TP),
        ),
        Measure(
            "false_omission_rate",
            "Share off the worklist with a later need",
            "the share of those on no worklist who had a later need",
            (_FN,),
            (_TN, _FN),
        ),
        Measure("negative_predictive_value", "Share off the worklist without one", "", (_TN,), (_TN, _FN)),
        Measure("accuracy", "Share told right", "", (_TN, _TP), _KNOWN),
        Measure(
            "recorded_per_independent",
            "Needs recorded for each independent sign of need",
            "the number of needs that we recorded for each independent sign of need",
            bounded=False,
        ),
        Measure(
            "recorded_given_independent",
            "Share recorded among those with an independent sign of need",
            "the share with a recorded need among those with an independent sign of one",
        ),
        Measure(
            "recall_of_independent",
            "Share listed among those with an independent sign of need",
            "the share on a worklist among those with an independent sign of need",
            follows="selection_rate",
        ),
        Measure(
            "listed_before_need",
            "Of those in need, listed before it was recorded",
            "the share of those in need who were listed before the need was recorded",
            (_TP,),
            _YES,
            at=AS_USED,
            follows="listed_at_all",
        ),
        Measure(
            "unneeded_listings",
            "Unneeded listings for 1,000 people a year",
            "the listings that no need followed, for 1,000 people a year",
            (_FP,),
            _KNOWN,
            bounded=False,
            rate=True,
            at=AS_USED,
            follows="listings",
        ),
        Measure(
            "listings",
            "Listings for 1,000 people a year",
            "the listings for 1,000 people a year",
            _LISTED,
            _EVERYBODY,
            bounded=False,
            rate=True,
            at=AS_USED,
        ),
        Measure(
            "needed_of_listed",
            "Of listings, those that a need followed",
            "the share of listings that a need followed",
            (_TP,),
            (_FP, _TP),
            at=AS_USED,
        ),
        Measure(
            "listed_at_all",
            "On any list of those weeks",
            "the share who were on any list",
            _LISTED,
            _EVERYBODY,
            at=AS_USED,
        ),
        Measure(
            "days_before",
            "Days from the listing to the need",
            "the days from the listing to the need",
            bounded=False,
            at=AS_USED,
        ),
        Measure("seen", asked="the share of people whom a service could see"),
        Measure("kept", asked="the share of those on a worklist who were on the next one too"),
        Measure(
            "overridden",
            asked="the share of those on a worklist whom a worker or reviewer would not have offered help",
        ),
        Measure(
            "listed_of_reviewed",
            asked="the share on a worklist among those whom a reviewer, not knowing it, would have helped",
        ),
    )
}
"""Every measure by its id, shares first, in the order of reports."""

SHARES: Mapping[str, Measure] = {
    name: measure for name, measure in MEASURES.items() if measure.among and measure.at == AT_DATES
}
"""Those that count cells among cells, of lists at isolated dates."""

USED: Mapping[str, Measure] = {name: measure for name, measure in MEASURES.items() if measure.at == AS_USED}
"""Those of lists as they are used."""
