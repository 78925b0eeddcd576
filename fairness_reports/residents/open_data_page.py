"""What the page on open data shows: what is published to be used again, what was asked for, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from charter.clocks import INFORMATION_DAYS, add_working_days
from charter.contracts.files import read_json
from charter.council.public_file import DataRequest
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from fairness_reports.maps.open_data import write_datasets
from fairness_reports.residents.made_up_borough import copy_borough, list_borough
from fairness_reports.residents.public_counts import COUNTS, read_index
from fairness_reports.residents.savvi_model import SAVVI

__all__ = ["copy_open_data", "describe_open_data"]


def describe_open_data(invocation: Invocation, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sets of data with their files, and each request with its answer; `records` are those of the site."""
    return {
        "days": INFORMATION_DAYS,
        "sets": [_describe_set(name, folder) for name, folder in _list_sets(invocation)],
        "maps": [_describe_set(name, folder) for name, folder in _list_maps(invocation)],
        "catalogue": bool(_list_sets(invocation)) or (_find_counts(invocation) / "data.json").exists(),
        "records": [{**record, "csv": _find_csv(record)} for record in records if not record["hidden"]],
        "counts": [_describe_counts(row) for row in read_index(invocation).get("tables", ())],
        "requests": [_describe_request(row, invocation.today) for row in invocation.public.data_requests],
    }


def copy_open_data(invocation: Invocation, records: Sequence[dict[str, Any]], site: Path) -> None:
    """Copy the files of every set into `data/` of the site; raise DataError where the made-up borough isn't whole."""
    for name, folder in _list_own_sets(invocation):
        shutil.copytree(folder, site / "data" / name)
    for name, _ in list_borough(invocation):
        copy_borough(invocation, name, site / "data" / name)
    if read_index(invocation):
        shutil.copytree(_find_counts(invocation), site / "data" / COUNTS)
    for record in records:
        if record["hidden"]:
            continue
        target = site / _find_csv(record)
        target.parent.mkdir(exist_ok=True)
        source = invocation.workspace.root / "published" / record["programme"] / f"{record['kind']}.csv"
        shutil.copyfile(source, target)
    _write_catalogue(invocation, site / "data")
    for path in [site / "data", *(site / "data").rglob("*")]:
        if path.exists():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _find_counts(invocation: Invocation) -> Path:
    return invocation.workspace.releases.parent / COUNTS


def _write_catalogue(invocation: Invocation, data: Path) -> None:
    """Write one catalogue of every set in `data/`, for whoever harvests one address; none where there is no set."""
    base = invocation.public.site.rstrip("/")
    datasets = []
    for path in sorted(data.glob("*/data.json")):
        within = f"{base}/data/{path.parent.name}/" if base else f"{path.parent.name}/"
        for dataset in read_json(path)["dataset"]:
            files = [{**row, "downloadURL": f"{within}{row['downloadURL']}"} for row in dataset["distribution"]]
            datasets.append({**dataset, "distribution": files})
    if datasets:
        write_datasets(data / "data.json", datasets)


def _list_sets(invocation: Invocation) -> list[tuple[str, Path]]:
    """Return the folder of each set that has a catalogue of its own, by what it is called below `data/`."""
    return [*_list_own_sets(invocation), *list_borough(invocation)]


def _list_own_sets(invocation: Invocation) -> list[tuple[str, Path]]:
    model = invocation.workspace.root / "published" / SAVVI
    return [*_list_maps(invocation), *([(SAVVI, model)] if model.exists() else ())]


def _list_maps(invocation: Invocation) -> list[tuple[str, Path]]:
    folders = sorted(path.parent for path in invocation.workspace.maps.glob("*/public/data.json"))
    return [(folder.parent.name, folder) for folder in folders]


def _describe_set(name: str, folder: Path) -> dict[str, Any]:
    (dataset,) = read_json(folder / "data.json")["dataset"]
    files = [{"link": f"data/{name}/{row['downloadURL']}", "title": row["title"]} for row in dataset["distribution"]]
    return {
        "title": dataset["title"],
        "words": dataset["description"],
        "files": [*files, {"link": f"data/{name}/data.json", "title": "Catalogue (DCAT)"}],
    }


def _describe_counts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a table of counts with its files; its last day is the day before `until`."""
    first, last = (date.fromisoformat(row["from"]), date.fromisoformat(row["until"]) - timedelta(days=1))
    span = say_day(first) if first == last else f"{say_day(first)} to {say_day(last)}"
    named = f"data/{COUNTS}/{row['id']}"
    return {"counted": _capital(row["counted"]), "by": " and ".join(row["dimensions"]), "span": span, "file": named}


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _find_csv(record: dict[str, Any]) -> str:
    return f"data/{record['kind'].replace('_', '-')}-{record['programme']}.csv"


def _describe_request(row: DataRequest, today: date) -> dict[str, str]:
    due = add_working_days(row.on, INFORMATION_DAYS)
    if row.answered_on is None:
        words = f"Not answered yet; {'was due' if due < today else 'due'} by {say_day(due)}."
    else:
        late = "" if row.answered_on <= due else f", late: it was due by {say_day(due)}"
        words = f"{row.answer.capitalize()} ({say_day(row.answered_on)}{late}). {row.why}"
    return {"asked": row.asked, "on": say_day(row.on), "words": words, "link": row.link}
