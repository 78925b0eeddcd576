"""The register rows that are ready for a format of the sector: TOML to be added to a council's `register.toml`."""

from __future__ import annotations

from importlib.resources import files

from charter.errors import UsageError

__all__ = ["FORMATS", "read_rows"]

FORMATS = {
    "annex_a": "Annex A, the child-level lists for inspection, as a workbook",
    "cin": "Children in Need census, as XML of 2021 to 2026",
    "sen": "Special educational needs, the lists for inspection, as a workbook",
    "ssd": "Standard Safeguarding Dataset, as extracts or tables",
    "ssda903": "SSDA903, children looked after, as CSV files",
}
"""The formats, by the name that is typed; each says in its first lines what it follows, and that it is untried."""


def read_rows(name: str) -> str:
    """Return the rows of a format; raise UsageError for one that is not ready."""
    if name not in FORMATS:
        raise UsageError(f"there are no ready rows for {name!r}.", f"Choose from: {', '.join(FORMATS)}.")
    return files("features.intake.formats").joinpath(f"{name}.toml").read_text(encoding="utf-8")
