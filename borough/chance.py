"""Seeded randomness: one independent stream for each named purpose, so that a change in one leaves the others alone."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chance"]


class Chance:
    """The borough's dice: `stream("need")` gives the same numbers for the same seed, whatever else is drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, *purpose: str) -> np.random.Generator:
        """Return the generator of one purpose."""
        return np.random.Generator(np.random.PCG64([self.seed, zlib.crc32("/".join(purpose).encode())]))

    @staticmethod
    def happens(rng: np.random.Generator, chance: NDArray[np.float32] | float, size: int) -> NDArray[np.intp]:
        """Return the indices, ascending, of the `size` cells in which an event of the given chance happens."""
        return np.flatnonzero(rng.random(size, dtype=np.float32) < chance)
