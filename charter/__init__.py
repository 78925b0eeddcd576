"""The rules: policy, gate, sign-offs, errors, and the contracts of every file that crosses rooms."""

from pathlib import Path

from charter.clashes import refuse_clashes

refuse_clashes(Path(__file__).resolve().parent.parent)
