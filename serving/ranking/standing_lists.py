"""Whether a day's lists stand: told from all that they were made from, loading nothing that builds or scores.

    rank    worklist/PROGRAMME/DATE/standing.json: the digest of each input, of what was written, and what was said
    again   the same inputs, and the files as they were written  ->  the same answer, and nothing is scored or read

A list changes by an act too (a manager asks for a new one, a family is taken off), and every act has its entry in the
casework log: the heads of its chains are an input, so whatever anybody did since makes `rank` look again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts.files import content_id, file_digest, find_current, set_current
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from charter.machine.made_from import digest_path, digest_settings, digest_versions, keep_standing, read_standing
from charter.vault.key import Key
from charter.vault.rights_ledger import ledger_file, require_carried_out
from serving.ranking.standing_in import find_stand_in_folder
from serving.store.place import read_chain_heads
from serving.suspension import require_running

__all__ = ["ListSummary", "RankResult", "digest_list_inputs", "find_standing_lists", "keep_standing_lists"]

_FILE = "standing.json"
_MADE = ("issued.csv", "list.json", "health.json", "../actions.csv")
_ROOMS = ("charter", "features", "serving")
_LIBRARIES = ("lightgbm", "numpy")
OWN_CHAIN = "rank"
"""How the chains of the casework log begin that making lists writes."""
_OWN_ACTS = "lists made"
"""The input that making lists changes itself."""


@dataclass(frozen=True)
class ListSummary:
    """One team's list: `referrals` of `eligible` households, at most `capacity`; `new` if it was issued just now."""

    team: str
    title: str
    list: str
    as_of: str
    expires_at: str
    capacity: int
    eligible: int
    referrals: int
    left_out: int
    new: bool


@dataclass(frozen=True)
class RankResult:
    """What `rank` did; `refused` says by team why it got no list, `unserved` how many rows no team serves.

    `trial` says what a planned trial did to these lists, or why nothing; empty where none is planned. `looks` says
    how many households below the line a lot drew, where charter.toml has a yearly most. `standing_in` says that the
    model could not be read, and what made the new lists instead; empty where it could.
    """

    as_of: date
    folder: Path
    bundle: str
    matrix: str
    lists: tuple[ListSummary, ...]
    refused: Mapping[str, str]
    unserved: int
    trial: str = ""
    looks: str = ""
    standing_in: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {
            "as_of": self.as_of.isoformat(),
            "folder": str(self.folder),
            "refused": dict(self.refused),
            "lists": [asdict(summary) for summary in self.lists],
        }

    def sentence(self) -> str:
        """Say it to a person."""
        total = sum(summary.referrals for summary in self.lists)
        lists = len(self.lists)
        sentence = f"{total} referrals on {lists} worklist{'' if lists == 1 else 's'} as of {self.as_of}."
        where = (
            f"Who is on them says {self.folder / 'issued.csv'}; teams read them with `sooner serve`." if total else ""
        )
        return " ".join(filter(None, (sentence, self.standing_in, self.trial, self.looks, where)))


def digest_list_inputs(invocation: Invocation, as_of: date) -> dict[str, str]:
    """Return the digest of each thing that the lists of a day depend on, by name.

    Raises DataError where there is no linked snapshot.
    """
    files = invocation.workspace
    heads = read_chain_heads(files)
    return {
        "snapshot": file_digest(files.snapshot() / "manifest.json"),
        **digest_settings(invocation),
        "bundle": digest_path(find_current(files.bundle)),
        "stand-in": digest_path(find_stand_in_folder(files)),
        "release": digest_path(find_current(files.release)),
        "second gate": digest_path(files.live),
        "closed": digest_path(files.closed),
        "suspended": digest_path(files.suspensions),
        "sign-offs": digest_path(files.signoffs),
        "trials": content_id([file_digest(path) for path in sorted(files.trials.glob("*/registration.json"))]),
        "rights": digest_path(ledger_file(files)),
        "key": Key.load(invocation.council, files).id,
        "as of": as_of.isoformat(),
        "day": invocation.today.isoformat(),
        "code": digest_code(_ROOMS),
        "versions": digest_versions(_LIBRARIES),
        "casework": content_id({chain: head for chain, head in heads.items() if not chain.startswith(OWN_CHAIN)}),
        _OWN_ACTS: content_id({chain: head for chain, head in heads.items() if chain.startswith(OWN_CHAIN)}),
    }


def keep_standing_lists(invocation: Invocation, result: RankResult, inputs: Mapping[str, str]) -> None:
    """Write what the lists of a day were made from beside them; `inputs` as they were before anything was read.

    Where anybody did something meanwhile, by page or command, nothing is kept: the lists may not know of it.
    """
    path = result.folder / _FILE
    now = digest_list_inputs(invocation, result.as_of)
    if now | {_OWN_ACTS: ""} != {**inputs, _OWN_ACTS: ""}:
        path.unlink(missing_ok=True)
        return
    answer = {name: value for name, value in result.document().items() if name != "folder"}
    keep_standing(path, now, _MADE, answer)


def find_standing_lists(invocation: Invocation, as_of: date, inputs: Mapping[str, str]) -> RankResult | None:
    """Return what `rank` said of a day's lists where lists made now would be the same; None otherwise.

    Raises BlockedError where lists are suspended, CharterError while a resident's request is not carried out.
    """
    require_running(invocation.workspace)
    require_carried_out(invocation.workspace)
    folder = invocation.workspace.worklist / as_of.isoformat()
    answer = read_standing(folder / _FILE, inputs)
    if answer is None:
        return None
    set_current(invocation.workspace.worklist, as_of.isoformat())
    values = {field.name: answer[field.name] for field in fields(RankResult) if field.name in answer}
    lists = tuple(replace(ListSummary(**summary), new=False) for summary in values["lists"])
    return RankResult(**{**values, "as_of": as_of, "folder": folder, "lists": lists})
