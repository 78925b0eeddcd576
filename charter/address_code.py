"""A public address as a QR code, for paper: posters, letters, cards."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup

__all__ = ["draw_address_code"]


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
