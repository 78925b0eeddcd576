"""The words that people read: need and likelihood, never the word that calls a family a danger."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from charter.council.reading import broken

__all__ = ["PlainText"]


def _plain(text: str) -> str:
    if "risk" in text.lower():
        raise broken(f"says {text!r}", "Write need or likelihood, which is what is measured.")
    return text


PlainText = Annotated[str, AfterValidator(_plain)]
"""A text that people read on a page."""
