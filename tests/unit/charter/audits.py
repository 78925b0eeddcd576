"""An audit as signing and deciding find it: findings that answer every question of the charter alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charter.contracts.files import set_current, write_json
from charter.invocation import Invocation
from charter.rules.measures import AS_USED, MEASURES
from charter.rules.policy import Policy
from charter.rules.questions import Gate

__all__ = ["audited", "figures", "kept_level", "policy_of", "promoted"]


def policy_of(invocation: Invocation) -> Policy:
    return Policy.load(invocation.council.folder / "charter.toml")


MODEL = "e" * 64
OF_LISTS = {
    "stage": "shadow",
    "inputs": {"model.lgb": MODEL},
    "period": {"first": "2026-08-03", "last": "2026-09-28", "days": 56, "outcomes_due": "2027-09-01"},
}


def kept_level(gate: Gate) -> float:
    """Return a figure that is well within the gate's bound, where one in ten is listed."""
    if gate.of_overall is not None:
        return 0.1 if gate.measure == "selection_rate" else 0.3 if gate.at_least else 0.05
    return max(0.3, 1.8 * gate.bound) if gate.at_least else gate.bound / 2


def figures(value: float, spread: float, level: float = 0.3) -> dict[str, Any]:
    """Return figures of a group that is treated `value` times as others are, whose share is `level`."""
    return {
        "estimate": level * value,
        "interval": [level * value * 0.9, level * value * 1.1],
        "n": 2000,
        "positives": 500,
        "clusters": 900,
        "rest": {"estimate": level, "interval": [level * 0.9, level * 1.1], "n": 9000, "clusters": 4000},
        "ratio": value,
        "ratio_interval": [value - spread, value + spread],
        "difference": level * (value - 1),
        "difference_interval": [-0.1, 0.1],
    }


def audited(
    invocation: Invocation, value: float = 1.0, spread: float = 0.1, run: str = "r1", *, live: bool = False
) -> Path:
    """Leave an audit in which one group gets help `value` times as often as others, and no more unwanted contact.

    With `live`, of what that run's release issued in eight weeks of shadow.
    """
    policy = policy_of(invocation)
    folder = invocation.workspace.audit / run / "live" if live else invocation.workspace.audit / run
    rows = []
    for gate in policy.gates:
        enough = figures(value, spread, level=kept_level(gate))
        shown = enough if gate.at_least else figures(0.9, 0.1, level=kept_level(gate))
        rows.append(
            {
                "id": gate.id,
                "measure": gate.measure,
                "characteristic": gate.characteristic,
                "group": "A",
                "model": "lightgbm",
                "component": None,
                "at": MEASURES[gate.measure].at,
                **shown,
            }
        )
    # One in ten is on any list at all, and what is asked of the whole list is answered.
    about = {"group": "A", "model": "lightgbm", "component": None, "at": AS_USED}
    rows += [
        about | {"id": f"{measure} {name}", "measure": measure, "characteristic": name} | figures(1.0, 0.1, 0.1)
        for measure in ("listed_at_all", "listings")
        for name in policy.characteristics
    ]
    for measure, component, share in (("needed_of_100", None, 0.3), ("needed_of_100_more", "last_contact", 0.1)):
        useful = {"id": measure, "measure": measure, "characteristic": None, "group": None, "component": component}
        useful |= {"estimate": share, "interval": [share - 0.02, share + 0.02], "n": 0, "positives": None}
        rows.append(about | useful)
    for measure, part, share, note in (
        ("data_needed", "housing", 0.05, "helps"),
        ("order_carried", "housing", 0.3, ""),
    ):
        row = {
            "id": measure,
            "measure": measure,
            "characteristic": None,
            "group": None,
            "component": part,
            "note": note,
        }
        rows.append(
            about | row | {"estimate": share, "interval": [share - 0.02, share + 0.02], "n": 0, "positives": None}
        )
    write_json(
        folder / "findings.json",
        {
            "schema_version": 1,
            "snapshot": "s1",
            "inputs": {},
            "run": run,
            "programme": "early_help",
            "code_version": "0",
            "model": "lightgbm",
            "charter_sha256": policy.sha256,
            "synthetic": True,
            "findings": rows,
            **(OF_LISTS if live else {}),
        },
    )
    if not live:
        set_current(invocation.workspace.audit, run)
    return folder


def promoted(invocation: Invocation, run: str = "r1", *, synthetic: bool = True) -> Path:
    """Leave a release of a run, made current: the one that live audits are of."""
    folder = invocation.workspace.release / f"release-of-{run}"
    manifest = {"id": folder.name, "run": run, "synthetic": synthetic, "model_sha256": MODEL}
    write_json(folder / "manifest.json", manifest)
    set_current(invocation.workspace.release, folder.name)
    return folder
