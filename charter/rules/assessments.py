"""Assessments that come before real data is used: of the impact on equality, and on data protection.

The charter says which, how far each must have come and before which purposes; a charter that names none for a purpose
lets no real data be used for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from charter.council.reading import Table
from charter.errors import CharterError, SignOffError

__all__ = ["Assessment", "read_assessment", "require_assessments"]

_STATES = ("not begun", "begun", "signed")


@dataclass(frozen=True)
class Assessment:
    """An assessment that must have come as far as `needed` (begun or signed) before data is used for `before`.

    `reference` is the minute or document that shows its state; without one it does not count.
    """

    id: str
    title: str
    state: str
    needed: str
    before: frozenset[str]
    reference: str

    @property
    def enough(self) -> bool:
        """Whether it has come far enough, with a reference that somebody can look up."""
        return bool(self.reference.strip()) and _STATES.index(self.state) >= _STATES.index(self.needed)


def read_assessment(row: Table, purposes: Collection[str]) -> Assessment:
    """Read one [[assessment]]; raise CharterError for a state or purpose that does not exist."""
    one = Assessment(
        id=row.take("id", str),
        title=row.take("title", str),
        state=row.one_of("state", _STATES),
        needed=row.one_of("needed", _STATES[1:]),
        before=frozenset(row.words("before")),
        reference=row.take("reference", str, default=""),
    )
    row.done()
    if not one.before <= set(purposes):
        raise CharterError(
            f"charter.toml: the assessment {one.id} comes before a purpose that does not exist.",
            f"Choose from: {', '.join(purposes)}.",
        )
    return one


def require_assessments(assessments: Iterable[Assessment], purpose: str, *, synthetic: bool) -> None:
    """Raise SignOffError unless every assessment that comes before `purpose` has come far enough.

    Data that is made up needs none. Real data needs at least one that must be signed.
    """
    if synthetic:
        return
    mine = [one for one in assessments if purpose in one.before]
    left = [f"{one.title} is {one.state} and must be {one.needed}" for one in mine if not one.enough]
    if not any(one.needed == "signed" for one in mine):
        left.append("the charter names no assessment to be signed before it")
    if left:
        raise SignOffError(
            f"real data may not be used to {purpose} yet: {'; '.join(left)}.",
            "Do the assessment, write its state and reference in the [[assessment]] of charter.toml, and sign again.",
        )
