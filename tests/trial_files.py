"""A trial.toml for tests, and its signing: the one of the how-to page, so that what councils copy is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

from charter.invocation import Invocation
from charter.signing.acceptance import Signable, sign_as

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "how-to" / "find-out-whether-it-helps.md"


def example_trial() -> str:
    """Return the example of the how-to page."""
    return re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]


def write_trial(council: Path, **changes: str) -> Path:
    """Leave the example in a council's folder, with the values of some keys changed; `FROM` stands for `from`."""
    text = example_trial()
    for key, value in changes.items():
        name = {"FROM": "from"}.get(key, key)
        text, times = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert times == 1, (name, times)
    path = council / "trial.toml"
    path.write_text(text, encoding="utf-8")
    return path


def sign_trial(invocation: Invocation) -> None:
    """Let every role that signs trials sign the one there is, for made-up data."""
    signers = invocation.policy.signers("trial")
    assert signers
    for role in signers:
        sign_as(invocation, role.id, Signable("trial"), demo=True)
