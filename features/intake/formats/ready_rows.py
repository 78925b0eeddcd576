"""The register rows that are ready for a format of the sector: TOML to be added to a council's `register.toml`."""

from __future__ import annotations

from importlib.resources import files

from charter.errors import UsageError

__all__ = ["FORMATS", "read_rows"]

FORMATS = {
    "annex_a": "Annex A, the child-level lists for inspection, as a workbook",
    "cin": "Children in Need census, as XML of 2021 to 2026",
    "council_tax": "Council tax, arrears and support, as CSV extracts; disabled until its restriction is answered for",
    "early_help": "Early help contacts and episodes, as CSV extracts",
    "h_clic": "Homelessness cases by the sections of H-CLIC, as CSV extracts",
    "housing_rents": "Rents and arrears of the council's homes, as CSV extracts",
    "school_census": "School census tables, 2015 to 2026, as CSV",
    "sen": "Special educational needs, the lists for inspection, as a workbook",
    "sen2": "SEN2, the person-level return on plans, as XML of 2023 to 2026",
    "ssd": "Standard Safeguarding Dataset, as extracts or tables",
    "ssd_json": "The daily payload to the Department for Education, as JSON",
    "ssda903": "SSDA903, children looked after, as CSV files",
}
"""The formats, by the name that is typed; each says in its first lines what it follows, and that it is untried."""


def read_rows(name: str) -> str:
    """Return the rows of a format; raise UsageError for one that is not ready."""
    if name not in FORMATS:
        raise UsageError(f"there are no ready rows for {name!r}.", f"Choose from: {', '.join(FORMATS)}.")
    return files("features.intake.formats").joinpath(f"{name}.toml").read_text(encoding="utf-8")
