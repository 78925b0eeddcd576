"""The access table as a page, made from the one function that decides what may be shown."""

from __future__ import annotations

from pathlib import Path

from charter.rules.policy import Policy
from charter.rules.showing import STATES, WAYS
from serving.access_table import SCOPES, answer_cell, list_doors

_INTRODUCTION = """# Who is shown what, when

Whether anything of a household is shown, or done with it, is decided in one place (`charter/rules/showing.py`), which
pages, API, scores, paper, blind review, second look, explain, trace, reproduce and exports ask alike. A conflict of
interest is about people: whoever said that they know a family is shown nothing of anybody who lived in that household,
on whichever list, past or present, of whichever programme. On paper, the families that its holder knows are left out.

A test asks every route and verb of this page as every role, for every case, in every state of a list, and holds that
the answers are these.
"""


def access_reference(council: Path) -> str:
    """Return the page, with the roles of a council's charter."""
    roles = Policy.read(council / "charter.toml").acting
    doors = list_doors()
    lines = [_INTRODUCTION, "## States of a list\n", "| state | |", "|---|---|"]
    lines += [f"| {state} | {words} |" for state, words in STATES.items()]
    lines += ["", "## Ways out\n", "What is shown to a role that may, by the state of the list.\n"]
    lines += ["| way | " + " | ".join(STATES) + " | purpose | practised | also taken off |", "|---|" + "---|" * 7]
    for way in WAYS.values():
        states = " | ".join("yes" if state in way.states else "no" for state in STATES)
        practised, taken_off = "must be" if way.practised else "", "yes" if way.taken_off else ""
        lines.append(f"| {way.title} | {states} | {way.purpose} | {practised} | {taken_off} |".replace("  |", " |"))
    lines += ["", "## Routes and verbs\n", "To a role that may, by whose case it is; `shown`, or why not.\n"]
    lines += [
        "| | | way | roles | state | " + " | ".join(SCOPES) + " |",
        "|---|---|---|---|---|" + "---|" * len(SCOPES),
    ]
    for door in doors:
        able = ", ".join(role.title for role in roles.able(door.act))
        for answers, states in _group_states(door).items():
            lines.append(
                f"| `{door.path}` | {door.method} | {WAYS[door.way].title.split(':')[0]} | {able} | {states} | "
                + " | ".join(answers)
                + " |"
            )
    return "\n".join(lines) + "\n"


def _group_states(door: object) -> dict[tuple[str, ...], str]:
    """Return the states in which a door answers alike, by its answers to each kind of case."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for state in STATES:
        answers = tuple(answer_cell(door, role_may=True, scope=scope, state=state) for scope in SCOPES)
        groups.setdefault(answers, []).append(state)
    return {answers: ", ".join(states) for answers, states in groups.items()}
