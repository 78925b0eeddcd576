"""Whether anything of a household may be shown, or done with it: the one function that every way out asks.

    pages, API, scores, paper, blind review, second look, explain, trace, reproduce, exports
      ->  an `Asking`: which way, whether the role and team may, in which state the list is, what stands against it
      ->  `find_refusals`: nothing, or each reason why not, in the order in which it is said

`WAYS` is the table: for each way out, the states of a list in which it shows anything, and whose exceptions it makes.
A page or endpoint names its way in its row, a verb in its declaration; a test asks every one of them in every state
(docs/reference/access.md). Nothing here reads a file: who asks gathers the facts (serving.asking_to_show).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "ASK_FOR_HELP",
    "ENDED",
    "LIVE",
    "SHADOW",
    "STATES",
    "SUSPENDED",
    "WAYS",
    "Asking",
    "Refusal",
    "Standing",
    "Way",
    "find_refusals",
]

LIVE, SHADOW, SUSPENDED, ENDED = "live", "shadow", "suspended", "ended"
STATES: Mapping[str, str] = {
    LIVE: "it may be shown, and holds still",
    SHADOW: "it is made to be measured, and shown to nobody",
    SUSPENDED: "a role stopped it, or something that it rests on",
    ENDED: "its days are over",
}
"""What a list can be. One that is suspended is that first, then in shadow, then ended."""

ASK_FOR_HELP = "Work with requests for help as before: they never pass through the list."
"""What to do while no list is shown."""


@dataclass(frozen=True)
class Standing:
    """The state of a list, and the sentence that says why it isn't live; '' where it is."""

    state: str
    sentence: str = ""


@dataclass(frozen=True)
class Way:
    """One way in which something of a household leaves: its title, its purpose, and the states in which it is open.

    `taken_off`: also of a household that was taken off its list. `practised`: only for whoever has practised on the
    made-up cases. Nothing of a household leaves to somebody who said that they know the family.
    """

    id: str
    title: str
    purpose: str
    states: frozenset[str]
    taken_off: bool = False
    practised: bool = False


_ANY = frozenset(STATES)

WAYS: Mapping[str, Way] = {
    way.id: way
    for way in (
        Way("list", "A team's list", "display", frozenset({LIVE, ENDED})),
        Way("case", "A case", "display", frozenset({LIVE, ENDED})),
        Way("decision", "A decision", "rank", frozenset({LIVE}), practised=True),
        Way("transfer", "Moving a case to another team", "rank", frozenset({LIVE})),
        Way("step_up", "Stepping up: a worry about somebody's safety waits for no list", "rank", _ANY),
        Way("answer", "An own view, an answer to a challenge, saying that one knows the family", "rank", _ANY),
        Way("score", "Scores of listed households", "rank", frozenset({LIVE})),
        Way("paper", "A list on paper", "display", frozenset({LIVE})),
        Way("blind", "Blind review: without name, place or rank", "evaluate", frozenset({LIVE, SHADOW, ENDED})),
        Way("second_look", "A manager's second look, without names", "evaluate", frozenset({LIVE, ENDED})),
        Way("rows", "The rows behind a value", "evaluate", frozenset({LIVE, SHADOW, ENDED})),
        Way("trace", "Whom a fault touched: asked most when lists are stopped", "evaluate", _ANY, taken_off=True),
        Way("sealed", "A sealed record made again, for complaints", "evaluate", _ANY, taken_off=True),
        Way("rights", "What is held of a person, for themself", "display", _ANY, taken_off=True),
    )
}
"""Every way out, by its id."""


@dataclass(frozen=True)
class Asking:
    """Who asks for what: the facts that decide it.

    `role_may` and `in_team`: whether the role may do the act at all, and for the team that works the case. `knows`:
    whether whoever asks said of anybody in the household that they know the family.
    """

    way: str
    standing: Standing
    role_may: bool = True
    in_team: bool = True
    knows: bool = False
    taken_off: bool = False
    practised: bool = True


@dataclass(frozen=True)
class Refusal:
    """One reason why not: its id, the HTTP status of an answer that gives it, the sentence, and what to do instead.

    `state` is how the list stands, where that is the reason.
    """

    id: str
    status: int
    message: str
    next_step: str
    state: str = ""


_NOT_YOURS = ("Your role does not do this.", "Ask your manager if you need it.")
_OTHER_TEAM = ("This is another team's.", "Ask your manager for the team, or the team itself.")
_TAKEN_OFF = ("This household was taken off the list.", "Go back to the worklist.")
_KNOWN = ("You said that you know this family, so somebody else decides.", "Your manager sees to it.")
_UNPRACTISED = (
    "You have not practised on the made-up cases, or too long ago.",
    "Open Practice and find the cases that the list has wrong. Stepping up never waits for it.",
)
_INSTEAD_OF_ENDED = (
    "Open the newest list: where the household is on it, decide there. Where it is not, offer help as you would to "
    "anybody who asks, and step up at once if you worry that somebody isn't safe."
)


def find_refusals(asking: Asking) -> tuple[Refusal, ...]:
    """Return every reason why this is not shown or done, in the order in which they are said; none where it may be."""
    way, state = WAYS[asking.way], asking.standing.state
    refusals = []
    if not asking.role_may:
        refusals.append(Refusal("role", 403, *_NOT_YOURS))
    elif not asking.in_team:
        refusals.append(Refusal("team", 403, *_OTHER_TEAM))
    if asking.taken_off and not way.taken_off:
        refusals.append(Refusal("taken_off", 410, *_TAKEN_OFF))
    if asking.knows:
        refusals.append(Refusal("conflict", 403, *_KNOWN))
    if state not in way.states:
        # A list of which nobody knows how it stands is shown to nobody.
        ended = state == ENDED
        instead = _INSTEAD_OF_ENDED if ended else ASK_FOR_HELP
        refusals.append(Refusal("ended" if ended else "silence", 409, asking.standing.sentence, instead, state))
    if way.practised and not asking.practised:
        refusals.append(Refusal("practice", 403, *_UNPRACTISED))
    return tuple(refusals)
