"""What `worklist.toml` says: how long a list holds, who is left off it, what can be decided and in which words.

Every key is required or has its default below; an unknown key is an error, so that a slip of the pen never quietly
changes who is on a list. `[capacity]` is shared and read by `charter.council.programme`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charter.errors import DefinitionError
from serving.store.tables import DISPOSITIONS

__all__ = ["SECOND_LOOKS", "Choice", "Need", "Settings"]

SECOND_LOOKS = ("agreed", "overridden", "below")
"""What a manager looks at again: agreed with the list, decided against it, and households just below its line."""

_SECTIONS = frozenset(
    {
        "capacity",
        "list",
        "cooling_off",
        "leave_out",
        "replay",
        "exploration",
        "own_view",
        "second_look",
        "blind_review",
        "timeline",
        "decision",
        "reason",
        "need",
        "example",
    }
)


@dataclass(frozen=True)
class Choice:
    """Something a person can decide: a disposition, what it is called, and its reasons as (code, words)."""

    id: str
    title: str
    hint: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Need:
    """What a need is called, and the signals that speak for it: `service.kind`, `service.*` or `*`."""

    title: str
    signals: tuple[str, ...]

    def covers(self, signal: str) -> bool:
        """Whether `signal` speaks for this need."""
        return any(
            pattern in ("*", signal) or (pattern.endswith(".*") and signal.startswith(pattern[:-1]))
            for pattern in self.signals
        )


@dataclass(frozen=True)
class Settings:
    """All of worklist.toml that serving reads; `cooling_off` is in weeks by disposition, `with_worker` names features.

    `reviewed` of each list's cases are judged blind for the second gate, beside those kept below its line.
    `exploration_share` of a list's places are drawn by lot for a desk review; `rank` holds it to the charter's limit.
    Lists that are not `shown` are in shadow: issued and measured, on no page and in no answer.
    """

    days: int
    title: str
    basis: str
    shown: bool
    timeline_months: int
    cooling_off: Mapping[str, int]
    with_worker: tuple[str, ...]
    exploration_share: float
    own_view_one_in: int
    second_look: Mapping[str, int]
    reviewed: int
    choices: tuple[Choice, ...]
    needs: tuple[Need, ...]

    @classmethod
    def of(cls, worklist: Mapping[str, Any]) -> Settings:
        """Read the sections; raise DefinitionError naming the section and the rule it breaks."""
        for name in sorted(set(worklist) - _SECTIONS):
            _refuse(name, f"is not a section; the sections are {', '.join(sorted(_SECTIONS))}")
        section = worklist.get("list", {})
        share = float(worklist.get("exploration", {}).get("share", 0.0))
        if not 0.0 <= share <= 1.0:
            _refuse("exploration", "share lies between 0 and what the charter allows")
        days = int(section.get("days", 7))
        if not 1 <= days <= 92:
            _refuse("list", "days lies between 1 and 92")
        months = int(worklist.get("timeline", {}).get("months", 12))
        if not 1 <= months <= 60:
            _refuse("timeline", "months lies between 1 and 60")
        one_in = int(worklist.get("own_view", {}).get("one_in", 0))
        if one_in < 0:
            _refuse("own_view", "one_in is 0 or more")
        reviewed = int(worklist.get("blind_review", {}).get("listed", 0))
        if not 0 <= reviewed <= 50:
            _refuse("blind_review", "listed lies between 0 and 50")
        settings = cls(
            days=days,
            title=str(section.get("title", "Households to think about first")),
            basis=str(section.get("basis", "")),
            shown=bool(section.get("shown", True)),
            timeline_months=months,
            cooling_off=_cooling_off(worklist.get("cooling_off", {})),
            with_worker=tuple(str(name) for name in worklist.get("leave_out", {}).get("with_worker", ())),
            exploration_share=share,
            own_view_one_in=one_in,
            second_look=_second_look(worklist.get("second_look", {})),
            reviewed=reviewed,
            choices=_choices(worklist.get("decision", ()), worklist.get("reason", {})),
            needs=tuple(Need(row["title"], tuple(row["signals"])) for row in worklist.get("need", ())),
        )
        _refuse_banned_words(settings)
        return settings

    def choice(self, disposition: str) -> Choice | None:
        """Return the choice of that disposition, or None where worklist.toml does not offer it."""
        return next((choice for choice in self.choices if choice.id == disposition), None)

    def reason(self, code: str) -> str:
        """Return the words of a reason code; the code's own words where it is not known any more."""
        words = {code: title for choice in self.choices for code, title in choice.reasons}
        return words.get(code, code.replace("_", " "))

    def need(self, signals: tuple[str, ...]) -> str | None:
        """Return what the first need is called that any of `signals` speaks for, or None."""
        return next((need.title for need in self.needs if any(need.covers(signal) for signal in signals)), None)


def _cooling_off(raw: Mapping[str, Any]) -> dict[str, int]:
    for name, weeks in raw.items():
        if name not in DISPOSITIONS or not isinstance(weeks, int) or not 0 <= weeks <= 520:
            _refuse("cooling_off", f"{name} = {weeks!r}: it takes weeks (0 to 520) by {', '.join(DISPOSITIONS)}")
    return dict(raw)


def _second_look(raw: Mapping[str, Any]) -> dict[str, int]:
    for name, number in raw.items():
        if name not in SECOND_LOOKS or not isinstance(number, int) or not 0 <= number <= 20:
            _refuse("second_look", f"{name} = {number!r}: it takes 0 to 20 of {', '.join(SECOND_LOOKS)}")
    return {name: raw.get(name, 0) for name in SECOND_LOOKS}


def _choices(rows: Any, words: Mapping[str, str]) -> tuple[Choice, ...]:
    choices = []
    for row in rows:
        if row["id"] not in DISPOSITIONS:
            _refuse("decision", f"{row['id']} is none of {', '.join(DISPOSITIONS)}")
        for code in row["reasons"]:
            if code not in words:
                _refuse("reason", f"{code} of the decision {row['id']} has no words")
        reasons = tuple((code, words[code]) for code in row["reasons"])
        choices.append(Choice(row["id"], row["title"], row.get("hint", ""), reasons))
    if not any(choice.id == "stepped_up" for choice in choices):
        _refuse("decision", "stepped_up is missing: stepping up is always possible")
    return tuple(choices)


def _refuse_banned_words(settings: Settings) -> None:
    texts = [settings.title, settings.basis, *(need.title for need in settings.needs)]
    texts += [text for c in settings.choices for text in (c.title, c.hint, *(words for _, words in c.reasons))]
    for text in texts:
        if "risk" in text.lower():
            _refuse("list", f"{text!r}: write need or likelihood")


def _refuse(section: str, rule: str) -> None:
    raise DefinitionError(f"worklist.toml [{section}]: {rule}.", "Mend it there and run the command again.")
