"""A room that would come from another distribution is named before anything of it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter import clashes
from charter.clashes import find_clashes, refuse_clashes


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the home of a room `forecasting`, which Python would take from another folder on its path."""
    monkeypatch.setattr(clashes, "ROOMS", ("forecasting",))
    monkeypatch.syspath_prepend(tmp_path / "other")
    (tmp_path / "home" / "forecasting").mkdir(parents=True)
    (tmp_path / "home" / "forecasting" / "__init__.py").write_text("")
    (tmp_path / "other").mkdir()
    return tmp_path


def test_a_package_or_a_module_of_the_same_name_elsewhere_is_a_clash(elsewhere: Path) -> None:
    home = elsewhere / "home"
    (elsewhere / "other" / "forecasting.py").write_text("")
    assert find_clashes(home) == {"forecasting": elsewhere / "other" / "forecasting.py"}
    (elsewhere / "other" / "forecasting.py").unlink()
    (elsewhere / "other" / "forecasting").mkdir()
    (elsewhere / "other" / "forecasting" / "__init__.py").write_text("")
    assert find_clashes(home) == {"forecasting": elsewhere / "other" / "forecasting"}
    with pytest.raises(ImportError, match="another distribution's `forecasting`") as refused:
        refuse_clashes(home)
    assert refused.value.name == "forecasting"
    assert refused.value.path == str(elsewhere / "other" / "forecasting")
    assert "in an environment of its own" in str(refused.value)


def test_a_room_that_is_not_installed_here_clashes_with_nothing(elsewhere: Path) -> None:
    (elsewhere / "other" / "forecasting.py").write_text("")
    refuse_clashes(elsewhere / "nowhere")
    refuse_clashes(elsewhere / "other")
