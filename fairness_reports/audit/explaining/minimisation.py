"""What each service's data adds when the model is trained without it, and which services and pieces of data are needed.

Read from the `studies.json` that `sooner train --studies` leaves beside a run (contract `studies`); a run that was not
studied has no such findings. An interval that holds 0 is not a pass: nothing could be shown either way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import file_digest, read_json
from charter.council.register import Register
from charter.errors import DataError
from charter.rules.data_use import DATA_NEEDED, HELPS, NOT_STUDIED, PIECE_NEEDED, UNREAD
from charter.rules.measures import AS_USED
from fairness_reports.audit.measuring.disparities import Side
from fairness_reports.audit.measuring.findings import About, write_figure
from features.grammar.words import name_piece

__all__ = [
    "ADDED",
    "FILE",
    "describe_smallest",
    "find_last_helped",
    "measure_needed_data",
    "measure_needed_pieces",
    "read_added_precision",
    "read_other_lags",
]

FILE = "studies.json"
ADDED = "precision_added"
"""The measure: the share of the list with a later need, with the data minus without it."""


def read_added_precision(run: Path, register: Register, about: About) -> list[dict[str, Any]]:
    """Return one finding for each service left out and one for system responses; none where nothing was studied.

    `note` is how intrusive the register says the service's data is, 1 to 5; `n` and `positives` count the test rows
    with a later need. Raises DataError where the studies are of another run's manifest.
    """
    document = _read_studies(run)
    if document is None:
        return []
    whole = next(study for study in document["studies"] if study["left_out"] == "nothing")["figures"]
    needs = round((whole["found"]["estimate"] or 0.0) + (whole["missed"]["estimate"] or 0.0))
    about = about.of_measure(ADDED).at_selection("trained again")
    rows = []
    for study in document["studies"]:
        if not study["adds"]:
            continue
        effect, service = study["adds"]["precision"], study["service"]
        interval = None if effect["low"] is None else (effect["low"], effect["high"])
        note = f"intrusiveness {register.source(service).intrusiveness} of 5" if service else "what services did"
        of_part = about.of_component(service or "system_responses").with_note(note)
        rows.append(write_figure(of_part, Side(effect["estimate"], interval, needs, needs, 0, 0)))
    return rows


def measure_needed_data(
    run: Path, register: Register, definition: Mapping[str, Any], reads: Collection[str], model: str
) -> list[dict[str, Any]]:
    """Return one finding for each service that the definition reads: how many fewer of 100 listed without its data.

    Of a studied run, as training refitted and replayed it, one service after the other; else of a service of which the
    model splits on nothing (`reads`) the loss is nothing, and of any other it is not known. The note is the answer.
    Raises DataError where the studies are of another run's manifest.
    """
    minimised = (_read_studies(run) or {}).get("minimised") or {}
    if minimised.get("steps"):
        return [_write_step(step, model) for step in minimised["steps"]]
    read = {
        service for feature in definition["features"] if feature["name"] in reads for service in feature["services"]
    }
    every = sorted({service for feature in definition["features"] for service in feature["services"]})
    every.sort(key=lambda service: -register.source(service).intrusiveness)
    nothing, unknown = {"estimate": 0.0, "low": 0.0, "high": 0.0}, {"estimate": None, "low": None, "high": None}
    return [
        _write_step(
            {
                "service": service,
                "fewer_of_100": unknown if service in read else nothing,
                "answer": NOT_STUDIED if service in read else UNREAD,
            },
            model,
        )
        for service in every
    ]


def measure_needed_pieces(run: Path, definition: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return one finding for each piece of data that the order reads, in the council's words: what it loses without it.

    None where nothing was studied, or before pieces were. Raises DataError where the studies are of another run.
    """
    titles = _list_titles(definition)
    return [
        _write_step(step | {"service": titles.get(step["piece"], step["piece"])}, model, PIECE_NEEDED)
        for step in _read_pieces(run).get("steps", ())
    ]


def describe_smallest(run: Path, definition: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the smallest set of pieces of data, in the council's words, and what the list loses with it alone.

    None where nobody looked. Raises DataError where the studies are of another run's manifest.
    """
    pieces, titles = _read_pieces(run), _list_titles(definition)
    if not pieces:
        return None
    return {
        "kept": [titles.get(piece, piece) for piece in pieces["kept"]],
        "unread": len(pieces["unread"]),
        "fewer_of_100": pieces["fewer_of_100"],
    }


def _read_pieces(run: Path) -> dict[str, Any]:
    return ((_read_studies(run) or {}).get("minimised") or {}).get("pieces") or {}


def _list_titles(definition: Mapping[str, Any]) -> dict[str, str]:
    return {feature["name"]: name_piece(feature) for feature in definition["features"]}


def read_other_lags(run: Path) -> str:
    """Return what would change had records come sooner or later than the register says; empty where nobody looked.

    Raises DataError where the studies are of another run's manifest.
    """
    return str(((_read_studies(run) or {}).get("lags") or {}).get("sentence", ""))


def find_last_helped(audits: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return by service the day of the newest of these findings documents that shows that its data helps."""
    days: dict[str, str] = {}
    for document in audits:
        day = str(document.get("made_at", ""))[:10]
        for row in document["findings"]:
            if (row["measure"], row.get("note")) == (DATA_NEEDED, HELPS):
                days[row["component"]] = max(days.get(row["component"], ""), day)
    return days


def _write_step(step: Mapping[str, Any], model: str, measure: str = DATA_NEEDED) -> dict[str, Any]:
    less = step["fewer_of_100"]
    ends = None if less["low"] is None else (less["low"] / 100, less["high"] / 100)
    about = About(measure, None, model, AS_USED, component=step["service"], note=step["answer"])
    share = None if less["estimate"] is None else less["estimate"] / 100
    return write_figure(about, Side(share, ends, 0, 0, 0, 0), labelled=False)


def _read_studies(run: Path) -> dict[str, Any] | None:
    """Return what `sooner train --studies` left beside a run; None where nothing was studied."""
    path = run / FILE
    if not path.exists():
        return None
    document: dict[str, Any] = read_json(path)
    check_document("studies", document)
    if document["inputs"]["run/manifest.json"] != file_digest(run / "manifest.json"):
        raise DataError(f"{FILE} is not of this run.", "Run `sooner train --studies` again.")
    return document
