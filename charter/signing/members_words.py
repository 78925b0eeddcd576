"""What members of a board say of a decision before it is signed: for, against or a question, and what they read.

    audit/PROGRAMME/RUN/members.json   beside that run's decision.json and signoffs.toml; of its bytes, by sha256
    report.html                        the same words, in the place that the pack keeps for them

Nothing here signs or refuses: what members said stands beside what the roles that sign do. Words are only added, so
that nobody's is taken away once it was read.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json, write_text
from charter.errors import UsageError
from charter.rules.gate_sentences import say_day

__all__ = ["BEGIN", "END", "READ", "SAYS", "MembersWords", "keep_words", "list_words", "write_words"]

FILE = "members.json"
MOST_LETTERS, MOST_WORDS = 1000, 200
SAYS = {"for": "For", "against": "Against", "question": "A question"}
READ = {"paper": "the paper", "annex": "the annex", "advice": "the advice given"}
"""What a member can have read, by its id."""
BEGIN, END = "<!-- what members said -->", "<!-- end of what members said -->"


@dataclass(frozen=True)
class MembersWords:
    """One member's words in a role on the decision of one sha256; `says` and `read` are ids of SAYS and READ.

    `at` is UTC in ISO 8601.
    """

    role: str
    title: str
    sha256: str
    says: str
    text: str
    read: tuple[str, ...]
    at: str


def list_words(folder: Path, sha256: str) -> tuple[MembersWords, ...]:
    """Return what members said of the decision of `sha256` in an audit's folder, the earliest first."""
    return tuple(row for row in _read_all(folder) if row.sha256 == sha256)


def keep_words(folder: Path, words: MembersWords) -> None:
    """Add a member's words to those in an audit's folder, and put them into its pack.

    Raises UsageError for words of no kind, none or too many, of a member who says to have read nothing, and once there
    are too many of one decision.
    """
    if words.says not in SAYS:
        raise UsageError("A member speaks for a decision, against it, or asks a question.", "Choose one of the three.")
    if not words.read or set(words.read) - set(READ):
        raise UsageError("A member says what they have read.", f"Tick what you read: {', '.join(READ.values())}.")
    if not words.text.strip() or len(words.text) > MOST_LETTERS:
        raise UsageError(f"What a member says has 1 to {MOST_LETTERS} letters.", "Say what the others should weigh.")
    others = _read_all(folder)
    if sum(row.sha256 == words.sha256 for row in others) >= MOST_WORDS:
        raise UsageError(f"{MOST_WORDS} things have been said of this decision.", "Talk about it at the meeting.")
    rows = [asdict(row) for row in (*others, words)]
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, "words": rows})
    pack = folder / "report.html"
    before, begun, rest = pack.read_text(encoding="utf-8").partition(BEGIN) if pack.exists() else ("", "", "")
    _, ended, after = rest.partition(END)
    if begun and ended:
        write_text(pack, f"{before}{BEGIN}{write_words(list_words(folder, words.sha256))}{END}{after}")


def write_words(words: Sequence[MembersWords]) -> str:
    """Return what members said as HTML for the pack; nothing where nobody said anything."""
    if not words:
        return ""
    entries = "".join(
        f"<li><strong>{SAYS[row.says]}.</strong> {html.escape(row.text)} ({html.escape(row.title)},"
        f" {say_day(date.fromisoformat(row.at[:10]))}; has read {' and '.join(READ[part] for part in row.read)})</li>"
        for row in words
    )
    return f"<h3>What members said</h3><ul>{entries}</ul>"


def _read_all(folder: Path) -> list[MembersWords]:
    path = folder / FILE
    rows = read_json(path)["words"] if path.exists() else []
    return [MembersWords(**row | {"read": tuple(row["read"])}) for row in rows]
