"""A slip of the pen in a council's file, as one sentence: the file, the row, the key, the rule and what to write.

    council.toml: 'places' of [[team.offer]] 1 of [[team]] 'south' is "8", not a whole number. Write it like places = 8.

`slips_of` turns what pydantic found into such sentences; nothing of its own wording is left over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from charter.council.shape import is_list, keys_of, kind_tag, tables_in, toml_text
from charter.errors import CharterError, SoonerError

__all__ = ["Slip", "choose", "refused", "slips_of"]

_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "date_type": "a date",
    "datetime_type": "a date and time",
    "timezone_aware": "a time with its zone",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}

_LONG_NUMBER = 1_000_000
"""From here on a bound is written out: nobody writes 2.14748e+09 into a file."""

_BOUNDS = {
    "greater_than": ("must be above", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be below", "lt"),
    "less_than_equal": ("must be at most", "le"),
}


@dataclass(frozen=True)
class Slip:
    """One slip: the row and key that it is in, the rule that it breaks and what to write instead.

    `forbidden`: it is something that is not allowed, rather than something that is not understood.
    """

    row: str
    key: str
    rule: str
    remedy: str
    forbidden: bool = False

    def sentence(self, file: str) -> str:
        """Return the thing and the rule; `remedy` is the other half."""
        if not self.key:
            return f"{file}: {self.row} {self.rule}." if self.row else f"{file} {self.rule}."
        return f"{file}: {self.key!r}{f' of {self.row}' if self.row else ''} {self.rule}."


def refused(file: str, slips: Sequence[Slip], refusal: type[SoonerError]) -> SoonerError:
    """Return the error that says every slip of a file, one line each; forbidden things make it a CharterError."""
    kind = CharterError if any(slip.forbidden for slip in slips) else refusal
    if len(slips) == 1:
        return kind(slips[0].sentence(file), slips[0].remedy)
    lines = [f"  {slip.sentence(file)} {slip.remedy}".rstrip() for slip in slips]
    return kind("\n".join([f"{file} has {len(slips)} slips:", *lines]), "")


def choose(value: str, words: Collection[str]) -> str:
    """Return what to write instead of `value`: the nearest of the known words, and all of them."""
    if not words:
        return "There is none yet: add it first."
    near = get_close_matches(value, words, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return f"{meant}Choose from: {', '.join(words)}."


def slips_of(error: ValidationError, raw: Any, kind: type[BaseModel]) -> list[Slip]:
    """Return a slip for each thing that pydantic found wrong in `raw`, which was to be a `kind`."""
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    # A list is only too short for its bad items: they are said instead.
    real = [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(len(place) > len(detail["loc"]) and place[: len(detail["loc"])] == detail["loc"] for place in places)
    ]
    return [_slip(detail, raw, kind) for detail in real]


@dataclass(frozen=True)
class _Place:
    """Where in a file: the rows that lead there, a dotted name, the key, its table, and its field there."""

    rows: tuple[str, ...]
    name: str
    key: str
    item: bool
    table: type[BaseModel] | None
    field: FieldInfo | None

    @property
    def row(self) -> str:
        return " of ".join(reversed(self.rows))

    @property
    def example(self) -> str:
        """What to write for the key, as a council would."""
        if self.field is not None and tables_in(self.field.annotation):
            header = f"[[{self.name}]]" if is_list(self.field.annotation) else f"[{self.name}]"
            return f"Write {header}, as in Sooner's own council."
        if self.field is None or not self.field.examples:
            return "Write it as in Sooner's own council."
        return f"Write it like {self.key} = {toml_text(self.field.examples[0])}."


def _place(location: Sequence[int | str], raw: Any, kind: type[BaseModel]) -> _Place:
    """Follow a location through the file and its types at once.

    ('team', 2, 'offer', 0, 'places') is 'places' of [[team.offer]] 1 of [[team]] 'south'.
    """
    rows: list[str] = []
    names: list[str] = []
    key, item, value = "", False, raw
    table: type[BaseModel] | None = None
    field: FieldInfo | None = None
    below: tuple[type[BaseModel], ...] = (kind,)
    for part in location:
        if isinstance(part, int) and below:
            value = value[part] if isinstance(value, list) and part < len(value) else None
            rows.append(f"[[{'.'.join(names)}]] {_called(value, below, part)}")
            key = ""
        elif isinstance(part, int):
            item = True
        elif len(below) > 1 and part in map(kind_tag, below):
            below = tuple(one for one in below if kind_tag(one) == part)
        else:
            rows += [f"[{'.'.join(names)}]"] if key else []
            table = below[0] if len(below) == 1 else None
            field = keys_of(table).get(part) if table is not None else None
            below = tables_in(field.annotation) if field is not None else ()
            value = value.get(part) if isinstance(value, Mapping) else None
            names.append(part)
            key, item = part, False
    if key and below and isinstance(value, Mapping) and field is not None and not is_list(field.annotation):
        rows.append(f"[{'.'.join(names)}]")  # what is wrong is the section itself, not a key of it
        key, table = "", below[0]
    return _Place(tuple(rows), ".".join(names), key, item, table if key else (below or (None,))[0], field)


def _called(value: Any, kinds: Sequence[type[BaseModel]], number: int) -> str:
    """Return what a row is called among its neighbours: by its own id, else by its number."""
    name = value.get(getattr(kinds[0], "identity", "")) if isinstance(value, Mapping) else None
    return repr(name) if isinstance(name, str) and name else str(number + 1)


def _slip(detail: ErrorDetails, raw: Any, kind: type[BaseModel]) -> Slip:
    place = _place(detail["loc"], raw, kind)
    what, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    shown = toml_text(given)
    holds = "holds" if place.item else "is"
    if what == "broken":
        rule = context["rule"].replace("is ", f"{holds} ", 1) if context["rule"].startswith("is ") else context["rule"]
        return Slip(place.row, context["key"] or place.key, rule, context["remedy"], bool(context["forbidden"]))
    if what == "missing" and not isinstance(detail["loc"][-1], int):
        extra = place.field.json_schema_extra if place.field is not None else None
        if isinstance(extra, dict) and "missing" in extra:
            return Slip(place.row, "", str(extra["missing"]), str(extra["remedy"]), forbidden=True)
        return Slip(place.row, "", f"lacks {place.key!r}", place.example)
    if what == "extra_forbidden":
        known = sorted(keys_of(place.table), key=lambda key: key == "example") if place.table is not None else []
        return Slip(place.row, "", f"has an unknown key {place.key!r}", choose(place.key, known))
    if what in _KINDS:
        return Slip(place.row, place.key, f"{holds} {shown}, not {_KINDS[what]}", place.example)
    if what in _BOUNDS:
        words, bound = _BOUNDS[what]
        limit = f"{context[bound]:g}" if abs(context[bound]) < _LONG_NUMBER else f"{context[bound]:,.0f}"
        return Slip(place.row, place.key, f"{holds} {shown}, and {words} {limit}", place.example)
    if what == "too_short" and place.field is not None and tables_in(place.field.annotation):
        return Slip(place.row, "", f"has no [[{place.name}]]", "Add at least one, as in Sooner's own council.")
    if what in ("too_short", "too_long", "missing"):
        return Slip(place.row, place.key, f"is a list of another length: {shown}", place.example)
    if what == "string_too_short":
        return Slip(place.row, place.key, f"{holds} an empty text", place.example)
    if what in ("literal_error", "union_tag_invalid", "union_tag_not_found"):
        return _not_a_word(place, given, context)
    return Slip(place.row, place.key, f"{holds} {shown}, which cannot be read", place.example)


def _not_a_word(place: _Place, given: Any, context: Mapping[str, Any]) -> Slip:
    """Return the slip of a text that is none of the few that may stand there; of a row, its `kind`."""
    words = [
        word.strip(" '")
        for word in str(context.get("expected_tags") or context.get("expected")).replace(" or ", ",").split(",")
    ]
    if place.key:
        return Slip(
            place.row,
            place.key,
            f"{'holds' if place.item else 'is'} {toml_text(given)}, which is not known",
            choose(str(given), words),
        )
    kind = given.get("kind") if isinstance(given, Mapping) else None
    if kind is None:
        return Slip(place.row, "", "lacks 'kind'", "Say which kind of record it is.")
    return Slip(place.row, "kind", f"is {toml_text(kind)}, which is not known", choose(str(kind), words))
