"""A new source, need or way of making the order is a new use of data: residents are asked before it lists anybody.

    uses of a model     the services whose records it reads, the needs of its outcome, what makes the order
    asked about         [[engagement]] of engagement.toml, held by today
    in use already      what the release in use does: it was promoted under a signed charter and a signed decision

What is in neither is new. A council that has neither file nor release is one of before: what its signed charter allows
is taken as agreed by those who signed, until its first release.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from charter.contracts.files import find_current, read_json
from charter.council.engagement_file import ENGAGEMENT_FILE, EngagementFile
from charter.errors import SignOffError
from charter.invocation import Invocation

__all__ = ["find_new_uses", "list_uses", "require_engagement", "say_new_uses"]

_TITLES = {"source": "the records of {}", "target": "the need {}", "algorithm": "the order by {}"}

Uses = frozenset[tuple[str, str]]
"""Uses of data as (kind, name): source, target or algorithm, and which."""


def list_uses(definition: Mapping[str, Any], model: str = "") -> Uses:
    """Return the uses of a definition (as JSON values), and of the model that makes the order where one is named."""
    sources = {("source", service) for feature in definition["features"] for service in feature["services"]}
    targets = {("target", part["name"]) for part in definition["outcome"]["components"]}
    return frozenset(sources | targets | ({("algorithm", model)} if model else set()))


def find_new_uses(file: EngagementFile, programme: str, uses: Uses, day: date) -> Uses:
    """Return the uses that no engagement of a programme was about by `day`."""
    return uses - file.list_uses(programme, day)


def require_engagement(invocation: Invocation, definition: Mapping[str, Any], model: str, day: date) -> None:
    """Raise SignOffError where a model would make a new use of real people's data that nobody was asked about."""
    file = EngagementFile.find(invocation.council.folder)
    current = _list_current_uses(invocation)
    if file is None and not current:
        return
    asked = file or EngagementFile()
    new = find_new_uses(asked, invocation.programme, list_uses(definition, model) - current, day)
    if new:
        raise say_new_uses(invocation.programme, new)


def say_new_uses(programme: str, new: Uses) -> SignOffError:
    """Return the refusal of new uses that nobody was asked about."""
    kinds = list(_TITLES)
    ordered = sorted(new, key=lambda use: (kinds.index(use[0]), use[1]))
    names = [_TITLES[kind].format(name) for kind, name in ordered]
    return SignOffError(
        f"lists of {programme} would make a new use of {', '.join(names)}, and no engagement record says who was"
        " asked.",
        f"Ask residents, write an [[engagement]] of it in {ENGAGEMENT_FILE} (when, in what form, who, what it changed),"
        " and promote again; or leave it out.",
    )


def _list_current_uses(invocation: Invocation) -> Uses:
    folder = find_current(invocation.workspace.release)
    if folder is None:
        return frozenset()
    return list_uses(read_json(folder / "definition.json"), str(read_json(folder / "manifest.json")["model"]))
