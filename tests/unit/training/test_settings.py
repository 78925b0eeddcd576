from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from charter.council.training_settings import TrainingFile, TrainingSettings
from charter.errors import DefinitionError

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = [ROOT / "council/early_help/training.toml", ROOT / "examples/course/completion/training.toml"]


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write the shipped training.toml with one piece of text replaced, and return its folder."""

    def edit(old: str, new: str) -> Path:
        text = SHIPPED[0].read_text(encoding="utf-8")
        assert old in text, "the shipped file no longer says this"
        (tmp_path / "training.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
        return tmp_path

    return edit


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_files_are_whole(path: Path) -> None:
    assert TrainingFile.load(path.parent).bands[-1].from_score == 0


def test_settings_read_back_what_a_run_stored() -> None:
    settings = TrainingFile.load(SHIPPED[0].parent)
    document = json.loads(json.dumps(settings.as_document()))
    stored = TrainingSettings.of(document)
    assert "as_of" not in document
    assert stored.as_document() == settings.as_document()
    assert stored.search.ranges == settings.search.ranges


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("trees = 150", "tress = 150", "[lightgbm] has an unknown key 'tress'. Did you mean 'trees'?"),
        ("row_share = 0.8", "row_share = 0.0", "'row_share' of [lightgbm] is 0.0, and must be above 0"),
        ("count = 4\ndates = 3\nfinal = 3", "count = 0\nfinal = 0", "[folds] has count and final both 0"),
        ('"points", "logistic"', '"points", "oracle"', "'compare' of [models] holds 'oracle', which is not known"),
        ('"points", "logistic", "lightgbm"]', "]", "'release' of [models] must be among those compared"),
        ('release = "recommended"', 'release = "random"', "'release' of [models] is 'random', which is not known"),
        (
            'unchanging = "leave_out"',
            'unchanging = "ignore"',
            'is "ignore", which is not known',
        ),
        ("rules = 10", "rules = 0", "'rules' of [points] is 0, and must be at least 1"),
        ("l2 = 20.0", "l2 = 0.0", "'l2' of [logistic] is 0.0, and must be above 0"),
        ("resamples = 1000", "resamples = 10", "'resamples' of [bootstrap] is 10, and must be at least 100"),
        ("leaves = [4, 31]", "leaves = [31, 4]", "'leaves' of [search] is [31, 4], not from above 0 upwards"),
        ("[folds]", "[optimiser]\n[folds]", "training.toml has an unknown key 'optimiser'"),
        ("first = 2020-09-01", 'first = "2020-09-01"', "'first' of [as_of] is \"2020-09-01\", not a date"),
        ("first = 2020-09-01\n", "", "[as_of] states no dates"),
        ("from_score = 0.0\n", "from_score = 0.1\n", "down to one of 0.0"),
        ('title = "Very likely"', 'title = "High ' + 'risk"', "Write need or likelihood"),
    ],
)
def test_a_value_that_makes_no_sense_names_its_section_and_rule(
    edited: Callable[[str, str], Path], old: str, new: str, says: str
) -> None:
    with pytest.raises(DefinitionError, match=re.escape(says)) as refused:
        TrainingFile.load(edited(old, new))
    assert refused.value.exit_code == 10


def test_a_score_on_the_line_has_the_higher_band() -> None:
    settings = TrainingFile.load(SHIPPED[0].parent)
    first = settings.bands[0]
    assert settings.band_of(first.from_score) == first
    assert settings.band_of(0.0) == settings.bands[-1]
