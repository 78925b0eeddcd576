"""What people said of pairs of records: one person, two, or nobody can tell. Kept apart and honoured by every link.

`link_judgements.jsonl` in the workspace, one judgement per line, appended; of several about one pair the newest
counts, so every judgement can be taken back. It holds pseudonyms of references, the role and the time: nobody's name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from charter.contracts.files import write_text
from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = [
    "CANNOT_TELL",
    "DIFFERENT",
    "SAME",
    "SAYINGS",
    "Judgement",
    "append_judgements",
    "drop_judgements",
    "find_standing",
    "name_pair",
    "read_judgements",
]

SAME, DIFFERENT, CANNOT_TELL = "same", "different", "cannot_tell"
SAYINGS = (SAME, DIFFERENT, CANNOT_TELL)


_SHORTEST = 12


def name_pair(one: str, other: str) -> str:
    """Return what a pair of references is called: the beginnings of their pseudonyms."""
    return f"{one[:_SHORTEST]}-{other[:_SHORTEST]}"


@dataclass(frozen=True)
class Judgement:
    """What a role said of two references (pseudonyms, `one` before `other`) at a time (ISO 8601)."""

    one: str
    other: str
    says: str
    role: str
    at: str

    @property
    def pair(self) -> tuple[str, str]:
        """The two references it is about."""
        return self.one, self.other


def read_judgements(workspace: Workspace) -> tuple[Judgement, ...]:
    """Return every judgement, oldest first; raise DataError for a line that is not one."""
    path = workspace.judgements
    if not path.exists():
        return ()
    judgements = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            judgement = Judgement(**json.loads(line))
        except (ValueError, TypeError):
            judgement = None
        if judgement is None or judgement.says not in SAYINGS or judgement.one >= judgement.other:
            raise DataError(
                f"line {number} of {path.name} is not a judgement.", "Restore the file from its backup, then link."
            )
        judgements.append(judgement)
    return tuple(judgements)


def append_judgements(workspace: Workspace, judgements: Iterable[Judgement]) -> None:
    """Add judgements to the file, on disk before this returns."""
    lines = "".join(_write_line(judgement) for judgement in judgements)
    path = workspace.judgements
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, lines.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_line(judgement: Judgement) -> str:
    return json.dumps(asdict(judgement), sort_keys=True, separators=(",", ":")) + "\n"


def find_standing(judgements: Iterable[Judgement]) -> Mapping[tuple[str, str], Judgement]:
    """Return the newest judgement of each pair."""
    return {judgement.pair: judgement for judgement in judgements}


def drop_judgements(workspace: Workspace, refs: frozenset[str]) -> int:
    """Remove every judgement about any of `refs` (an erasure); return how many there were."""
    judgements = read_judgements(workspace)
    rest = [judgement for judgement in judgements if refs.isdisjoint(judgement.pair)]
    if len(rest) < len(judgements):
        write_text(workspace.judgements, "".join(map(_write_line, rest)))
    return len(judgements) - len(rest)
