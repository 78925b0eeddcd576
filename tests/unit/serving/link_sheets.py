"""What `link` and `sooner link blind draw` leave for serving: sheets of pairs, and whose a service's references are."""

from __future__ import annotations

import shutil

from charter.contracts.files import set_current
from charter.contracts.reference_index import write_references
from charter.vault.blind_pairs import DrawnPair, keep_sample
from charter.vault.link_sheets import BLIND_SHEET, LINK_SHEET, LinkSheet, SaidOfPerson, replace_sheets
from charter.vault.vault import Vault
from serving.desk import Desk
from tests.unit.serving.conftest import ROOT

__all__ = ["PAIR", "leave_pairs", "leave_reference", "make_sheet", "open_vault"]


def make_sheet(number: int, weight: float | None = None) -> LinkSheet:
    """Return the sheet of a pair; of one that is read blind it says nothing of how alike."""
    one, other = f"{number:012x}".ljust(32, "a"), f"{number:012x}".ljust(32, "b")
    sides = (
        (SaidOfPerson("education", "ADA MARSH", "1980-02-01", "female", "1 High Street"),
         SaidOfPerson("housing", "Ada Marsh", "", "", "1 High Street")),
        (SaidOfPerson("social_care", f"A Marsh-{number}", "1980-02-11", "", "protected address"),),
    )  # fmt: skip
    agreement = (("Forename alike", 2.5), ("Surname same", 9.8), ("Date of birth differs", -5.1)) if weight else ()
    return LinkSheet((one, other), (one, other), ("p1", "p2"), sides, agreement, weight, "close" if weight else "")


PAIR = make_sheet(1, 1.5).name


def open_vault(desk: Desk) -> Vault:
    return Vault.open(desk.invocation.workspace.vault, desk.key)


def leave_pairs(desk: Desk, waiting: int = 2, drawn: int = 3) -> None:
    """Leave pairs that wait for a person, the likeliest first in the order of their numbers, and a sample to read."""
    vault = open_vault(desk)
    replace_sheets(vault, LINK_SHEET, [make_sheet(number, 2.5 - number) for number in range(1, waiting + 1)])
    sheets = [make_sheet(100 + number) for number in range(drawn)]
    replace_sheets(vault, BLIND_SHEET, sheets)
    pairs = [DrawnPair(sheet.pair, "joined: certain", place, True) for place, sheet in enumerate(sheets)]
    keep_sample(vault, pairs, {"joined: certain": (drawn, 10 * drawn)}, "snapshot1", 1)


def leave_reference(desk: Desk, person: str) -> str:
    """Let the council housing service's reference be somebody's; return it."""
    reference, store = f"T-{person}", desk.invocation.workspace.store
    tables = store / "snapshot1" / "tables"
    if not tables.exists():
        tables.mkdir(parents=True)
        set_current(store, "snapshot1")
        shutil.copy(ROOT / "council" / "register.toml", desk.invocation.council.folder / "register.toml")
    write_references(tables, [(desk.key.pseudonym("reference", "housing", reference), person)])
    return reference
