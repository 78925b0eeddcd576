"""Sheets for whoever reviews links on the pages: what the records of both sides of a pair say, side by side.

    a pair that is left for a person   each side with all records of its person, or, where both are one person by now,
                                       the two records alone; and how alike their fields are
    a pair that was drawn by lot       each side with all records that it has without the other, whether joined or not

They are made of the links in use and of the vault's rows of the same snapshot, at each link and each draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.vault.link_sheets import BLIND_SHEET, LINK_SHEET, LinkSheet, SaidOfPerson, replace_sheets
from charter.vault.vault import Vault
from features.intake.database import Relation, drop_rows, fetch_rows, give_rows
from features.linking.match_chart import Explained, list_steps
from features.linking.parameters import Parameters

__all__ = ["Sides", "leave_blind_sheets", "leave_sheets"]

_SHEETS = 200
"""Pairs that are left on the pages, the likeliest: as many as one person reads in a week; the next link brings more."""
_WITHHELD = "protected address"
_SAID = """
    with place as (select household_id, any_value(address order by address) as address, max(kind) as kind
                   from places group by household_id)
    select distinct s.ref, s.service, coalesce(trim(concat_ws(' ', s.forename, s.surname)), '') as name,
           coalesce(s.birth_date::varchar, '') as birth_date, coalesce(s.sex, '') as sex,
           coalesce(if(p.kind = 'protected', $1, p.address), '') as home
    from people s left join place p using (household_id)
    order by all
"""


class Sides:
    """The links around some references, and what the records of all of them say in the same snapshot."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, vault: Vault, snapshot: str, links: Relation, refs: Sequence[str]
    ) -> None:
        rows = fetch_rows(
            database,
            "select ref, other_ref, person_id from links where used and person_id in "
            "(select person_id from links where used and ref in (select unnest($1::varchar[]))) order by ref",
            [sorted(set(refs))],
            links=links,
        )
        self.person: dict[str, str] = {ref: person for ref, _, person in rows}
        self._refs: dict[str, list[str]] = {}
        self._joined: dict[str, set[str]] = {}
        for ref, other, person in rows:
            self._refs.setdefault(person, []).append(ref)
            if other is not None:
                self._joined.setdefault(ref, set()).add(other)
                self._joined.setdefault(other, set()).add(ref)
        people, places = (pq.read_table(BytesIO(vault.get_set(snapshot, name))) for name in ("people", "places"))
        people = people.filter(pc.is_in(people["ref"], value_set=pa.array(sorted(self.person), people["ref"].type)))
        places = places.filter(pc.is_in(places["household_id"], value_set=people["household_id"]))
        rows_said = {"people": give_rows(database, people), "places": give_rows(database, places)}
        self._said: dict[str, list[SaidOfPerson]] = {}
        for ref, *words in fetch_rows(database, _SAID, [_WITHHELD], **rows_said):
            self._said.setdefault(ref, []).append(SaidOfPerson(*words))
        drop_rows(database, *rows_said.values())

    def split(self, pair: tuple[str, str], *, blind: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the references of each side of a pair."""
        first, second = pair
        if blind:
            return self._reach(first, pair), self._reach(second, pair)
        if self.person[first] == self.person[second]:
            return (first,), (second,)
        return tuple(self._refs[self.person[first]]), tuple(self._refs[self.person[second]])

    def _reach(self, start: str, pair: tuple[str, str]) -> tuple[str, ...]:
        """Return all references that would be one person with one of a pair if the two were not joined."""
        side, open_ends = {start}, [start]
        while open_ends:
            ref = open_ends.pop()
            further = {other for other in self._joined.get(ref, ()) if {ref, other} != set(pair)} - side
            side |= further
            open_ends += sorted(further)
        return tuple(sorted(side))

    def tell(self, refs: Sequence[str]) -> tuple[SaidOfPerson, ...]:
        """Return what the records of references say."""
        return tuple(line for ref in refs for line in self._said.get(ref, ()))

    def make_sheet(
        self, pair: tuple[str, str], *, blind: bool, agreement: Sequence[tuple[str, float]] = (),
        weight: float | None = None, rule: str = "",
    ) -> LinkSheet:  # fmt: skip
        """Return the sheet of a pair."""
        first, second = self.split(pair, blind=blind)
        return LinkSheet(
            pair=pair,
            refs=tuple(sorted({*pair, *first, *second})),
            people=tuple(sorted({self.person[ref] for ref in pair})),
            sides=(self.tell(first), self.tell(second)),
            agreement=tuple(agreement),
            weight=weight,
            rule=rule,
        )


def leave_sheets(
    database: duckdb.DuckDBPyConnection, vault: Vault, snapshot: str, links: Relation, review: Relation,
    parameters: Parameters,
) -> None:  # fmt: skip
    """Leave the sheets of the likeliest pairs that a person must decide."""
    # A snapshot that was linked by an older Sooner says neither which rule nor which bits.
    columns = ", ".join(name if name in review.columns else f"null as {name}" for name in ("rule", "bits"))
    rows = fetch_rows(
        database,
        f"select one, other, weight, evidence, {columns} from review where one in (select ref from links where used) "
        "and other in (select ref from links where used) order by weight desc nulls last, one, other limit $1",
        [_SHEETS],
        links=links,
        review=review,
    )
    sides = Sides(database, vault, snapshot, links, [ref for one, other, *_ in rows for ref in (one, other)])
    replace_sheets(
        vault,
        LINK_SHEET,
        [
            sides.make_sheet(
                (one, other), blind=False, agreement=_list_agreement(weight, evidence, bits, parameters),
                weight=weight, rule=rule or "",
            )
            for one, other, weight, evidence, rule, bits in rows
        ],
    )  # fmt: skip


def _list_agreement(
    weight: float | None, evidence: str, bits: Sequence[float] | None, parameters: Parameters
) -> Sequence[tuple[str, float]]:
    """Return what is known of a pair's fields and how many bits each adds; nothing where it was not weighed."""
    if weight is None or not bits:
        return ()
    steps = list_steps(Explained("", weight, evidence, bits, parameters.threshold, parameters.certain))
    return [(step.title, step.bits) for step in steps[:-1]]


def leave_blind_sheets(
    database: duckdb.DuckDBPyConnection, vault: Vault, snapshot: str, links: Relation,
    pairs: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    """Leave the sheets of pairs that were drawn by lot; of one whose records are no longer linked, none."""
    sides = Sides(database, vault, snapshot, links, [ref for pair in pairs for ref in pair])
    linked: Mapping[str, str] = sides.person
    replace_sheets(
        vault, BLIND_SHEET, [sides.make_sheet(pair, blind=True) for pair in pairs if linked.keys() >= set(pair)]
    )
