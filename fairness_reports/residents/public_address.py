"""How residents reach the council: in a sentence, and as a QR code of the pages' public address and of nothing else."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup

from charter.council.council import Council
from charter.council.public_file import PublicFile

__all__ = ["draw_address_code", "say_reach"]


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


def draw_address_code(address: str) -> Markup:
    """Return the QR code of a public address as an SVG; '' where there is none.

    Nothing is added to the address: no campaign, no person, no place, so that whoever scans it tells nothing.
    """
    if not address:
        return Markup()
    drawing = io.BytesIO()
    code = segno.make_qr(address, error="m")
    code.save(drawing, kind="svg", xmldecl=False, svgns=True, title=f"QR code: {address}", omitsize=True, border=4)
    return Markup(drawing.getvalue().decode("utf-8"))  # noqa: S704 - segno escapes the title; the rest are lines
