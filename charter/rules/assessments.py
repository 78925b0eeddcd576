"""Assessments that come before real data is used: of the impact on equality, and on data protection.

The charter says which, how far each must have come and before which purposes; a charter that names none for a purpose
lets no real data be used for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from charter.council.reading import MarkedRow, OneOf, Text, Words
from charter.errors import SignOffError
from charter.purposes import PURPOSES

__all__ = ["Assessment", "require_assessments"]

_STATES = ("not begun", "begun", "signed")


class Assessment(MarkedRow):
    """An assessment that must have come as far as `needed` before data is used for the purposes in `before`."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["equality_impact"])]
    title: Annotated[
        Text, Field(description="What it is called in a sentence.", examples=["the equality impact assessment"])
    ]
    state: Annotated[str, OneOf(_STATES), Field(description="How far it has come.", examples=["begun"])]
    needed: Annotated[str, OneOf(_STATES[1:]), Field(description="How far it must have come.", examples=["signed"])]
    before: Annotated[
        Words[Annotated[str, OneOf(PURPOSES)]],
        Field(description="Before data is used for which purposes.", examples=[["link", "train", "shadow"]]),
    ]
    reference: Annotated[
        str,
        Field(
            description="The minute or document that shows its state; without one it does not count.",
            examples=["Board minute 2026-03"],
        ),
    ] = ""

    @property
    def enough(self) -> bool:
        """Whether it has come far enough, with a reference that somebody can look up."""
        return bool(self.reference.strip()) and self._far_enough

    @property
    def _far_enough(self) -> bool:
        return _STATES.index(self.state) >= _STATES.index(self.needed)

    def say_missing(self) -> str:
        """Return in a sentence's part what it lacks: how far it must come, or the reference that shows that it has."""
        if not self._far_enough:
            return f"{self.title} is {self.state} and must be {self.needed}"
        return f"{self.title} is {self.state}, and names no minute or document that shows it (`reference`)"


def require_assessments(assessments: Iterable[Assessment], purpose: str, *, synthetic: bool) -> None:
    """Raise SignOffError unless every assessment that comes before `purpose` has come far enough.

    Data that is made up needs none. Real data needs at least one that must be signed.
    """
    if synthetic:
        return
    mine = [one for one in assessments if purpose in one.before]
    left = [assessment.say_missing() for assessment in mine if not assessment.enough]
    if not any(one.needed == "signed" for one in mine):
        left.append("the charter names no assessment to be signed before it")
    if left:
        raise SignOffError(
            f"real data may not be used to {purpose} yet: {'; '.join(left)}.",
            "Do the assessment, write its state and reference in the [[assessment]] of charter.toml, and sign again.",
        )
