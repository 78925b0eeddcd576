"""The served process under load: twenty reviewers, ten thousand decisions, and twenty models in a row. `make deep`."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from charter.contracts.files import set_current
from serving.ranking.bundle import Bundle, make_bundle
from tests.unit.serving.conftest import SERVICES, TEAMS, open_casework, rows_of, train, write_release
from tests.unit.serving.served import Served, serving

pytestmark = pytest.mark.deep

REVIEWERS, DECISIONS = 20, 10_000
SWAPS, ASKING = 20, 4


@pytest.fixture
def served(url: str, tmp_path: Path) -> Iterator[Served]:
    """Serve a small world with two workers and the database at `url`."""
    with serving(tmp_path / "world", database=url) as running:
        yield running


@dataclass
class Review:
    """What one reviewer was told: the keys of decisions that were filed, and how many conflicts."""

    filed: list[str] = field(default_factory=list)
    told: int = 0


def review(served: Served, number: int, cases: list[str], wanted: int) -> Review:
    """Decide `wanted` times on cases that others decide on too; send one in ten again, as after a lost answer."""
    numbers, done = np.random.default_rng(number), Review()
    with httpx.Client(base_url=served.address, headers=served.reviewer(f"reviewer-{number}"), timeout=60) as client:
        while len(done.filed) < wanted:
            case = cases[numbers.integers(len(cases))]
            version = client.get(f"/v1/referrals/{case}").json()["version"]
            key = f"key-{number}-{len(done.filed)}-{done.told}"
            body = {"version": version, "disposition": "deferred", "reason": "capacity", "note": key}
            again = 2 if numbers.random() < 0.1 else 1
            for _ in range(again):
                answer = client.post(f"/v1/referrals/{case}/decisions", json=body, headers={"idempotency-key": key})
            if answer.status_code == 409:
                assert "Somebody else changed this case" in answer.json()["detail"]
                done.told += 1
            else:
                assert answer.status_code == 201, answer.text
                done.filed.append(key)
    return done


def test_twenty_reviewers_make_ten_thousand_decisions_and_none_is_lost_or_doubled(served: Served) -> None:
    cases = [case for team in TEAMS for case in served.listed(served.reviewer("reviewer-0"), team)]
    with ThreadPoolExecutor(REVIEWERS) as pool:
        jobs = [pool.submit(review, served, n, cases, DECISIONS // REVIEWERS) for n in range(REVIEWERS)]
        reviews = [job.result() for job in jobs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOONER_KEY", "5f" * 32)
        store = open_casework(served.world)
        stored = store.decisions()
        entries = store.entries()
        store.verify_log()
        store.close()
    filed = [key for one in reviews for key in one.filed]
    assert len(filed) == DECISIONS
    assert Counter(one.note for one in stored) == Counter(filed)
    assert sum(one.told for one in reviews) > 0
    for case in cases:
        versions = [one.version for one in stored if one.referral == case]
        assert versions == list(range(1, len(versions) + 1))
    decided = Counter(entry.chain for entry in entries if entry.action == "referral.decided")
    assert sum(decided.values()) == DECISIONS
    assert len(decided) == 2, "both workers filed decisions"


def test_twenty_models_take_over_under_load_and_a_broken_one_does_not(tmp_path: Path) -> None:
    """Every answer is whole: the margin is the one that the bundle it names gives; no request fails or is dropped."""
    values = rows_of(31, 1)["features"]
    with serving(tmp_path / "world") as served:
        token, workspace = served.token("demo-analyst"), served.world.workspace
        names = Bundle.current(workspace).features
        row = {name: None if np.isnan(value) else float(value) for name, value in zip(names, values[0], strict=True)}
        margins = {Bundle.current(workspace).id: float(train().predict(values, raw_score=True)[0])}
        stop = threading.Event()

        def ask() -> list[tuple[str, float]]:
            got = []
            with httpx.Client(base_url=served.address, headers=token, timeout=30) as client:
                while not stop.is_set():
                    answer = client.post("/v1/score", json={"rows": [row]})
                    assert answer.status_code == 200, answer.text
                    got.append((answer.json()["bundle"], answer.json()["scores"][0]["margin"]))
            return got

        def everywhere(bundle_id: str) -> None:
            """Wait until connections of their own, which spread over the workers, meet one bundle alone."""
            end = time.monotonic() + 30
            seen = {""}
            while seen != {bundle_id}:
                assert time.monotonic() < end, f"{bundle_id} did not take over everywhere"
                bodies = [httpx.post(f"{served.address}/v1/score", json={"rows": [row]}, headers=token).json()
                          for _ in range(8)]  # fmt: skip
                seen = {body["bundle"] for body in bodies}

        with ThreadPoolExecutor(ASKING) as pool:
            jobs = [pool.submit(ask) for _ in range(ASKING)]
            try:
                for number in range(SWAPS):
                    release = write_release(workspace, train(100 + number), f"release-{number}")
                    made = make_bundle(served.world.invocation, release, SERVICES, activate=False)
                    margins[made.name] = float(train(100 + number).predict(values, raw_score=True)[0])
                    set_current(workspace.bundle, made.name)
                    everywhere(made.name)
                broken = shutil.copytree(workspace.bundle / made.name, workspace.bundle / "broken")
                (broken / "model.lgb").write_text("half a model")
                set_current(workspace.bundle, "broken")
                time.sleep(2)
                everywhere(made.name)
            finally:
                stop.set()
            got = [answer for job in jobs for answer in job.result()]
        assert {name for name, _ in got} == set(margins)
        assert all(margins[name] == margin for name, margin in got)
        assert "is not served" in served.log.read_text()
