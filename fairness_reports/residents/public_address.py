"""How residents reach the council, in a sentence."""

from __future__ import annotations

from charter.council.council import Council
from charter.council.public_file import PublicFile

__all__ = ["say_reach"]


def say_reach(council: Council, public: PublicFile) -> str:
    """Return how to reach the council about data, by every way that it named."""
    ways = [
        way
        for way, place in (
            (f"write to {council.contact}", council.contact),
            (f"ring {public.phone}", public.phone),
            (f"post a letter to {public.post}", public.post),
        )
        if place
    ]
    if not ways:
        return "The council has not said here yet how to reach it."
    last = ways.pop()
    sentence = f"{', '.join(ways)} or {last}" if ways else last
    return f"{sentence[0].upper()}{sentence[1:]}."
