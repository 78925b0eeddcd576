"""What each service's data adds when the model is trained without it, beside how deeply that data intrudes.

Read from the `studies.json` that `sooner train --studies` leaves beside a run (contract `studies`); a run that was not
studied has no such findings. An interval that holds 0 is not a pass: nothing could be shown either way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import file_digest, read_json
from charter.council.register import Register
from charter.errors import DataError
from fairness_reports.audit.measuring.disparities import Side
from fairness_reports.audit.measuring.findings import About, write_figure

__all__ = ["ADDED", "FILE", "read_added_precision"]

FILE = "studies.json"
ADDED = "precision_added"
"""The measure: the share of the list with a later need, with the data minus without it."""


def read_added_precision(run: Path, register: Register, about: About) -> list[dict[str, Any]]:
    """Return one finding for each service left out and one for system responses; none where nothing was studied.

    `note` is how intrusive the register says the service's data is, 1 to 5; `n` and `positives` count the test rows
    with a later need. Raises DataError where the studies are of another run's manifest.
    """
    path = run / FILE
    if not path.exists():
        return []
    document = read_json(path)
    check_document("studies", document)
    if document["inputs"]["run/manifest.json"] != file_digest(run / "manifest.json"):
        raise DataError(f"{FILE} is not of this run.", "Run `sooner train --studies` again.")
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
