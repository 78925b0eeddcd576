"""What was learned from the records at hand, written as a `linkage.toml` that a council may make its own.

`sooner link --fit` trusts the shipped numbers little and the records much, links with what it learned, and leaves it in
the workspace: offered, and never taken silently. Copied into the council's folder it counts from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from features.linking.compared_fit import Comparison
from features.linking.matching.pair_weights import Model
from features.linking.parameters import Level, Parameters

__all__ = ["FITTED", "UNTOLD", "loosen_parameters", "write_fitted"]

FITTED = "linkage.toml"
"""The file in the workspace."""
UNTOLD = "Nothing says whether it is better than what is in force: `sooner link --fit --judge LABELS` does."
_LITTLE = 20.0
"""Pairs' worth of trust in the numbers that were read, while they are fitted."""
_EVEN = 0.0
"""Bits of even odds: as many right as wrong are merged at most where nobody can be taken for a relative."""
_SETTINGS = (
    "housemates",
    "threshold",
    "strangers",
    "untold",
    "certain",
    "review",
    "plausible",
    "false_links",
    "inactive_months",
)


def loosen_parameters(parameters: Parameters) -> Parameters:
    """Return parameters whose m are trusted little against what the records show, with even odds among strangers."""
    strangers = _EVEN if parameters.strangers is None else parameters.strangers
    return parameters.model_copy(update={"learn": min(_LITTLE, parameters.learn), "strangers": strangers})


def write_fitted(
    parameters: Parameters,
    model: Model,
    comparisons: Mapping[str, Sequence[Level]],
    compared: Comparison | None = None,
) -> str:
    """Return the text of a `linkage.toml` with what `model` learned; `comparisons` have u as it was measured.

    `compared`: what these numbers are worth beside those in force, where labels tell.
    """
    lines = [
        "# Fitted to the records at hand by `sooner link --fit`. To link with it from now on, copy it into the",
        "# council's folder; `sooner link --judge LABELS` says how right it is where the truth is known.",
        f"# {compared.sentence() if compared else UNTOLD}",
        "",
        f'version = "{parameters.version}, fitted"',
        f"partners = {model.partners:.6g}",
        f"learn = {parameters.learn:g}",
        f"twins = {model.twin_share:.6g}",
        f"namesakes = {model.namesake_share:.6g}",
        *(f"{name} = {value:g}" for name in _SETTINGS if (value := getattr(parameters, name)) is not None),
        "",
    ]
    for name, stated in parameters.levels.items():
        levels = comparisons.get(name, stated)
        shares = [_add_to_one(np.exp2(model.person[name][:-1]).tolist()), _add_to_one([level.u for level in levels])]
        for level, m, u in zip(levels, *shares, strict=True):
            lines += ["[[level]]", f"comparison = {json.dumps(name)}", f"name = {json.dumps(level.name)}"]
            lines += [f"m = {m!r}", f"u = {u!r}"]
            for share in ("home", "twins", "namesakes"):
                if getattr(level, share) is not None:
                    lines.append(f"{share} = {getattr(level, share)!r}")
            lines.append("")
    lines += ["[homes]", f"order = {json.dumps(list(parameters.home_order))}", ""]
    return "\n".join(lines)


def _add_to_one(shares: Sequence[float]) -> list[float]:
    """Return shares to nine places, none of them zero, that add up to one."""
    rounded = [max(round(float(share), 9), 1e-8) for share in shares]
    largest = rounded.index(max(rounded))
    rounded[largest] = round(rounded[largest] + 1 - sum(rounded), 9)
    return rounded
