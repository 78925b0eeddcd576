"""The page of refusals quotes what the code says: a sentence that nobody says any more misleads whoever looks it up."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/when-it-refuses.md"
ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "sooner")


def test_every_refusal_on_the_page_is_said_somewhere() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.read_text(encoding="utf-8"), flags=re.M)
    quoted = [sentence.strip() for row in rows for sentence in re.findall(r"`(.*?)`", row)]
    assert len(quoted) > 12
    assert [sentence for sentence in quoted if sentence not in code] == []
