"""Who was just above and just below the line of each list: `line.csv` beside issued.csv, for evaluation alone.

A list that is cut at a team's places makes a line every week; what happens to families on its two sides can be
compared (fairness_reports/impact/line.py). Nothing is kept unless `[line] kept` of worklist.toml says so, and nothing
of a list on which a lot decided: there the lot is compared, and it is the better comparison. The casework database, the
pages and the sealed records know nothing of it. Pseudonyms alone; rows of whoever objects or is erased go
(fairness_reports/forget.py), and all of them with their list.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from charter.contracts import read_table_contract
from charter.contracts.files import write_text
from charter.council.council import Council
from serving.ranking.places import Place, ScoredDate, order_candidates
from serving.store.actions import write_csv
from serving.store.store import IssuedList

__all__ = ["keep_line"]


def keep_line(folder: Path, council: Council, scored: ScoredDate, headers: Mapping[str, IssuedList], kept: int) -> None:
    """Write who was on each new list and who came next, to `kept` times its places below the line; 0 keeps nobody.

    Rows of lists that the folder holds already, and that are not among `headers`, stay.
    """
    if not kept or not headers:
        return
    names = read_table_contract("line").names
    path = folder / "line.csv"
    new = {header.id for header in headers.values()}
    before: list[dict[str, Any]] = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as handle:
            before = [row for row in csv.DictReader(handle) if row["list"] not in new]
    candidates = order_candidates(council, scored.at, scored.margins, headers, times=1 + kept)
    rows = [
        row
        for _, of_list in groupby(candidates, key=lambda place: place.header.id)
        for row in _describe_line(list(of_list), scored)
    ]
    write_text(path, write_csv(names, [*before, *rows]))


def _describe_line(candidates: Sequence[Place], scored: ScoredDate) -> Iterator[dict[str, Any]]:
    """Yield the rows of one list; none where nobody was below its line, or the line runs between two equals.

    Places 2 and margins 9, 7, 6 and 2: the line is halfway from 7 to 6, so the distances are 2.5, 0.5, -0.5 and -4.5.
    """
    margins = [float(scored.margins[place.row]) for place in candidates]
    header = candidates[0].header
    places = header.capacity
    if len(candidates) <= places or not margins[places - 1] > margins[places]:
        return
    line = (margins[places - 1] + margins[places]) / 2
    at = scored.at
    for place, margin in zip(candidates, margins, strict=True):
        people = at.person[at.person_row == place.row]
        yield {
            "list": header.id,
            "as_of": header.as_of,
            "entity": at.entity[place.row].decode(),
            "team": header.team,
            "rank": place.rank,
            "distance": repr(margin - line),
            "people": " ".join(sorted(person.decode() for person in people.tolist())),
        }
