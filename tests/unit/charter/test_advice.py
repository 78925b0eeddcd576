"""Who must be heard before a decision: words, key, the slot in the pack, and the signature that waits for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from charter.contracts.files import read_json, write_json, write_text
from charter.errors import CharterError, SignOffError, UsageError
from charter.invocation import Invocation, shipped_council
from charter.signing.acceptance import Signable, sign_as
from charter.signing.advice import give_advice, list_unheard, read_advice, write_slot
from charter.signing.decisions import decide_run
from charter.signing.role_proof import RoleKey
from charter.vault.role_key import make_role_key
from tests.unit.charter.audits import audited, policy_of

OFFICER, PANEL, SIGNER = "data_protection_officer", "residents_panel", "chief_data_officer"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, RoleKey]:
    return {role: RoleKey(tmp_path / f"{role}.key") for role in (OFFICER, PANEL, SIGNER)}


@pytest.fixture
def invocation(tmp_path: Path, keys: dict[str, RoleKey]) -> Invocation:
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    text = (council / "charter.toml").read_text(encoding="utf-8")
    for role, key in keys.items():
        public = make_role_key(key.path, "")
        text = text.replace(f'id = "{role}"\n', f'id = "{role}"\npublic_key = "{public}"\n')
    (council / "charter.toml").write_text(text, encoding="utf-8")
    return Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def audited_pack(invocation: Invocation, *, synthetic: bool = False) -> Path:
    folder = audited(invocation)
    write_json(folder / "findings.json", read_json(folder / "findings.json") | {"synthetic": synthetic})
    slots = "".join(f"<div>{write_slot(role.id, None)}</div>" for role in policy_of(invocation).roles if role.advises)
    write_text(folder / "report.html", f"<p>{slots}</p>")
    decide_run(invocation)
    return folder


def test_a_decision_on_real_data_waits_for_who_must_be_heard(invocation: Invocation, keys: dict[str, RoleKey]) -> None:
    folder = audited_pack(invocation)
    with pytest.raises(SignOffError, match=r"has not heard Data protection officer and Chair of the residents' panel"):
        sign_as(invocation, SIGNER, Signable("decision"), demo=False, proof=keys[SIGNER])
    give_advice(folder, invocation, OFFICER, "Keep it to three services.", demo=False, proof=keys[OFFICER])
    with pytest.raises(SignOffError, match=r"has not heard Chair of the residents' panel on"):
        sign_as(invocation, SIGNER, Signable("decision"), demo=False, proof=keys[SIGNER])
    give_advice(folder, invocation, PANEL, "We'd rather <wait>.", demo=False, proof=keys[PANEL])
    assert sign_as(invocation, SIGNER, Signable("decision"), demo=False, proof=keys[SIGNER]).kind == "signed"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Keep it to three services. (" in page
    assert "We&#x27;d rather &lt;wait&gt;." in page
    assert "Not given yet" not in page


def test_words_said_again_replace_the_first_and_new_findings_are_heard_anew(
    invocation: Invocation, keys: dict[str, RoleKey]
) -> None:
    folder, policy = audited_pack(invocation), policy_of(invocation)
    for words in ("First.", "Second."):
        give_advice(folder, invocation, OFFICER, words, demo=False, proof=keys[OFFICER])
    assert [one.text for one in read_advice(folder)] == ["Second."]
    assert "First." not in (folder / "report.html").read_text(encoding="utf-8")
    assert [role.id for role in list_unheard(folder, policy, synthetic=False)] == [PANEL]
    write_json(folder / "findings.json", read_json(folder / "findings.json") | {"notes": ["Audited again."]})
    assert [role.id for role in list_unheard(folder, policy, synthetic=False)] == [OFFICER, PANEL]


def test_edited_words_and_another_roles_key_count_for_nothing(invocation: Invocation, keys: dict[str, RoleKey]) -> None:
    folder, policy = audited_pack(invocation), policy_of(invocation)
    with pytest.raises(SignOffError, match="not the key that the charter lists"):
        give_advice(folder, invocation, OFFICER, "Fine.", demo=False, proof=keys[PANEL])
    give_advice(folder, invocation, OFFICER, "Stop.", demo=False, proof=keys[OFFICER])
    document = read_json(folder / "advice.json")
    document["advice"][0]["text"] = "Go on."
    write_json(folder / "advice.json", document)
    assert OFFICER in {role.id for role in list_unheard(folder, policy, synthetic=False)}


def test_typed_words_are_a_demos(invocation: Invocation) -> None:
    folder = audited_pack(invocation)
    with pytest.raises(CharterError, match="counts for nothing on real data"):
        give_advice(folder, invocation, OFFICER, "Fine.", demo=True)
    with pytest.raises(UsageError, match="has not shown who they are"):
        give_advice(folder, invocation, OFFICER, "Fine.", demo=False)
    made_up = audited_pack(invocation, synthetic=True)
    give_advice(made_up, invocation, OFFICER, "Fine.", demo=True)
    policy = policy_of(invocation)
    assert OFFICER not in {role.id for role in list_unheard(made_up, policy, synthetic=True)}
    assert OFFICER in {role.id for role in list_unheard(made_up, policy, synthetic=False)}


@pytest.mark.parametrize(
    ("role", "text", "said"), [(SIGNER, "Fine.", "need not be heard"), (OFFICER, "  ", "1 to 4000")]
)
def test_whom_nobody_need_hear_and_no_words_are_refused(
    invocation: Invocation, role: str, text: str, said: str
) -> None:
    folder = audited_pack(invocation)
    with pytest.raises(UsageError, match=said):
        give_advice(folder, invocation, role, text, demo=True)
    assert read_advice(folder) == ()
