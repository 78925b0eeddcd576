"""Three CSV files and a spreadsheet of a made-up housing association, for docs/tutorial/own_data.md.

    python examples/tenants/make_files.py deliveries

Tenants whose rent falls behind are visited, some are helped by it, and some get a notice. Nobody in it exists.
"""

from __future__ import annotations

import csv
import json
import math
import random
import sys
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

TENANTS = 1_500
FIRST, LAST = date(2019, 1, 1), date(2026, 9, 30)
SOUNDS = ("ba", "lo", "mi", "ter", "van", "so", "ri", "nel", "ka", "du", "fen", "jo", "pa", "wyn", "ul", "es")

Row = Sequence[str]


def make_files(folder: Path, seed: int = 1) -> None:
    """Write each service's files into a folder of its own below `folder`, with what the delivery covers."""
    chance = random.Random(seed)  # noqa: S311 made-up tenants have no secret
    tenants: list[Row] = []
    letters: list[Row] = []
    repairs: list[Row] = []
    visits: list[Row] = []
    for number in range(TENANTS):
        tenant = f"T{number:05d}"
        tenants.append(_make_tenant(chance, tenant, number))
        _live(chance, tenant, letters, repairs, visits)
    _write_csv(
        folder / "tenancies/tenants.csv",
        ("tenant_ref", "forename", "surname", "date_of_birth", "uprn", "tenancy_start", "recorded_on"),
        tenants,
    )
    _write_csv(folder / "rents/letters.csv", ("letter_id", "tenant_ref", "letter_date", "step", "recorded_on"), letters)
    _write_csv(
        folder / "repairs/reports.csv", ("report_id", "tenant_ref", "reported_on", "kind", "recorded_on"), repairs
    )
    _write_workbook(
        folder / "support/visits.xlsx", ("visit_id", "tenant_ref", "visit_date", "came_of_it", "recorded_on"), visits
    )
    for service in ("tenancies", "rents", "repairs", "support"):
        delivery = {
            "schema_version": 1,
            "service": service,
            "covers_from": FIRST.isoformat(),
            "covers_to": (LAST + timedelta(days=1)).isoformat(),
            "received_at": (LAST + timedelta(days=1)).isoformat(),
            "synthetic": True,
        }
        (folder / service / "delivery.json").write_text(json.dumps(delivery, indent=1), encoding="utf-8")


def _make_tenant(chance: random.Random, tenant: str, number: int) -> Row:
    names = ["".join(chance.choice(SOUNDS) for _ in range(chance.randint(2, 3))).title() for _ in range(2)]
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(23_000))
    start = FIRST + timedelta(days=chance.randrange(200))
    return (tenant, *names, _day(born), f"{100_000_000_000 + number}", _day(start), _day(start))


def _live(chance: random.Random, tenant: str, letters: list[Row], repairs: list[Row], visits: list[Row]) -> None:
    """Take a tenant through the months: trouble comes and goes, services see some of it, and write it down later."""
    trouble, level, frail = chance.gauss(-2.2, 1.0), 0.0, chance.random()
    month = FIRST + timedelta(days=210)
    while month < LAST - timedelta(days=31):
        level = 0.85 * level + chance.gauss(0.0, 0.55)
        odds = 1 / (1 + math.exp(-(trouble + level)))
        if chance.random() < 0.5 * odds:
            step = "notice" if chance.random() < 0.25 * odds + 0.02 else "letter"
            letters.append(_row(chance, f"L{len(letters)}", tenant, month, step, late=4))
        if chance.random() < 0.05 + 0.12 * odds + 0.05 * frail:
            kind = chance.choice(("heating", "damp", "lock", "other"))
            repairs.append(_row(chance, f"R{len(repairs)}", tenant, month, kind, late=1))
        if chance.random() < 0.12 * odds:
            came = chance.choice(("spoke", "spoke", "nobody in"))
            visits.append(_row(chance, f"V{len(visits)}", tenant, month, came, late=9))
            level -= 0.6 * (came == "spoke")
        month += timedelta(days=30)


def _row(chance: random.Random, number: str, tenant: str, month: date, what: str, *, late: int) -> Row:
    day = month + timedelta(days=chance.randrange(28))
    return (number, tenant, _day(day), what, _day(min(day + timedelta(days=chance.randint(0, late)), LAST)))


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _write_csv(path: Path, header: Row, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])


def _write_text(cell: str) -> str:
    return f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'


def _write_workbook(path: Path, header: Row, rows: Iterable[Row]) -> None:
    """Write the smallest workbook that a spreadsheet opens: one sheet, every cell a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = "".join("<row>" + "".join(map(_write_text, row)) + "</row>" for row in (header, *rows))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        f'PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override '
        f'PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Visits" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package_file:
        for name, text in parts.items():
            package_file.writestr(name, text)


if __name__ == "__main__":
    make_files(Path(sys.argv[1] if len(sys.argv) > 1 else "deliveries"))
