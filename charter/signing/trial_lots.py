"""The lots of a trial, list by list: who took part, with which probability, and how each fell.

    trials/PROGRAMME/NAME/lots/TEAM-DATE.json

Written before its list is issued, and its sha256 into the log, so that the lot was there before anything could come of
it. Anybody who has the file can draw the lot again from its seed (`check_lots`), and, once the trial's own seed is
shown, see that the list's seed follows from it. Households are pseudonyms, as in issued.csv; pages show none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.rules.holdout import TailDraw, TailHousehold, TailLot, derive_seed, draw_tail

__all__ = ["ListLots", "check_lots", "find_lots", "read_lots", "write_lots"]


@dataclass(frozen=True)
class ListLots:
    """One list's tail: `places` of it were given, to `households` by rank; `margins` are in their order.

    `above` is the margin of the last household that was listed by rank, None where the whole list went by lot: whoever
    lost and rises above it is listed whatever the lot said.
    """

    trial: str
    team: str
    as_of: date
    lot: TailLot
    places: int
    households: tuple[TailHousehold, ...]
    margins: tuple[float, ...]
    above: float | None = None

    @property
    def draw(self) -> TailDraw:
        """How the lot fell."""
        return TailDraw(self.households)


def _path(workspace: Workspace, trial: str, list_id: str) -> Path:
    return workspace.trials / trial / "lots" / f"{list_id}.json"


def write_lots(workspace: Workspace, lots: ListLots) -> Path:
    """Write one list's lots; return the file."""
    path = _path(workspace, lots.trial, lots.lot.list)
    sets = {name: sorted(getattr(lots.lot, name)) for name in ("winners", "losers", "elsewhere")}
    document = asdict(lots) | {
        "schema_version": SCHEMA_VERSION,
        "as_of": lots.as_of.isoformat(),
        "lot": {"seed": lots.lot.seed, "list": lots.lot.list, "tail": lots.lot.tail, **sets},
    }
    write_json(path, document)
    return path


def read_lots(workspace: Workspace, trial: str) -> tuple[ListLots, ...]:
    """Return the lots of every list of a trial, by list; raise DataError for a file that is none."""
    return tuple(_read(path) for path in sorted((workspace.trials / trial / "lots").glob("*.json")))


def find_lots(workspace: Workspace, list_id: str) -> ListLots | None:
    """Return the lots of one list, whichever trial they are of; None where it had none."""
    path = next(iter(sorted(workspace.trials.glob(f"*/lots/{list_id}.json"))), None)
    return _read(path) if path else None


def _read(path: Path) -> ListLots:
    try:
        raw = read_json(path)
        lot = TailLot(
            raw["lot"]["seed"],
            raw["lot"]["list"],
            float(raw["lot"]["tail"]),
            *(frozenset(raw["lot"][name]) for name in ("winners", "losers", "elsewhere")),
        )
        return ListLots(
            raw["trial"],
            raw["team"],
            date.fromisoformat(raw["as_of"]),
            lot,
            int(raw["places"]),
            tuple(TailHousehold(**row) for row in raw["households"]),
            tuple(raw["margins"]),
            raw["above"],
        )
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path.name} holds no lots.", "Bring it back from a backup.") from None


def check_lots(lists: Sequence[ListLots], seed: str = "") -> Iterator[str]:
    """Draw every lot again and yield a sentence for each that comes out differently.

    With the trial's own `seed` each list's seed must follow from it.
    """
    for lots in lists:
        again = draw_tail(lots.lot, [(row.rank, row.entity) for row in lots.households], lots.places)
        if again.households != lots.households:
            yield f"The lot of the list {lots.lot.list} was not drawn by its seed."
        if seed and derive_seed(seed, lots.lot.list) != lots.lot.seed:
            yield f"The seed of the list {lots.lot.list} does not follow from the trial's."
