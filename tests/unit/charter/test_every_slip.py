"""Every key of every file that a council writes, dropped, misspelt, of another kind and out of its range.

A dropped optional key takes its documented default; everything else is refused with its file and its key. Nothing ends
in a traceback and nothing is silent. The slips are made from the shipped files and the types that read them.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

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
from charter.council.shape import keys_of, kind_tag, tables_in
from charter.council.sign_in import SignIn
from charter.council.training_settings import TrainingFile
from charter.council.worklist_settings import WorklistFile
from charter.errors import SoonerError
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios

Steps = tuple[str | int, ...]

FILES: Mapping[str, type[File]] = {
    "council.toml": Council,
    "charter.toml": Policy,
    "register.toml": Register,
    "scenarios.toml": Scenarios,
    "practice.toml": Practice,
    "receivers.toml": Receivers,
    "public.toml": PublicFile,
    "records.toml": RecordsFile,
    "sign_in.toml": SignIn,
    "costs.toml": CostsFile,
    "engagement.toml": EngagementFile,
    "limits.toml": Limits,
    "early_help/training.toml": TrainingFile,
    "early_help/worklist.toml": WorklistFile,
    "early_help/points.toml": PointsFile,
    "homelessness/training.toml": TrainingFile,
    "homelessness/worklist.toml": WorklistFile,
}
LONGEST = "register.toml"
"""The one file whose rows are many and stand by themselves: it is tried with one row for each key."""
LEAST_SLIPS = 1_000
NEEDED_BY_ANOTHER = {
    "floor",
    "floor_of_overall",
    "ceiling",
    "ceiling_of_overall",
    "minimum_positives",
    "characteristic",
    "groups",
}
"""Keys of a gate that its measure or comparison needs: optional in general, refused by their name where they lack."""
DERIVED = {"folder"}
"""Keys whose default is another key's value: a source's folder is its service's name."""


@dataclass(frozen=True)
class Key:
    """One key of a file: the steps that lead to it, and its table's type."""

    steps: Steps
    table: type[BaseModel]

    @property
    def name(self) -> str:
        return str(self.steps[-1])


@dataclass(frozen=True)
class Slip:
    """A changed file: what was done to which key."""

    key: Key
    what: str
    raw: Mapping[str, Any]


def keys_in(raw: Mapping[str, Any], table: type[BaseModel], steps: Steps = ()) -> Iterator[Key]:
    """Yield every key of every table that a file holds, as its types know it."""
    fields = keys_of(table)
    for name, value in raw.items():
        yield Key((*steps, name), table)
        below = tables_in(fields[name].annotation)
        rows = value if isinstance(value, list) else [value]
        for number, row in enumerate(rows):
            if below and isinstance(row, dict):
                kind = next((one for one in below if kind_tag(one) and kind_tag(one) == row.get("kind")), below[0])
                yield from keys_in(row, kind, (*steps, name, *((number,) if isinstance(value, list) else ())))


def first_of_each(keys: Iterator[Key]) -> list[Key]:
    """Keep one key for each name of each table: the same slip in the next row shows nothing more."""
    kept: dict[tuple[type[BaseModel], str], Key] = {}
    for key in keys:
        kept.setdefault((key.table, key.name), key)
    return list(kept.values())


def shortened(raw: Any, keys: Sequence[Key], steps: Steps = ()) -> Any:
    """Return a file without those rows of its tables that hold none of the keys: each slip is read whole again."""
    if isinstance(raw, dict):
        return {name: shortened(value, keys, (*steps, name)) for name, value in raw.items()}
    if isinstance(raw, list) and raw and isinstance(raw[0], dict):
        below = len(steps)
        numbers = {key.steps[below] for key in keys if key.steps[:below] == steps and len(key.steps) > below}
        return [shortened(row, keys, (*steps, number)) for number, row in enumerate(raw) if number in numbers]
    return raw


def changed(raw: Mapping[str, Any], steps: Steps, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return a copy in which the table that holds the key was changed; what lies beside its steps is shared."""
    whole: Any = dict(raw)
    table: Any = whole
    for step in steps[:-1]:
        table[step] = copy.copy(table[step])
        table = table[step]
    change(table)
    return whole


def other_kinds(value: Any, whole: bool) -> list[Any]:
    """Return values of kinds that the key does not have, those among them that a loose reader would take."""
    if isinstance(value, bool):
        return ["false", "true", 0, 1, []]
    if isinstance(value, int):
        return [str(value), True, [value], *([value + 0.5] if whole else [])]
    if isinstance(value, float):
        return [str(value), True, [value]]
    if isinstance(value, str):
        return [7, True, [value], {"text": value}]
    if isinstance(value, datetime | date):
        return [value.isoformat(), 20260101, True]
    return ["text", 3, True]


@cache
def properties_of(table: type[BaseModel]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = table.model_json_schema(by_alias=True)["properties"]
    return properties


def out_of_range(key: Key) -> list[float]:
    schema = properties_of(key.table).get(key.name, {})
    options = [schema, *schema.get("anyOf", [])]
    lows = [option[name] for option in options for name in ("minimum", "exclusiveMinimum") if name in option]
    highs = [option[name] for option in options for name in ("maximum", "exclusiveMaximum") if name in option]
    return [low - 1 for low in lows] + [high + 1 for high in highs]


def read_shipped(name: str) -> dict[str, Any]:
    """Return a shipped file as TOML has it, the longest one without rows that show nothing more."""
    raw = tomllib.loads((shipped_council() / name).read_text(encoding="utf-8"))
    whole: dict[str, Any] = shortened(raw, first_of_each(keys_in(raw, FILES[name]))) if name == LONGEST else raw
    return whole


def slips_of(raw: Mapping[str, Any], key: Key) -> Iterator[Slip]:
    value: Any = raw
    for step in key.steps:
        value = value[step]
    name = key.name
    yield Slip(key, "dropped", changed(raw, key.steps, lambda table: table.pop(name)))
    yield Slip(key, "misspelt", changed(raw, key.steps, lambda table: table.update({f"{name}x": table.pop(name)})))
    whole = "float" not in str(keys_of(key.table)[name].annotation)
    for other in other_kinds(value, whole):
        yield Slip(key, f"is {other!r}", changed(raw, key.steps, lambda table, to=other: table.update({name: to})))
    for beyond in out_of_range(key):
        yield Slip(key, f"is {beyond!r}", changed(raw, key.steps, lambda table, to=beyond: table.update({name: to})))


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)} = {toml(item)}' for name, item in value.items())}}}"
    return repr(value)


def write(path: Path, raw: Mapping[str, Any]) -> None:
    path.write_text("".join(f"{json.dumps(name)} = {toml(value)}\n" for name, value in raw.items()), encoding="utf-8")


def value_at(model: Any, steps: Steps) -> Any:
    """Follow the keys of a file through the values that were read from it."""
    for step in steps:
        if isinstance(step, int):
            model = model[step]
        else:
            fields = {str(field.validation_alias or name): name for name, field in type(model).model_fields.items()}
            model = getattr(model, fields[step])
    return model


def judge(slip: Slip, kind: type[File], path: Path) -> str:
    """Return what is wrong with how a slip was met, or nothing."""
    write(path, slip.raw)
    field = keys_of(slip.key.table)[slip.key.name]
    try:
        value = kind.read(path)
    except SoonerError as error:
        optional = not field.is_required() and slip.key.name not in NEEDED_BY_ANOTHER
        if slip.what == "dropped" and optional and "lacks" in error.message:
            return "is optional, and its absence was refused"
        said = f"{error.message} {error.next_step}"
        return "" if path.name in said and slip.key.name in said else f"was refused without its key: {error.message}"
    if slip.what != "dropped":
        return "was taken in silence"
    if field.is_required():
        return "must be given, and its absence was taken in silence"
    default = field.get_default(call_default_factory=True)
    if slip.key.name in DERIVED:
        return ""
    if default is PydanticUndefined or value_at(value, slip.key.steps) != default:
        return f"did not take its default {default!r}"
    return ""


@pytest.mark.parametrize("name", FILES)
def test_every_slip_is_refused_by_file_and_key_or_takes_its_default(name: str, tmp_path: Path) -> None:
    raw, kind = read_shipped(name), FILES[name]
    path = tmp_path / Path(name).name
    write(path, raw)
    kind.read(path)  # as it is, it is good
    slips = [slip for key in first_of_each(keys_in(raw, kind)) for slip in slips_of(raw, key)]
    assert len(slips) > 20
    faults = [f"{slip.key.steps} {slip.what}: {fault}" for slip in slips if (fault := judge(slip, kind, path))]
    assert faults == []


def test_there_are_slips_enough() -> None:
    count = 0
    for name, kind in FILES.items():
        raw = read_shipped(name)
        count += sum(1 for key in first_of_each(keys_in(raw, kind)) for _ in slips_of(raw, key))
    assert count >= LEAST_SLIPS


@pytest.mark.parametrize("word", ['shown = "false"', "show = false", "shown = 0", "shown = []"])
def test_a_slip_never_shows_a_list(word: str, tmp_path: Path) -> None:
    text = (shipped_council() / "early_help" / "worklist.toml").read_text(encoding="utf-8")
    path = tmp_path / "worklist.toml"
    assert "\n[list]\n" in text
    lines: Sequence[str] = text.replace("\n[list]\n", f"\n[list]\n{word}\n", 1).splitlines()
    once = [line for line in lines if not line.startswith("shown") or line == word]
    path.write_text("\n".join(once), encoding="utf-8")
    with pytest.raises(SoonerError, match=r"worklist\.toml"):
        WorklistFile.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "table", "key"),
    [
        ("council.toml", "area", "code"),
        ("council.toml", "team", "id"),
        ("early_help/training.toml", "bands", "id"),
        ("early_help/worklist.toml", "decision", "id"),
    ],
)
def test_two_rows_of_one_name_are_refused(name: str, table: str, key: str, tmp_path: Path) -> None:
    text = (shipped_council() / name).read_text(encoding="utf-8")
    row = re.search(rf"^\[\[{table}\]\]\n(?:[^\[\n].*\n)+", text, re.MULTILINE)
    assert row
    path = tmp_path / Path(name).name
    path.write_text(f"{text}\n{row[0]}", encoding="utf-8")
    with pytest.raises(SoonerError, match=rf"has two \[\[{table}\]\] with {key} = "):
        FILES[name].read(path)
