"""The reference of every file that a council writes, one page a file, from the types that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from charter.council.costs_file import CostsFile
from charter.council.council import Council
from charter.council.engagement_file import EngagementFile
from charter.council.limits import Limits
from charter.council.points_list import PointsFile
from charter.council.practice import Practice
from charter.council.public_file import PublicFile
from charter.council.reading import File
from charter.council.receivers import Receivers
from charter.council.records_file import RecordsFile
from charter.council.register import Register
from charter.council.shape import is_list, keys_of, tables_in, toml_text
from charter.council.sign_in import SignIn
from charter.council.starts_file import StartsFile
from charter.council.training_settings import TrainingFile
from charter.council.trial_design import TrialFile
from charter.council.worklist_settings import WorklistFile
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios
from charter.signing.exchanges import ExchangeFile
from charter.signing.signoffs import SignOffs

__all__ = ["FILES", "file_reference"]

FILES: Mapping[str, type[File]] = {
    "council": Council,
    "charter": Policy,
    "register": Register,
    "scenarios": Scenarios,
    "practice": Practice,
    "receivers": Receivers,
    "public": PublicFile,
    "records": RecordsFile,
    "trial": TrialFile,
    "starts": StartsFile,
    "exchange": ExchangeFile,
    "costs": CostsFile,
    "engagement": EngagementFile,
    "sign_in": SignIn,
    "limits": Limits,
    "training": TrainingFile,
    "worklist": WorklistFile,
    "points": PointsFile,
    "signoffs": SignOffs,
}
"""Every TOML file of a council and of a programme, and what `sooner sign` leaves, by its name without `.toml`."""

_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}
_FORMATS = {"date": "date", "date-time": "date and time"}


def file_reference(name: str) -> str:
    """Return the page of one file: each of its tables, and of each key its kind, default, meaning and an example."""
    kind = FILES[name]
    lines = [f"# {name}.toml\n", f"{kind.heading}\n", f"Who must sign a change: {kind.signed_by}\n"]
    for title, table in _tables(kind, ""):
        if title:
            lines.append(f"## {title}\n")
            lines.append(f"{(table.__doc__ or '').strip().splitlines()[0]}\n")
        lines.append("| key | kind | default | meaning | example |\n|---|---|---|---|---|")
        properties = _properties(table)
        lines += [_row(key, field, properties.get(key, {})) for key, field in keys_of(table).items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _tables(kind: type[BaseModel], above: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each table of a file with its heading as it stands in the file, the file's own keys first."""
    yield above, kind
    for key, field in keys_of(kind).items():
        for table in tables_in(field.annotation):
            path = f"{above.strip('`[]')}.{key}".strip(".")
            yield from _tables(table, f"`[[{path}]]`" if is_list(field.annotation) else f"`[{path}]`")


def _properties(table: type[BaseModel]) -> Mapping[str, Mapping[str, object]]:
    return dict(table.model_json_schema(by_alias=True).get("properties", {}))


def _row(key: str, field: FieldInfo, schema: Mapping[str, object]) -> str:
    example = f"`{_cell(toml_text(field.examples[0]))}`" if field.examples else ""
    return f"| `{key}` | {_kind(field, schema)} | {_default(field)} | {_cell(field.description or '')} | {example} |"


def _kind(field: FieldInfo, schema: Mapping[str, object]) -> str:
    if tables_in(field.annotation):
        return "tables" if is_list(field.annotation) else "table"
    options = [schema, *_listed(schema.get("anyOf")), *_listed(schema.get("allOf"))]
    words = next((_words(option) for option in options if option.get("enum")), "")
    if words:
        return words
    for option in options:
        name = str(option.get("type", ""))
        if name:
            kind = _FORMATS.get(str(option.get("format", "")), _KINDS.get(name, name))
            return f"{kind}{_bounds(option)}"
    return "value"


def _words(schema: Mapping[str, object]) -> str:
    return "one of " + ", ".join(f"`{_cell(str(word))}`" for word in _values(schema.get("enum")))


def _values(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _listed(value: object) -> list[Mapping[str, object]]:
    return [option for option in _values(value) if isinstance(option, dict)]


def _bounds(schema: Mapping[str, object]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    bounds = [f"{word} {schema[name]:g}" for name, word in words.items() if isinstance(schema.get(name), int | float)]
    return f", {' '.join(bounds)}" if bounds else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    default = field.get_default(call_default_factory=False)
    if default is None or isinstance(default, BaseModel) or default in ("", (), frozenset(), {}):
        return "may be left out"
    return f"`{_cell(toml_text(sorted(default) if isinstance(default, frozenset) else default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
