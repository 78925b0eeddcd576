"""A workspace to serve under measurement: the demo's, with boosted trees, and a vault and log of a whole borough.

    demo of 2,500 homes  ->  its release with each of `SIZES`  ->  a bundle of each
                         ->  a vault of 110,000 households     ->  a log of 100,000 entries

$SOONER_BENCH_DEMO names a demo's workspace that is there already, made with SOONER_KEY=`KEY`; it is copied, never
changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
from sqlalchemy import insert

from charter.contracts.files import file_digest, read_json, set_current, write_json
from charter.invocation import Invocation
from charter.signing.second_gate import open_live
from charter.vault.log import LoggedAct, follow_entry
from charter.vault.vault import NamedPerson, Vault
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.store.connection import begin_writing, open_engine
from serving.store.place import find_database_url
from serving.store.tables import audit

__all__ = ["FEATURE_ROWS", "HOUSEHOLDS", "KEY", "SIZES", "fill_borough", "find_longest_list", "make", "rows", "use"]

KEY = "5a" * 32
HOUSEHOLDS, PEOPLE_EACH, ENTRIES = 110_000, 2.5, 100_000
FEATURE_ROWS = 200
_HOMES = 10_000
"""Of the borough whose lists and reasons are shown: its own council has teams and places for so many."""
SIZES: Mapping[str, tuple[int, int]] = {"shipped": (150, 8), "large": (300, 31)}
"""Trees and leaves of each: what [lightgbm] of the shipped training.toml says, and nearly the most its [search] may
take (400 trees of 31 leaves)."""
_ROOT = Path(__file__).resolve().parents[1]
_FOLDER = Path(__file__).parent / "workspace" / "serving"


def make() -> Invocation:
    """Return the workspace, made once."""
    os.environ["SOONER_KEY"] = KEY
    if not (_FOLDER / "made").exists():
        shutil.rmtree(_FOLDER, ignore_errors=True)
        # Beside it stands what was anchored of a log that is not there any more.
        _FOLDER.with_name(f"{_FOLDER.name}.anchors.jsonl").unlink(missing_ok=True)
        _demo(_FOLDER)
        invocation = _open()
        for size in SIZES:
            _promote_trees(invocation, size)
        fill_borough(invocation)
        (_FOLDER / "made").write_text("")
    return _open()


def use(invocation: Invocation, size: str) -> None:
    """Serve the trees of `size` from now on."""
    set_current(invocation.workspace.bundle, (_FOLDER / size).read_text(encoding="utf-8"))


def rows(features: int, number: int = FEATURE_ROWS) -> np.ndarray:
    """Return seeded rows of features, (number, features) float32, one value in five not seen."""
    numbers = np.random.default_rng(7)
    made = np.round(numbers.exponential(5.0, (number, features))).astype(np.float32)
    made[numbers.random(made.shape) < 0.2] = np.nan
    return made


def _open() -> Invocation:
    return Invocation.open(None, "", _FOLDER, quiet=True)


def find_longest_list(invocation: Invocation) -> tuple[str, int]:
    """Return the team whose list is the longest, and how many are on it."""
    desk = Desk.open(invocation, demo=True)
    lists = desk.store.lists(desk.programme)
    lengths = [(len(desk.store.referrals(desk.programme, issued.id)), issued.team) for issued in lists]
    desk.close()
    length, team = max(lengths)
    return team, length


def _demo(folder: Path) -> None:
    there = os.environ.get("SOONER_BENCH_DEMO")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if there:
        shutil.copytree(there, folder, ignore=shutil.ignore_patterns("extracts", "mlartifacts"))
        return
    words = ["demo", "--no-serve", "--households", str(_HOMES), "--seed", "1", "--workspace", str(folder)]
    subprocess.run([sys.executable, "-m", "sooner", *words], check=True, cwd=_ROOT)


def _promote_trees(invocation: Invocation, size: str) -> None:
    trees, leaves = SIZES[size]
    releases = invocation.workspace.release
    old = releases / (releases / "current").read_text().strip()
    new = shutil.copytree(old, releases / size)
    manifest = read_json(new / "manifest.json")
    width = len(manifest["features"])
    values = rows(width, 20_000)
    numbers = np.random.default_rng(1)
    pull = np.nan_to_num(values[:, :8]).sum(axis=1) / 10 - 6
    label = (numbers.random(len(pull)) < 1 / (1 + np.exp(-pull))).astype(int)
    settings = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "deterministic": True, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(values, label), trees)
    (new / "model.lgb").write_text(model.model_to_string(), encoding="utf-8")
    (new / "check.npz").unlink(missing_ok=True)
    write_json(new / "manifest.json", {**manifest, "id": size, "model_sha256": file_digest(new / "model.lgb")})
    desk = Desk.open(invocation, demo=True)
    services = desk.manifest()["services"]
    desk.close()
    (_FOLDER / size).write_text(make_bundle(invocation, new, services).name, encoding="utf-8")
    # Nobody sees these lists; the second gate is opened so that their pages can be measured.
    open_live(invocation.workspace, size, {"run": manifest["run"], "stage": "live"}, "0" * 64, date.max)


def fill_borough(invocation: Invocation) -> None:
    """Add people of other households to the vault, and entries of other days to the log."""
    desk = Desk.open(invocation, demo=True)
    vault = Vault.open(invocation.workspace.vault, desk.key)
    listed = [
        person
        for header in desk.store.lists(desk.programme)
        for referral in desk.store.referrals(desk.programme, header.id)
        for person in desk.record(referral).person_ids
    ]
    known = vault.identify(listed, role="operator", reason="benchmark", log=list)
    others = {
        f"{number:032x}": NamedPerson(f"Person {number}", date(2000, 1, 1), f"{number % HOUSEHOLDS} Elm Lane", "")
        for number in range(int(HOUSEHOLDS * PEOPLE_EACH))
    }
    vault.replace({**others, **known})
    desk.close()
    _log(invocation)


def _log(invocation: Invocation) -> None:
    last, lines = None, []
    for number in range(ENTRIES):
        who, about = f"worker-{number % 40}", f"{number // 20:032x}"
        act = LoggedAct(who, "lead_practitioner", "referral.viewed", about, "display")
        last = follow_entry(last, "other-days", act)
        lines.append({**asdict(last), "detail": "{}"})
    with begin_writing(open_engine(find_database_url(invocation.workspace))) as connection:
        connection.execute(insert(audit), lines)
