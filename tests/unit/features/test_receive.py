"""What services leave in a drop folder is taken in by the strict door, and each delivery is answered."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from charter.contracts.files import writer_lock
from charter.errors import DataError, UsageError
from features.receive import Receipt, receive_deliveries
from tests.unit.features.conftest import Town


@pytest.fixture
def inbox(town: Town, tmp_path: Path) -> Path:
    """Lay the town's housing deliveries side by side, and give an empty drop folder."""
    housing = town.workspace / "extracts/housing"
    shutil.move(housing, tmp_path / "aside")
    housing.mkdir()
    shutil.move(tmp_path / "aside", housing / "2024-09")
    folder = tmp_path / "inbox"
    (folder / "housing").mkdir(parents=True)
    town.pull()
    return folder


def leave(town: Town, inbox: Path, name: str, day: str, arrears: str = "") -> Path:
    """Leave a delivery that was received on a day: the last one, with more arrears."""
    folder = inbox / "housing" / name
    shutil.copytree(town.workspace / "extracts/housing/2024-09", folder)
    statement = json.loads((folder / "delivery.json").read_text(encoding="utf-8"))
    statement |= {"covers_to": day, "received_at": f"{day}T08:00:00+00:00"}
    path = folder / "arrears.csv"
    path.write_text(path.read_text(encoding="utf-8") + arrears, encoding="utf-8")
    (folder / "delivery.json").write_text(json.dumps(statement), encoding="utf-8")
    return folder


def receive(town: Town, inbox: Path) -> list[Receipt]:
    with writer_lock(town.workspace):
        return receive_deliveries(town.invocation, inbox)


def report(inbox: Path, name: str) -> dict[str, object]:
    return dict(json.loads((inbox / "housing" / f"{name}.report.json").read_text(encoding="utf-8")))


GOOD = "A90,H1,01/09/2024,10.00,letter,02/09/2024,\n"
BAD = "".join(f"B{number},H1,Quillfeather,10.00,letter,02/09/2024,\n" for number in range(40))


def test_a_delivery_is_accepted_with_its_counts_and_moves_to_the_extracts(town: Town, inbox: Path) -> None:
    folder = leave(town, inbox, "2024-10", "2024-10-01", GOOD)
    (receipt,) = receive(town, inbox)
    assert receipt.accepted
    told = report(inbox, "2024-10")
    assert (told["state"], told["snapshot"]) == ("accepted", town.snapshots[-1].name)
    files = told["files"]
    assert isinstance(files, dict)
    assert files["housing/2024-10/arrears.csv"]["kept"] == 1
    assert not folder.exists()
    assert (town.workspace / "extracts/housing/2024-10/delivery.json").exists()
    assert receive(town, inbox) == []


def test_a_bad_delivery_holds_up_no_other_and_is_told_why_without_a_value(town: Town, inbox: Path) -> None:
    bad = leave(town, inbox, "2024-10", "2024-10-01", BAD)
    leave(town, inbox, "2024-11", "2024-11-01", GOOD)
    before = len(town.snapshots)
    receipts = receive(town, inbox)
    assert [receipt.accepted for receipt in receipts] == [False, True]
    told = report(inbox, "2024-10")
    assert "value.type" in str(told["message"])
    assert "Quillfeather" not in json.dumps(told)
    assert len(town.snapshots) == before + 1
    assert not (town.workspace / "extracts/housing/2024-10").exists()
    assert receive(town, inbox) == []
    shutil.rmtree(bad)
    leave(town, inbox, "2024-10", "2024-10-01", GOOD.replace("A90", "A91"))
    (again,) = receive(town, inbox)  # It came late, and is put in its place.
    assert again.accepted


def test_a_delivery_without_its_statement_is_not_whole_yet(town: Town, inbox: Path) -> None:
    (leave(town, inbox, "2024-10", "2024-10-01") / "delivery.json").unlink()
    assert receive(town, inbox) == []


def test_what_a_kill_left_in_both_places_is_finished(town: Town, inbox: Path) -> None:
    folder = leave(town, inbox, "2024-10", "2024-10-01", GOOD)
    shutil.copytree(folder, town.workspace / "extracts/housing/2024-10")
    (receipt,) = receive(town, inbox)
    assert receipt.accepted
    assert not folder.exists()


def test_links_other_services_and_a_second_of_one_name_are_refused(town: Town, inbox: Path) -> None:
    (leave(town, inbox, "2024-10", "2024-10-01") / "more.csv").symlink_to("/etc/hostname")
    leave(town, inbox, "2024-09", "2024-10-01", GOOD)
    shutil.copytree(inbox / "housing/2024-09", inbox / "parking/2024-09")
    told = {(receipt.service, receipt.name): receipt.message for receipt in receive(town, inbox)}
    assert "holds links" in told["housing", "2024-10"]
    assert "received before" in told["housing", "2024-09"]
    assert "no source" in told["parking", "2024-09"]


def test_whoever_may_write_into_the_drop_folder_reaches_nothing_beyond_it(
    town: Town, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in a delivery's place, a name that is no text, a report that is none, a link put in after the look.

    Seen to fail without the look at links, which ended in a traceback that held up every delivery.
    """
    elsewhere = tmp_path / "elsewhere"
    leave(town, inbox, "2024-10", "2024-10-01", GOOD).rename(elsewhere)
    (inbox / "housing" / "linked").symlink_to(elsewhere)
    odd = leave(town, inbox, "2024-11", "2024-11-01").rename(os.fsdecode(bytes(inbox / "housing") + b"/\xff\x1b[2J"))
    (odd / os.fsdecode(b"\xfe.csv")).write_text("a")
    swapped = leave(town, inbox, "2024-12", "2024-12-01", GOOD)
    copy = shutil.copytree

    def swap_first(source: Path, *given: object, **named: object) -> object:
        if Path(source).name == "2024-12":
            (swapped / "arrears.csv").unlink()
            (swapped / "arrears.csv").symlink_to(elsewhere / "arrears.csv")
        return copy(source, *given, **named)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(shutil, "copytree", swap_first)
    (inbox / "housing" / "2024-12.report.json").write_text("[oops")
    receipts = receive(town, inbox)
    assert [receipt.accepted for receipt in receipts] == [False] * 3
    assert all("holds links" in receipt.message or "other signs" in receipt.message for receipt in receipts)
    assert "\x1b" not in "".join(receipt.name for receipt in receipts)
    assert (elsewhere / "arrears.csv").exists()
    assert sorted(path.name for path in (town.workspace / "extracts/housing").iterdir()) == ["2024-09"]


def test_what_is_no_deliverys_fault_is_raised(town: Town, inbox: Path) -> None:
    folder = leave(town, inbox, "2024-10", "2024-10-01", GOOD)
    (town.workspace / "extracts/housing/2024-09/delivery.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError):
        receive(town, inbox)
    assert folder.exists()
    with pytest.raises(UsageError, match="no folder"):
        receive(town, inbox / "nowhere")
