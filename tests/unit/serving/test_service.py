"""The served process: the real BentoML service, started by the real command, asked over the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from charter.errors import DataError
from serving.ranking.bundle import make_bundle
from serving.web.serve import make_environment
from tests.unit.serving.conftest import ROOT, SERVICES, World, rows_of, train, write_release
from tests.unit.serving.served import Served, serving
from tests.waiting import PATIENCE

LEAD = "demo-north-lead_practitioner"
NAME = "Quillfeather"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a small world with two workers until the tests of this module are over."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def score(served: Served, token: dict[str, str], **body: object) -> httpx.Response:
    return httpx.post(f"{served.address}/v1/score", json=body, headers=token)


def test_listed_households_get_the_score_they_were_listed_with(served: Served) -> None:
    token = served.token(LEAD)
    ids = served.listed(token)
    answer = score(served, token, referrals=ids)
    assert answer.status_code == 200, answer.text
    for referral, found in zip(ids, answer.json()["scores"], strict=True):
        shown = httpx.get(f"{served.address}/v1/referrals/{referral}", headers=token).json()
        assert found["referral"] == referral
        assert found["margin"] == shown["margin"]
        assert abs(sum(found["contributions"].values()) + found["base"] - found["margin"]) < 1e-6


def test_an_analyst_scores_rows_of_features_and_gets_trainings_numbers(served: Served) -> None:
    token = served.token("demo-analyst")
    names = [feature["name"] for feature in _manifest(served)["features"]]
    values = rows_of(31, 20)["features"]
    rows = [
        {name: None if np.isnan(value) else float(value) for name, value in zip(names, row, strict=True)}
        for row in values
    ]
    answer = score(served, token, rows=rows)
    assert answer.status_code == 200, answer.text
    expected = np.asarray(train().predict(values, raw_score=True)).tolist()
    assert [one["margin"] for one in answer.json()["scores"]] == expected


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_the_how_to_types_is_answered_as_it_says(served: Served) -> None:
    """Each block of the page until the residence check, typed in turn at the service that runs here."""
    text = (ROOT / "docs" / "how-to" / "call-the-api.md").read_text(encoding="utf-8")
    # Counts lie on the residents' site as files: a service that runs here has none of them.
    text = re.sub(r"^## Read counts.*?(?=^## )", "", text, flags=re.M | re.S)
    text = text.partition("## Ask whether")[0].replace("http://127.0.0.1:3000", served.address)
    text = text.replace("curl -s ", "curl -sS --fail-with-body ").replace("python3 -c", f"{sys.executable} -c")
    blocks = [block for block in re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE) if "curl" in block]
    assert len(blocks) == 8
    # The look-up by a service's own reference needs a register and linked records: test_api_day.py types it.
    token, listed, *rest = [block for block in blocks if block.count("curl") == 1 and "/v1/lookups" not in block]
    assert len(rest) == 4
    typed = f"{token}\n{listed}"
    first = _typed(typed).splitlines()[-1]
    case = json.loads(first)["referrals"][0]["id"]
    answers = [json.loads(_typed(f"{token}\n{block}".replace("ID", case))) for block in rest]
    referral, people, decided, scored = answers
    assert people["people"]
    parts = [one["contribution"] for side in ("for", "against") for group in referral[side] for one in group["reasons"]]
    assert abs(sum(parts) + referral["unseen"] + referral["base"] - referral["margin"]) < 1e-6
    assert decided["version"] == referral["version"] + 1
    assert scored["scores"][0]["margin"] == referral["margin"]


def _typed(text: str) -> str:
    """Type it into a shell and return what it printed; fail where the shell does."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _manifest(served: Served) -> dict:
    from serving.ranking.bundle import Bundle

    return dict(Bundle.current(served.world.workspace).manifest)


def test_who_may_score_what_is_kept_to(served: Served) -> None:
    lead, analyst = served.token(LEAD), served.token("demo-analyst")
    ids = served.listed(lead)
    assert score(served, {}, referrals=ids).status_code == 401
    assert score(served, analyst, referrals=ids).status_code == 403
    refused = score(served, lead, rows=[{"absences_6m": 3.0}])
    assert refused.status_code == 403
    assert "may not do score.features" in refused.json()["detail"]
    assert score(served, served.token("demo-south-lead_practitioner"), referrals=ids).status_code == 403
    assert score(served, lead, referrals=["0000000000000000"]).status_code == 403
    assert score(served, lead).status_code == 400
    assert score(served, lead, referrals=ids, rows=[{}]).status_code == 400
    assert score(served, analyst, rows=[{"shoe_size": 44.0}]).status_code == 400


def test_refusals_are_problems_and_neither_they_nor_the_log_repeat_what_was_sent(served: Served) -> None:
    token = {**served.token(LEAD), "content-type": "application/json"}
    bodies = [f'{{"referrals": "{NAME}"}}', f"{{{NAME}", f'{{"{NAME}": 1}}', f'{{"rows": [{{"{NAME}": "x"}}]}}']
    for content in (*bodies, f'{{"referrals": ["{NAME}"]}}', f'{{"rows": [{{"{NAME}": 1}}]}}'):
        answer = httpx.post(f"{served.address}/v1/score", content=content, headers=token)
        assert answer.status_code in (400, 403), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert NAME not in answer.text
    assert httpx.get(f"{served.address}/{NAME}").status_code == 404
    assert httpx.get(f"{served.address}/cases/{NAME}").status_code == 303
    text = httpx.post(f"{served.address}/v1/score", content=NAME, headers={**token, "content-type": "text/plain"})
    assert text.status_code == 415
    time.sleep(0.3)
    assert NAME not in served.log.read_text()


def test_bentomls_own_pages_are_not_left_open(served: Served) -> None:
    for path in ("/static_content/x", "/schema.json", "/task/status", "/favicon.ico"):
        assert httpx.get(served.address + path).status_code == 404, path
    assert httpx.get(f"{served.address}/livez").status_code == 200
    assert httpx.get(f"{served.address}/readyz").status_code == 200


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("all", ""),
        ("feed", "education"),
        *(pytest.param(*part, marks=pytest.mark.deep) for part in (("programme", "early_help"), ("team", "north"))),
    ],
)
def test_a_suspension_is_effective_on_every_worker_within_a_second(served: Served, what: str, name: str) -> None:
    """Connections of their own spread over both workers; whatever is asked a second after the file is there is 409."""
    token = served.token(LEAD)
    ids = served.listed(token)
    folder = served.world.workspace.suspensions
    folder.mkdir(exist_ok=True)
    (folder / "s.json").write_text(json.dumps({"what": what, "name": name}))
    try:
        time.sleep(1)
        ways = ["/v1/worklists/north", f"/v1/referrals/{ids[0]}"]
        answers = [httpx.get(served.address + way, headers=token) for way in ways * 8]
        answers += [score(served, token, referrals=ids) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {409}
        assert "suspended" in answers[-1].json()["detail"]
        assert httpx.get(f"{served.address}/readyz").status_code == 200
    finally:
        (folder / "s.json").unlink()
    assert score(served, token, referrals=ids).status_code == 200


def test_a_new_bundle_takes_over_under_load_without_an_error(served: Served) -> None:
    token = served.token("demo-analyst")
    row = {"absences_6m": 3.0}
    before = score(served, token, rows=[row]).json()["bundle"]
    release = write_release(served.world.workspace, train(2), "release2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOONER_KEY", "5f" * 32)
        made = make_bundle(served.world.invocation, release, SERVICES)
    seen: list[str] = []
    end = time.monotonic() + 4
    with httpx.Client(base_url=served.address, headers=token) as client:
        while time.monotonic() < end:
            answer = client.post("/v1/score", json={"rows": [row]})
            assert answer.status_code == 200, answer.text
            seen.append(answer.json()["bundle"])
    assert set(seen) <= {before, made.name}
    assert set(seen[-10:]) == {made.name}


def test_serving_before_anything_was_promoted_is_refused_with_what_to_type(world: World) -> None:
    (world.workspace.bundle / "current").unlink()
    with pytest.raises(DataError, match="sooner promote"):
        make_environment(world.invocation)


def test_the_demo_sign_in_opens_for_made_up_data_alone(world: World) -> None:
    assert make_environment(world.invocation)["SOONER_DEMO_SIGN_IN"] == "1"
    release = write_release(world.workspace, train(3), "real")
    text = (release / "manifest.json").read_text().replace('"synthetic": true', '"synthetic": false')
    (release / "manifest.json").write_text(text)
    make_bundle(world.invocation, release, SERVICES)
    assert make_environment(world.invocation)["SOONER_DEMO_SIGN_IN"] == "0"
