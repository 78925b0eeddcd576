"""How verbs were typed in 0.1, where that is typed otherwise now. They work in 0.2, with a note; then this module goes.

`sooner audit --scores t.csv --group sex` becomes `sooner audit table t.csv --group sex`: the option that chose what the
verb did is taken out, a value it had stays behind as an argument, and the new words come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["respell"]


@dataclass(frozen=True)
class _Spelling:
    """An option that chose what `verb` does, the words that do so now, and what is no longer taken with them.

    `keeps` says that the option is still one of the new words' own. `drops` were taken and did nothing.
    """

    verb: str
    option: str
    now: Sequence[str]
    valued: bool = False
    keeps: bool = False
    drops: Mapping[str, bool] | None = None


_OPENING = {"--council": True, "--programme": True, "--workspace": True}
_LISTING = {"--review": False, "--of": True, "--top": True}
_SUSPENDING = {"--what": True, "--name": True, "--reason": True}

# The first that fits is taken: `link --review --decide PAIR=same` decided.
_SPELLINGS = (
    _Spelling("audit", "--scores", ("audit", "table"), valued=True, drops=_OPENING),
    _Spelling("audit", "--plan", ("audit", "plan")),
    _Spelling("audit", "--compare", ("audit", "compare"), valued=True),
    _Spelling("audit", "--live", ("audit", "live")),
    _Spelling("promote", "--live", ("promote", "live"), drops={"--rollback": False}),
    _Spelling("promote", "--rollback", ("promote", "rollback")),
    _Spelling(
        "link", "--decide", ("link", "decide"), valued=True, drops={"--review": False, "--of": True, "--top": True}
    ),
    _Spelling("link", "--of", ("link", "review"), valued=True, keeps=True, drops={"--review": False}),
    _Spelling("link", "--review", ("link", "review")),
    _Spelling("rank", "--print", ("print-list",), valued=True),
    _Spelling(
        "suspend", "--resume", ("resume",), valued=True, drops={"--what": True, "--name": True, "--reason": True}
    ),
)

_RIGHTS = ("show", "object", "withdraw", "restrict", "erase", "rectify", "export", "challenge")


def respell(words: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the words as they are typed now, and a note on how; the words as they are and no note, where they fit."""
    if not words:
        return words, ""
    verb, *rest = words
    if verb == "resident" and rest and rest[0].startswith("-"):
        return _right_first(words)
    names = [word.partition("=")[0] for word in rest]
    for spelling in _SPELLINGS:
        if verb == spelling.verb and spelling.option in names and rest[0].startswith("-"):
            others = rest if spelling.keeps else _without(rest, {spelling.option: spelling.valued}, keep_value=True)
            others = _without(others, spelling.drops or {})
            was = f"sooner {spelling.verb} {spelling.option}{' ...' if spelling.valued else ''}"
            return [*spelling.now, *others], f"`{was}` is now `sooner {' '.join(spelling.now)}`."
    return words, ""


def _without(words: Sequence[str], options: Mapping[str, bool], *, keep_value: bool = False) -> list[str]:
    """Return the words without these options, of which some have a value (the next word, or behind `=`)."""
    others: list[str] = []
    values = iter(words)
    for word in values:
        name, equals, value = word.partition("=")
        if name not in options:
            others.append(word)
            continue
        if options[name]:
            value = value if equals else next(values, "")
            others += [value] if keep_value and value else []
    return others


def _right_first(words: Sequence[str]) -> tuple[Sequence[str], str]:
    """`resident --through housing show` is now `resident show --through housing`."""
    place = next((i for i, word in enumerate(words) if word in _RIGHTS), None)
    if place is None:
        return words, ""
    right = words[place]
    order = [words[0], right, *words[1:place], *words[place + 1 :]]
    return order, f"`sooner resident ... {right}` is now `sooner resident {right} ...`."
