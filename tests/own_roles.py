"""A council that calls every one of its roles otherwise: the shipped folder with each role's id replaced, as data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from charter.rules.policy import Policy

__all__ = ["OWN", "SHIPPED", "copy_with_own_roles"]

ROOT = Path(__file__).resolve().parents[1]

SHIPPED = tuple(role.id for role in Policy.read(ROOT / "council" / "charter.toml").roles)
"""The ids of the shipped council's roles."""

OWN: Mapping[str, str] = {role: f"post_{number:02d}" for number, role in enumerate(SHIPPED, start=1)}
"""What the other council calls each of them."""


def copy_with_own_roles(folder: Path) -> Path:
    """Copy the shipped council to `folder`, with every role renamed wherever it stands as data; return the folder."""
    shutil.copytree(ROOT / "council", folder, ignore=shutil.ignore_patterns("__pycache__"))
    replaced = set()
    for path in folder.rglob("*.toml"):
        text = path.read_text(encoding="utf-8")
        for role, own in OWN.items():
            text, count = re.subn(rf'"{role}"', f'"{own}"', text)
            replaced |= {role} if count else set()
        path.write_text(text, encoding="utf-8")
    assert replaced == set(SHIPPED)
    return folder
