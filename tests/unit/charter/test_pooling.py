"""Strength borrowed from the other groups: what it does to few and to many; it decides nothing; PyMC agrees."""

from __future__ import annotations

import json
import math
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.errors import CharterError
from charter.invocation import shipped_council
from charter.rules.certainty.pooling import pool_groups
from charter.rules.certainty.score_test import read_sides
from charter.rules.gate import decide_findings
from charter.rules.policy import Policy
from charter.rules.questions import Pooling
from tests.unit.charter.gates import CONTACTED, GAP, REACHED, finding

ROOT = Path(__file__).resolve().parents[3]
PYMC = ROOT / "benchmarks" / "peers" / ".venvs" / "pymc" / "bin" / "python"
EXPECTED = Pooling(within=1.5)


def pool_one(*counts: int, prior: Pooling = EXPECTED) -> Any:
    return pool_groups(REACHED, [finding(counts)], prior)[0]  # type: ignore[arg-type]  # four counts


def test_few_are_drawn_towards_the_others_and_many_stay_where_they_are() -> None:
    """Of 40 nobody: a ratio of 0 that nobody believes. Of 4,000 half, beside 3 in 10: as it is."""
    few, many = pool_one(0, 40, 30, 300), pool_one(2000, 4000, 3000, 10_000)
    assert few.is_borrowed
    assert 0.7 < few.ratio < 1
    assert not many.is_borrowed
    assert many.ratio == pytest.approx(5 / 3, rel=0.02)
    own = [pool_one(n // 10, n, 300, 1000).own for n in (20, 80, 300, 1200)]
    assert own == sorted(own)
    assert many.interval[0] < 5 / 3 < many.interval[1]


def test_alike_groups_draw_a_group_closer_and_unlike_ones_let_it_go() -> None:
    low = finding((12, 100, 200, 1000))
    alike = [finding((20, 100, 200, 1000)) for _ in range(6)]
    unlike = [finding((counted, 100, 200, 1000)) for counted in (5, 45, 50, 6, 40, 8)]
    among_alike = pool_groups(REACHED, [low, *alike], EXPECTED)[0]
    among_unlike = pool_groups(REACHED, [low, *unlike], EXPECTED)[0]
    assert among_alike is not None
    assert among_unlike is not None
    assert among_alike.ratio > among_unlike.ratio
    assert among_alike.beyond < among_unlike.beyond
    assert among_alike.own < among_unlike.own


def test_a_sceptical_expectation_gives_few_a_larger_chance_to_be_far_away() -> None:
    few = pool_one(5, 60, 30, 200)
    assert few.beyond_sceptical > few.beyond
    assert pool_one(5, 60, 30, 200, prior=Pooling(within=2.25)).beyond == pytest.approx(few.beyond_sceptical, abs=1e-9)


def test_an_average_is_pooled_by_its_interval_and_a_difference_not_at_all() -> None:
    days = REACHED.replace(measure="recorded_per_independent")
    row = finding((1, 100, 1, 100), measure=days.measure, ratio=0.7, ratio_interval=[0.6, 0.8167])
    pooled = pool_groups(days, [row], EXPECTED)[0]
    assert pooled is not None
    assert 0.7 < pooled.ratio < 0.75
    assert pool_groups(days, [row | {"ratio_interval": None}], EXPECTED) == [None]
    assert pool_groups(GAP, [finding((10, 100, 100, 500))], EXPECTED) == [None]
    above = pool_groups(CONTACTED, [finding((30, 100, 100, 1000), measure=CONTACTED.measure)], EXPECTED)[0]
    assert above is not None
    assert above.beyond > 0.95


def decide(rows: list[Any], pooling: Pooling | None) -> Any:
    policy = Policy.load(shipped_council() / "charter.toml", date(2026, 11, 1))
    policy = policy.model_copy(
        update={
            "gates": (REACHED,),
            "pooling": pooling,
            "usefulness": None,
            "data_use": None,
            "scenarios_at_least": 0,
            "waivers": (),
        }
    )
    document = {"programme": "early_help", "run": "r", "charter_sha256": policy.sha256, "findings": rows}
    return decide_findings(document, policy, date(2026, 11, 28))


def test_it_orders_and_recommends_and_decides_nothing() -> None:
    """Broken by letting it pass or fail: verdicts with and without it are the same, whatever it says."""
    counts = [
        (20, 100, 200, 1000),
        (3, 60, 220, 1000),
        (16, 100, 200, 1000),
        (0, 30, 200, 1000),
        (900, 3000, 900, 3000),
    ]
    rows = [finding(of, group=name) for of, name in zip(counts, "ABCDE", strict=True)]
    for narrow in (1.03, 1.5, 5.0):
        alone, pooled = decide(rows, None), decide(rows, Pooling(within=narrow))
        assert alone["decision"] == pooled["decision"]
        keys = ("verdict", "reason", "sentence", "group")
        assert [[v[key] for key in keys] for v in alone["verdicts"]] == [
            [v[key] for key in keys] for v in pooled["verdicts"]
        ]
        assert all(verdict["pooled"] is None for verdict in alone["verdicts"])
        assert all(verdict["pooled"] for verdict in pooled["verdicts"])


def test_a_referral_says_what_to_look_at_first() -> None:
    rows = [finding((19, 100, 200, 1000), group="A"), finding((30, 180, 200, 1000), group="B")]
    sentence = decide(rows, EXPECTED)["sentence"]
    assert "Look first at B (ethnicity), missed help: beyond the limit with a chance of" in sentence
    assert "Look first" not in decide(rows, None)["sentence"]


def test_the_expectation_is_signed_as_a_sentence_and_must_leave_room() -> None:
    assert "9 in 10 groups to fare between 0.67 and 1.50 times" in EXPECTED.sentence
    text = (shipped_council() / "charter.toml").read_text(encoding="utf-8")
    assert "9 in 10 of them fare between 0.67 and 1.5 times as everyone else" in text


def test_an_expectation_without_room_is_refused(tmp_path: Path) -> None:
    text = (shipped_council() / "charter.toml").read_text(encoding="utf-8")
    (tmp_path / "charter.toml").write_text(text.replace("within = 1.5", "within = 1.0"), encoding="utf-8")
    with pytest.raises(CharterError, match="within"):
        Policy.load(tmp_path / "charter.toml", date(2026, 11, 1))


@pytest.mark.deep
@pytest.mark.skipif(not PYMC.exists(), reason="`python -m benchmarks.peers.set_up pymc` makes its environment")
def test_pooling_equals_a_reference_sampler_on_twenty_tables(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    tables, ours = [], []
    for _ in range(20):
        groups = int(rng.integers(1, 7))
        people, rest = rng.integers(25, 400, groups), rng.integers(300, 3000, groups)
        share = rng.uniform(0.03, 0.4)
        counted = rng.binomial(people, np.clip(share * np.exp(rng.normal(0, 0.35, groups)), 0, 0.9))
        rows = [
            finding((int(c), int(n), int(rng.binomial(m, share)), int(m)))
            for c, n, m in zip(counted, people, rest, strict=True)
        ]
        prior = Pooling(within=float(rng.uniform(1.2, 2.5)))
        sides = [read_sides(REACHED, row) for row in rows]
        tables.append(
            {
                "scale": math.log(prior.within) / 1.5951,
                "limit": REACHED.limit,
                "groups": [
                    [group.share * group.people, group.people, other.share * other.people, other.people]
                    for group, other in (pair for pair in sides if pair is not None)
                ],
            }
        )
        ours.append([pooled.beyond for pooled in pool_groups(REACHED, rows, prior) if pooled is not None])
    (tmp_path / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
    script = ROOT / "benchmarks" / "peers" / "pymc" / "pooled.py"
    done = subprocess.run(
        [str(PYMC), str(script), str(tmp_path / "tables.json")], check=True, capture_output=True, text=True
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert theirs["fewest"] >= 10_000
    differences = [
        abs(a - b) for us, them in zip(ours, theirs["beyond"], strict=True) for a, b in zip(us, them, strict=True)
    ]
    assert len(differences) > 40
    assert max(differences) <= 0.01
