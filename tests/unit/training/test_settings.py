from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from charter.errors import DefinitionError
from training.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = [ROOT / "council/early_help/training.toml", ROOT / "tests/councils/oulad_aaa/completion/training.toml"]


def shipped() -> dict[str, Any]:
    return tomllib.loads(SHIPPED[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_files_are_whole(path: Path) -> None:
    settings = Settings.of(tomllib.loads(path.read_text(encoding="utf-8")))
    assert settings.bands[-1].from_score == 0


def test_settings_read_back_what_a_run_stored() -> None:
    settings = Settings.of(shipped())
    assert Settings.of(json.loads(json.dumps(settings.as_document()))) == settings


@pytest.mark.parametrize(
    ("section", "change", "says"),
    [
        ("lightgbm", {"tress": 5}, "tress is not a key"),
        ("lightgbm", {"row_share": 0.0}, "shares lie in"),
        ("folds", {"count": 0, "final": 0}, "both 0"),
        ("models", {"compare": ["points", "oracle"]}, "not oracle"),
        ("models", {"compare": ["random"]}, "must be among"),
        ("models", {"release": "random"}, "not random"),
        ("models", {"unchanging": "ignore"}, "refuse or leave_out"),
        ("points", {"rules": 0}, "at least 1"),
        ("logistic", {"l2": 0.0}, "above 0"),
        ("bootstrap", {"resamples": 10}, "at least 100"),
    ],
)
def test_a_value_that_makes_no_sense_names_its_section_and_rule(
    section: str, change: dict[str, Any], says: str
) -> None:
    raw = shipped()
    raw[section] |= change
    with pytest.raises(DefinitionError, match=says) as refused:
        Settings.of(raw)
    assert f"[{section}]" in refused.value.message
    assert refused.value.exit_code == 10


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is not a section"):
        Settings.of(shipped() | {"optimiser": {}})


def test_bands_must_cover_every_listed_household() -> None:
    raw = shipped()
    raw["bands"] = raw["bands"][:-1]
    with pytest.raises(DefinitionError, match=r"down to one of 0\.0"):
        Settings.of(raw)


def test_a_band_speaks_of_likelihood() -> None:
    raw = shipped()
    raw["bands"][0]["meaning"] = "High " + "risk of need."
    with pytest.raises(DefinitionError, match="likelihood"):
        Settings.of(raw)


def test_a_score_on_the_line_has_the_higher_band() -> None:
    settings = Settings.of(shipped())
    first = settings.bands[0]
    assert settings.band_of(first.from_score) == first
    assert settings.band_of(0.0) == settings.bands[-1]
