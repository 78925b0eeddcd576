"""The clerical review: pairs of records too close to call, side by side, and what a named role says of them.

A pair is named by the beginnings of its references' pseudonyms, `3f9c1a2b4c5d-9e01...`. Its evidence is in words and
says nothing of whom; names, dates of birth and addresses come from the vault, for a role that may review and gives a
reason, are logged before they are shown, and are written to no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.rules.roles import Roles
from charter.vault.key import Key
from charter.vault.link_judgements import SAYINGS, Judgement, append_judgements, name_pair
from charter.vault.link_sheets import SaidOfPerson
from charter.vault.vault import Log, Vault
from features.intake.database import Relation, give_rows, quote_text
from features.linking.joining.linkage import Pair
from features.linking.match_chart import Explained
from features.linking.parameters import Parameters
from features.linking.review_sheets import Sides

__all__ = [
    "Candidate", "decide_pairs", "explain_pair", "list_pairs", "list_uncertain", "list_undecided", "open_links",
    "relate_pairs", "require_reviewer", "show_pairs",
]  # fmt: skip

_SHORTEST = 12
"""Digits of a pseudonym that name a reference: two of a million share them in fewer than one council in 500."""


@dataclass(frozen=True)
class Candidate:
    """Two references: how likely they are one person (bits; None if not scored), on what evidence, from which services.

    `services` are those of every reference that either's person has; `rule` says what left the pair for a person.
    """

    one: str
    other: str
    weight: float | None
    evidence: str
    services: tuple[tuple[str, ...], tuple[str, ...]]
    rule: str = ""

    @property
    def name(self) -> str:
        """What the pair is called."""
        return name_pair(self.one, self.other)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values: nothing that names anybody."""
        return {
            "pair": self.name,
            "weight": self.weight,
            "evidence": self.evidence,
            "services": [list(side) for side in self.services],
            "rule": self.rule,
        }


def relate_pairs(database: duckdb.DuckDBPyConnection, pairs: Sequence[Pair]) -> Relation:
    """Return the table `review` (one, other, weight, evidence, rule, bits)."""
    kinds = {
        "one": pa.string(), "other": pa.string(), "weight": pa.float64(), "evidence": pa.string(), "rule": pa.string(),
        "bits": pa.list_(pa.float64()),
    }  # fmt: skip
    rows = pa.table({name: pa.array([getattr(pair, name) for pair in pairs], kind) for name, kind in kinds.items()})
    return give_rows(database, rows)


def require_reviewer(roles: Roles, role: str, reason: str) -> str:
    """Return the id of the role; raise CharterError unless the charter lets it review links and it says why."""
    reviewer = roles.require(role, "link.review").id
    if not reason.strip():
        raise CharterError("nobody is identified without a reason.", "Say why in --reason.")
    return reviewer


def open_links(snapshot: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection with the views `links` (those in use) and `review` of a linked snapshot."""
    database = duckdb.connect()
    for name, where in (("links", "where used"), ("review", "")):
        path = snapshot / "tables" / f"{name}.parquet"
        if not path.exists():
            raise DataError(
                f"the snapshot {snapshot.name} was linked before pairs were kept for review.",
                "Link a new snapshot: `sooner pull`, then `sooner link`.",
            )
        rows = f"read_parquet({quote_text(str(path))})"
        database.execute(f"create view {name} as select * from {rows} {where}")
        if name == "review" and "rule" not in database.table(name).columns:
            database.execute(f"create or replace view review as select *, 'close' as rule from {rows}")
    return database


def list_undecided(workspace: Workspace) -> Sequence[Candidate]:
    """Return the pairs of the newest linked snapshot that a person must decide, the likeliest first."""
    with open_links(workspace.snapshot()) as database:
        rows = database.execute(
            "select one, other, weight, evidence, rule from review "
            "semi join (select ref as one from links) using (one) "
            "semi join (select ref as other from links) using (other) order by weight desc, one, other"
        ).fetchall()
        return _with_services(database, rows)


def list_uncertain(workspace: Workspace) -> Sequence[Candidate]:
    """Return the pairs that were joined unasked and are not certain, the weakest first: a wrong one is taken apart."""
    with open_links(workspace.snapshot()) as database:
        rows = database.execute(
            "select least(ref, other_ref), greatest(ref, other_ref), weight, l.evidence, 'uncertain', l.service, "
            "o.service from links l join (select ref as other_ref, service from links) o using (other_ref) "
            "where weight is not null and not certain order by weight, ref"
        ).fetchall()
    return [
        Candidate(first, second, weight, evidence, ((one,), (other,)) if first < second else ((other,), (one,)), rule)
        for first, second, weight, evidence, rule, one, other in rows
    ]


def list_pairs(workspace: Workspace, person_id: str) -> Sequence[Candidate]:
    """Return the links that hold one person together, so that a wrong one can be judged different.

    Raises DataError for a person of whom no two records are linked.
    """
    with open_links(workspace.snapshot()) as database:
        rows = database.execute(
            "select least(ref, other_ref), greatest(ref, other_ref), weight, evidence from links "
            "where person_id = ? and other_ref is not null order by weight nulls last, ref",
            [person_id],
        ).fetchall()
        if not rows:
            raise DataError(f"no two records are linked as {person_id!r}.", "Take the pseudonym from the case page.")
        service_of = dict(
            database.execute("select ref, service from links where person_id = ?", [person_id]).fetchall()
        )
        return [
            Candidate(first, second, weight, evidence, ((service_of.get(first, ""),), (service_of.get(second, ""),)))
            for first, second, weight, evidence in rows
        ]


def _with_services(database: duckdb.DuckDBPyConnection, rows: Sequence[Any]) -> Sequence[Candidate]:
    services: Mapping[str, list[str]] = dict(
        database.execute(
            "with of_person as (select person_id, list(distinct service order by service) as services from links "
            "group by person_id) select ref, services from links join of_person using (person_id) "
            "where ref in (select one from review union select other from review)"
        ).fetchall()
    )
    return [
        Candidate(first, second, weight, evidence, (tuple(services[first]), tuple(services[second])), rule)
        for first, second, weight, evidence, rule in rows
    ]


def explain_pair(invocation: Invocation, name: str, *, role: str, reason: str, log: Log) -> Explained:
    """Return what the weight of a pair is made of, joined or left for a person, after the log has who asked.

    Raises CharterError for a role that may not review, UsageError for a pair that was not weighed, DataError where the
    snapshot was linked before weights were kept.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    parameters = Parameters.load_for(invocation.council.folder)
    with open_links(invocation.workspace.snapshot()) as database:
        judgement = _read_judgement(database, f"{name}=same", reviewer, "")
        if "bits" not in database.table("review").columns:
            raise DataError("the snapshot was linked before weights were kept.", "Run `sooner link` on a new one.")
        rows = database.execute(
            "select weight, evidence, bits from review where (one, other) = ($1, $2) union all "
            "select weight, evidence, bits from links "
            "where (least(ref, other_ref), greatest(ref, other_ref)) = ($1, $2)",
            list(judgement.pair),
        ).fetchall()
    log({"action": "link chart", "reason": reason, "subjects": list(judgement.pair), "count": 2})
    if not rows or not rows[0][2]:
        raise UsageError(
            f"{name} was not weighed: it was joined by what is the same, or is on no list.",
            "Take a pair from `sooner link review` that has bits.",
        )
    weight, evidence, bits = rows[0]
    return Explained(name, weight, evidence, bits, parameters.threshold, parameters.certain)


def decide_pairs(
    invocation: Invocation, said: Iterable[str], *, role: str, reason: str, log: Log, now: datetime | None = None
) -> Sequence[Judgement]:
    """File what a role says of pairs, each as `PAIR=same`, `=different` or `=cannot_tell`; return the judgements.

    Any two references of the newest linked snapshot may be judged, linked or not. All are filed or none: raises
    CharterError for a role that may not, UsageError for what can't be read or names no two references.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    at = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    with open_links(invocation.workspace.snapshot()) as database:
        judgements = [_read_judgement(database, text, reviewer, at) for text in said]
    for judgement in judgements:
        log(
            {
                "action": "link review",
                "reason": reason,
                "subjects": list(judgement.pair),
                "count": 2,
                "says": judgement.says,
            }
        )
    append_judgements(invocation.workspace, judgements)
    return judgements


def _read_judgement(database: duckdb.DuckDBPyConnection, text: str, role: str, at: str) -> Judgement:
    pair, _, says = text.partition("=")
    if says not in SAYINGS or pair.count("-") != 1:
        raise UsageError(f"{text!r} judges no pair.", f"Write PAIR=SAYING, a saying of: {', '.join(SAYINGS)}.")
    first, second = sorted(_find_reference(database, part) for part in pair.split("-"))
    if first == second:
        raise UsageError(f"{pair!r} names one reference twice.", "Name two, as the list does.")
    return Judgement(first, second, says, role, at)


def _find_reference(database: duckdb.DuckDBPyConnection, beginning: str) -> str:
    refs = database.execute("select ref from links where starts_with(ref, ?) limit 2", [beginning]).fetchall()
    if len(beginning) < _SHORTEST or len(refs) != 1:
        raise UsageError(
            f"{beginning!r} is the beginning of {'no' if not refs else 'more than one'} reference.",
            f"Give {_SHORTEST} digits or more of a pseudonym, as `sooner link review` prints them.",
        )
    return str(refs[0][0])


def show_pairs(
    invocation: Invocation,
    candidates: Sequence[Candidate],
    *,
    role: str,
    reason: str,
    log: Log,
    blind: bool = False,
) -> Sequence[Sequence[Sequence[str]]]:
    """Return for each candidate two sides, each of lines about one record: service, name, birth date, sex, home.

    Read from the vault after writing role, reason and persons to `log`. A protected home's address is not given.
    `blind`: each side has all records that it has without the other, so that nobody sees whether the two are joined.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    workspace = invocation.workspace
    snapshot = workspace.snapshot()
    vault = Vault.open(workspace.vault, Key.load(invocation.council, workspace))
    with open_links(snapshot) as database:
        refs = sorted({ref for candidate in candidates for ref in (candidate.one, candidate.other)})
        database.execute("create temp table asked as select unnest($1::varchar[]) as ref", [refs])
        whose: Mapping[str, str] = dict(
            database.execute("select ref, person_id from links join asked using (ref)").fetchall()
        )
        vault.identify(whose.values(), role=reviewer, reason=reason, log=log)
        sides = Sides(database, vault, snapshot.name, database.view("links"), refs)
    return [
        [
            [_write_line(line) for line in sides.tell(side)]
            for side in sides.split((candidate.one, candidate.other), blind=blind)
        ]
        for candidate in candidates
    ]


def _write_line(said: SaidOfPerson) -> str:
    born = said.birth_date and f"born {said.birth_date}"
    return ", ".join(words for words in (said.service, said.name, born, said.sex, said.home) if words)
