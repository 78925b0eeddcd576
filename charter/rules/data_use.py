"""Whether the list needs the data it is given, and whether one piece carries it: `[data_use]` of `charter.toml`.

    needed     each service's data is shown to help; one whose loss is wholly within the board's margin for a simpler
               list is not needed, and goes on being used only with a reason that a role signs (`[[waiver]]`)
               so does a piece of data of a service that is needed
    carried    no service and no piece of data makes more than a stated share of the order, and none at all that tells
               which worker or team acted (`identifies_worker` of a signal in register.toml)

Neither blocks: what is not shown goes to the board, every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from charter.council.reading import MarkedRow
from charter.rules.verdicts import Verdict
from charter.rules.waivers import Waiver, find_waiver, say_waived

__all__ = [
    "CARRIED",
    "DATA_NEEDED",
    "GATES",
    "HELPS",
    "NOT_STUDIED",
    "OF_WORKERS",
    "PIECE_NEEDED",
    "UNREAD",
    "DataUse",
    "answer_data_use",
    "list_about_lists",
    "say_data_use",
]

DATA_NEEDED = "data_needed"
PIECE_NEEDED = "piece_needed"
"""The measure of single pieces of data, which the question about services asks as well."""
CARRIED = "order_carried"
GATES = (DATA_NEEDED, CARRIED)
"""The questions' ids, which a waiver may name, and their findings' measures."""

UNREAD, NOT_NEEDED, HELPS, OPEN, NOT_STUDIED = "unread", "not needed", "helps", "cannot be told", "not studied"
OF_WORKERS = "tells which worker or team acted"
"""The note of a share of the order that a worker's or team's identity makes."""
HARM = "needless intrusion"
_QUESTIONS = {
    DATA_NEEDED: "Does the list need each service's data that it is given?",
    CARRIED: "Does the order rest on more than one service and one piece of data?",
}


def list_about_lists(questions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the questions of a decision about its lists, without those about data.

    That the list does without a service is known, and goes to the board: counted as "cannot be told" it would be false.
    """
    return [question for question in questions if question["gate"] not in GATES]


class DataUse(MarkedRow):
    """What is asked of the data that a list rests on."""

    carries_at_most: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="The largest share of what moves the order that one service, or one piece of data, may make "
            "before the board is asked.",
            examples=[0.5],
        ),
    ] = 0.5


def answer_data_use(
    data_use: DataUse, findings: Mapping[str, Any], waivers: Sequence[Waiver], today: date, margin_of_100: float
) -> list[dict[str, Any]]:
    """Return both answers as verdicts of a decision document: one for each service and for each part that carries.

    `margin_of_100` is how many fewer of 100 listed the board gives for a simpler list. A finding's `component` names
    the service; of a piece of data its title.
    """
    needed = [row for row in findings["findings"] if row["measure"] == DATA_NEEDED]
    shares = [row for row in findings["findings"] if row["measure"] == CARRIED and row["estimate"] is not None]
    answers = [_answer_needed(row, margin_of_100) for row in needed] or [_answer_nothing(DATA_NEEDED)]
    answers += [
        _answer_piece(row, margin_of_100)
        for row in findings["findings"]
        if row["measure"] == PIECE_NEEDED and row.get("note") == NOT_NEEDED
    ]
    answers += _answer_carried(data_use, shares) if shares else [_answer_nothing(CARRIED)]
    return [_waive(answer, waivers, today).as_document() for answer in answers]


def say_data_use(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Say which services' data the list does without and what carries it; empty where neither, or all is waived."""
    standing = [verdict for verdict in verdicts if not verdict["waiver"]]
    without = [str(verdict["group"]).replace("_", " ") for verdict in standing if verdict["reason"] == "not needed"]
    pieces = [f"\u201c{verdict['group']}\u201d" for verdict in standing if verdict["reason"] == "piece not needed"]
    sentences = [verdict["sentence"] for verdict in standing if verdict["reason"] == "carried"]
    if pieces:
        sentences.insert(0, f"The list does without {', '.join(pieces)}.")
    if without:
        sentences.insert(0, f"The list does without the data of {', '.join(without)}.")
    return "".join(f" {sentence}" for sentence in sentences)


def _answer_needed(row: Mapping[str, Any], margin_of_100: float) -> Verdict:
    name = str(row["component"]).replace("_", " ")
    fewer = "" if row["estimate"] is None else f"{_say_fewer(row)} without the data of {name}"
    verdict, reason, sentence = {
        HELPS: ("pass", "limit", f"{fewer}: it is shown to help."),
        UNREAD: (
            "insufficient",
            "not needed",
            f"The order reads nothing of {name}: you may stop receiving its records for putting families in order.",
        ),
        NOT_NEEDED: (
            "insufficient",
            "not needed",
            f"{fewer}, wholly within the margin of {margin_of_100:g}: you may stop receiving its records for putting"
            " families in order.",
        ),
        OPEN: (
            "insufficient",
            "not shown",
            f"{fewer or name.capitalize()}. Cannot be told: whether it helps is not shown.",
        ),
    }.get(
        str(row.get("note")),
        (
            "insufficient",
            "not shown",
            f"Cannot be told of {name}: nobody has left it out yet. `sooner train --studies` does.",
        ),
    )
    return Verdict(
        DATA_NEEDED, _QUESTIONS[DATA_NEEDED], HARM, verdict, reason, sentence, DATA_NEEDED, row, group=row["component"]
    )


def _answer_piece(row: Mapping[str, Any], margin_of_100: float) -> Verdict:
    """Return the answer about one piece of data that the order reads and does without."""
    sentence = (
        f"{_say_fewer(row)} without \u201c{row['component']}\u201d, wholly within the margin of {margin_of_100:g}: the"
        " list does without it."
    )
    return Verdict(
        DATA_NEEDED,
        _QUESTIONS[DATA_NEEDED],
        HARM,
        "insufficient",
        "piece not needed",
        sentence,
        PIECE_NEEDED,
        row,
        group=row["component"],
    )


def _say_fewer(row: Mapping[str, Any]) -> str:
    ends = row["interval"]
    between = "no interval" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"
    return f"{100 * row['estimate']:.1f} fewer of 100 listed ({between})"


def _answer_carried(data_use: DataUse, shares: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Return an answer for each part that carries too much, or one that none does."""
    question, most = _QUESTIONS[CARRIED], data_use.carries_at_most
    carrying = [row for row in shares if row["estimate"] > (0.0 if row.get("note") == OF_WORKERS else most)]
    if not carrying:
        top = max(shares, key=lambda row: row["estimate"])
        sentence = f"The most is {_say_share(top)}, within {100 * most:g} %."
        return [Verdict(CARRIED, question, HARM, "pass", "limit", sentence, CARRIED, top)]
    return [
        Verdict(
            CARRIED,
            question,
            HARM,
            "insufficient",
            "carried",
            _ask_carried(row, most),
            CARRIED,
            row,
            group=row["component"],
        )
        for row in carrying
    ]


def _ask_carried(row: Mapping[str, Any], most: float) -> str:
    if row.get("note") == OF_WORKERS:
        return f"{_say_share(row)}, which {OF_WORKERS}: should it move the order?"
    return f"{_say_share(row)}, more than {100 * most:g} %: is the list meant to be one of that alone?"


def _answer_nothing(gate: str) -> Verdict:
    sentence = "Cannot be told: the audit found nothing out about it. Audit the run again with `sooner audit run`."
    return Verdict(gate, _QUESTIONS[gate], HARM, "insufficient", "not shown", sentence, gate, None)


def _say_share(row: Mapping[str, Any]) -> str:
    return f"{100 * row['estimate']:.0f} % of what moves the order is {str(row['component']).replace('_', ' ')}"


def _waive(answer: Verdict, waivers: Sequence[Waiver], today: date) -> Verdict:
    waiver = find_waiver(waivers, answer.gate, answer.group, today)
    if waiver is None or answer.verdict == "pass":
        return answer
    return replace(answer, sentence=f"{answer.sentence} {say_waived(waiver)}", waiver=waiver)
