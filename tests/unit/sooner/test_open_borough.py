"""`sooner publish borough`: made anew and from no folder, said to be made up in every place, whole or not given out."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from charter.contracts import check_document
from charter.contracts.files import file_digest, folder_digest
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import DataError
from charter.invocation import Invocation, shipped_council
from fairness_reports.maps.open_data import LICENCE
from fairness_reports.residents.made_up_borough import find_borough
from fairness_reports.residents.open_data_page import copy_open_data, describe_open_data
from fairness_reports.residents.site import write_site
from sooner.open_borough import publish_borough

REAL = "Q7731942"
"""A reference that stands in a delivery of a real service, and in nothing that is made up."""


def _open_council(folder: Path) -> Invocation:
    shutil.copytree(shipped_council(), folder / "council", ignore=shutil.ignore_patterns("__pycache__"))
    where = Workspace(folder / "workspace", "early_help")
    return Invocation(Council.load(folder / "council"), "early_help", where, quiet=True)


def _lay_real_delivery(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    row = f"T0000001,{REAL},Somebody,Real,01/02/1980"
    (folder / "tenancies.csv").write_text(f"tenancy_ref,person_ref,forename,surname,date_of_birth\n{row}\n")


def _read_all(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a published borough, made where real deliveries lie in `extracts/`."""
    folder = tmp_path_factory.mktemp("made")
    invocation = _open_council(folder)
    _lay_real_delivery(invocation.workspace.extracts / "housing")
    publish_borough(invocation, 300, 5)
    return find_borough(invocation)


@pytest.fixture
def invocation(made: Path, tmp_path: Path) -> Invocation:
    council = _open_council(tmp_path)
    shutil.copytree(made, find_borough(council))
    return council


def test_a_real_delivery_in_extracts_is_not_even_read(tmp_path: Path) -> None:
    """Broken by copying `extracts/` in place of making the borough: with real files there the result is the same."""
    digests = []
    for name in ("bare", "real"):
        invocation = _open_council(tmp_path / name)
        if name == "real":
            for service in ("housing", "council_tax", "truth", "nobody_knows"):
                _lay_real_delivery(invocation.workspace.extracts / service)
            before = folder_digest(invocation.workspace.extracts)
        publish_borough(invocation, 150, 5)
        assert REAL not in _read_all(find_borough(invocation))
        digests.append({p.name: file_digest(p) for p in find_borough(invocation).rglob("*.csv")})
    assert digests[0] == digests[1]
    assert folder_digest(invocation.workspace.extracts) == before


def test_a_council_s_own_areas_and_services_are_not_in_it(tmp_path: Path) -> None:
    """Broken by making the borough of the council's own areas."""
    invocation = _open_council(tmp_path)
    file = invocation.council.folder / "council.toml"
    file.write_text(file.read_text().replace("E0199", "E0700"))
    publish_borough(_reopen(invocation), 150, 5)
    assert "E0700" not in _read_all(find_borough(invocation))
    assert "E0199" in _read_all(find_borough(invocation))


def _reopen(invocation: Invocation) -> Invocation:
    return Invocation(Council.load(invocation.council.folder), "early_help", invocation.workspace, quiet=True)


def test_every_place_says_that_it_is_made_up_and_how_to_make_it_again(invocation: Invocation, tmp_path: Path) -> None:
    """Broken by a title without it: whoever meets one file, one entry of a portal or the page can know."""
    folder, command = find_borough(invocation), "sooner publish borough --households 300 --seed 5"
    for part in ("services", "truth"):
        catalogue = json.loads((folder / part / "data.json").read_text())
        check_document("catalogue", catalogue)
        (dataset,) = catalogue["dataset"]
        assert "made-up" in dataset["title"]
        assert dataset["license"] == LICENCE
        about = (folder / part / "about.md").read_text()
        for words in (dataset["description"], about):
            assert "Every person, address, reference and event in it is made up" in words
            assert "300 homes, seed 5, made by sooner " in words
            assert command in words
        named = {row["downloadURL"] for row in dataset["distribution"]}
        assert named == {path.name for path in (folder / part).iterdir()} - {"data.json"}
        assert all(name.startswith("made-up-") for name in named - {"dictionary.csv", "about.md"})
    site = tmp_path / "site"
    site.mkdir()
    copy_open_data(invocation, [], site)
    whole = json.loads((site / "data" / "data.json").read_text())
    check_document("catalogue", whole)
    assert len(whole["dataset"]) == 2
    for dataset in whole["dataset"]:
        for row in dataset["distribution"]:
            assert (site / row["downloadURL"].removeprefix(f"{invocation.public.site}/")).is_file()
    shown = describe_open_data(invocation, [])
    assert all("made up" in row["words"] and command in row["words"] for row in shown["sets"])
    assert shown["maps"] == []


def _change_a_value(folder: Path) -> None:
    path = folder / "services" / "made-up-housing-tenancies.csv"
    path.write_text(path.read_text().replace("Green", "Grane", 1) + "\n")


def _put_a_delivery_over_one(folder: Path) -> None:
    _lay_real_delivery(folder / "services" / "new")
    (folder / "services" / "new" / "tenancies.csv").replace(folder / "services" / "made-up-housing-tenancies.csv")
    (folder / "services" / "new").rmdir()


def _put_a_delivery_beside(folder: Path) -> None:
    _lay_real_delivery(folder / "services" / "housing")


def _put_a_hidden_file_beside(folder: Path) -> None:
    (folder / "truth" / ".notes.csv").write_text(REAL)


def _link_to_a_delivery(folder: Path) -> None:
    _lay_real_delivery(folder.parent / "elsewhere")
    path = folder / "truth" / "made-up-truth-people.csv"
    path.unlink()
    path.symlink_to(folder.parent / "elsewhere" / "tenancies.csv")


def _link_a_folder(folder: Path) -> None:
    _lay_real_delivery(folder.parent / "elsewhere")
    (folder / "services" / "more").symlink_to(folder.parent / "elsewhere")


def _swap_two_files(folder: Path) -> None:
    first, second = (folder / "services" / f"made-up-hospital-{name}.csv" for name in ("patients", "admissions"))
    words = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(words)


def _take_one_away(folder: Path) -> None:
    (folder / "services" / "about.md").unlink()


def _say_less(folder: Path) -> None:
    path = folder / "truth" / "data.json"
    path.write_text(path.read_text().replace("made up", "recorded"))


def _lose_the_seal(folder: Path) -> None:
    (folder / "seal.json").unlink()


def _empty_the_seal(folder: Path) -> None:
    (folder / "seal.json").write_text('{"files": {}}')


def _break_the_seal(folder: Path) -> None:
    (folder / "seal.json").write_text("[]")


FAULTS = [
    _change_a_value,
    _put_a_delivery_over_one,
    _put_a_delivery_beside,
    _put_a_hidden_file_beside,
    _link_to_a_delivery,
    _link_a_folder,
    _swap_two_files,
    _take_one_away,
    _say_less,
    _lose_the_seal,
    _empty_the_seal,
    _break_the_seal,
]


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__.strip("_"))
def test_what_is_not_as_it_was_made_goes_out_by_no_site(invocation: Invocation, spoil: Callable[[Path], None]) -> None:
    """Broken by copying the folder as it lies: the site stays as it was, and no value of a row is in the sentence."""
    site, _ = write_site(invocation)
    before = folder_digest(site)
    assert (site / "data" / "borough" / "made-up-housing-tenancies.csv").is_file()
    spoil(find_borough(invocation))
    with pytest.raises(DataError) as refused:
        write_site(invocation)
    assert "seal.json" in str(refused.value) or "nothing of the borough goes out" in str(refused.value)
    assert REAL not in str(refused.value)
    assert folder_digest(site) == before
    assert REAL not in _read_all(site)
    assert sorted(path.name for path in invocation.workspace.root.iterdir()) == ["published", "site"]


def test_made_again_it_is_whole_again(invocation: Invocation) -> None:
    _put_a_delivery_beside(find_borough(invocation))
    publish_borough(invocation, 150, 6)
    site, _ = write_site(invocation)
    assert not (site / "data" / "borough" / "housing").exists()
    with (site / "data" / "borough" / "made-up-files.csv").open() as file:
        assert len(list(csv.DictReader(file))) > 30


def test_a_borough_that_cannot_be_made_leaves_the_one_before(invocation: Invocation) -> None:
    before = folder_digest(find_borough(invocation))
    with pytest.raises(DataError, match="whom readers could ask"):
        publish_borough(
            Invocation(invocation.council.replace(contact=""), "early_help", invocation.workspace, quiet=True), 150, 6
        )
    assert folder_digest(find_borough(invocation)) == before
    assert not any(path.name.startswith(".new-") for path in find_borough(invocation).parent.iterdir())
