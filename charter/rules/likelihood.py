"""How likely a need is, from a margin: the calibration that a release carries, for training and serving alike.

    platt      1 / (1 + exp(-(slope * margin + intercept)))
    isotonic   straight lines between the knots (margin, likelihood), level beyond the first and the last

Bands are cut on it, and nothing else is: ranking stays on the raw margin. Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError

__all__ = ["compute_likelihood"]

Float = NDArray[np.float64]


def compute_likelihood(calibration: Mapping[str, Any], margins: Float) -> Float:
    """Return the likelihood of each margin, between 0 and 1; one that names no method is Platt's.

    Raises DataError for a method that this version does not know.
    """
    method = calibration.get("method", "platt")
    if method == "platt":
        slope, intercept = float(calibration.get("slope", 1.0)), float(calibration.get("intercept", 0.0))
        return np.asarray(1.0 / (1.0 + np.exp(-(slope * margins + intercept))))
    if method == "isotonic":
        return np.asarray(np.interp(margins, calibration["margins"], calibration["likelihoods"]))
    raise DataError(f"the calibration method {method!r} is not known.", "Train and promote again with this version.")
