"""`sooner exchange`: this council's intervals beside those that other councils' figures make of them, and how much.

A recommendation to read, like pooled estimates (`charter.rules.certainty.pooling`): the gate asks for the council's own
intervals, and neither pass nor failure comes of what is borrowed.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from charter.invocation import Invocation
from charter.rules.certainty.compared_groups import list_rows
from charter.rules.certainty.failing import count_households
from charter.rules.certainty.pooling import weigh_row
from charter.rules.certainty.score_test import find_share_ends
from charter.rules.measures import MEASURES
from charter.rules.policy import Policy
from charter.rules.questions import NOT_SHARES, Gate
from charter.signing.exchanges import ExchangeFile, Peer, require_exchange
from fairness_reports.exchange.borrowing import Borrowed, borrow_strength
from fairness_reports.exchange.own_figures import list_exchanged
from fairness_reports.exchange.peer_figures import list_peers, weigh_told
from fairness_reports.exchange.telling import read_newest_findings

__all__ = ["measure_strength", "say_strength", "strengthen_findings"]

Told = Sequence[tuple[Peer, Mapping[str, Any]]]

_EXPECTED = 1.5
"""9 in 10 groups within so many times of everyone else, where the charter has no [pooling]: as the shipped one says."""


def measure_strength(invocation: Invocation) -> dict[str, Any]:
    """Return the newest audit's figures with what peers told.

    Raises DataError where there is no audit or no peer's file, and what `require_exchange` and `list_peers` raise.
    """
    findings = read_newest_findings(invocation)
    exchange = require_exchange(invocation, synthetic=bool(findings["synthetic"]))
    peers = list_peers(exchange, invocation.workspace.exchange / "peers")
    if not peers:
        raise DataError("no other council's figures were read yet.", "Type `sooner exchange read FILE`.")
    return strengthen_findings(findings, invocation.policy.of(invocation.programme), exchange, peers)


def strengthen_findings(
    findings: Mapping[str, Any], policy: Policy, exchange: ExchangeFile, told: Told
) -> dict[str, Any]:
    """Return each exchanged question's groups: own ratio and interval, those with peers, and how much is borrowed."""
    questions = [
        question
        for gate in list_exchanged(policy)
        if (question := _strengthen_question(gate, findings, policy, exchange, told)) is not None
    ]
    shares = [group["width"] for question in questions for group in question["groups"] if group["width"]]
    return {
        "run": findings["run"],
        "expected": exchange.sentence,
        "councils": [
            {
                "id": peer.id,
                "title": peer.title,
                "measured_on": document["measured_on"],
                "points": _describe_points(document["points"]),
            }
            for peer, document in told
        ],
        "questions": questions,
        "width": statistics.fmean(shares) if shares else None,
    }


def _strengthen_question(
    gate: Gate, findings: Mapping[str, Any], policy: Policy, exchange: ExchangeFile, told: Told
) -> dict[str, Any] | None:
    rows = list_rows(gate, findings, policy.not_recorded)[0]
    names = [str(row["group"]) for row in rows]
    figures = [_weigh_own(gate, row) for row in rows]
    peers = [weigh_told(document, gate.measure, gate.characteristic, names) for _, document in told]
    if not any(likelihood is not None for likelihood in figures):
        return None
    groups = policy.pooling.within if policy.pooling else _EXPECTED
    strength = borrow_strength(figures, peers, groups, exchange.within)
    return {
        "gate": gate.id,
        "question": gate.question,
        "measure": gate.measure,
        "characteristic": gate.characteristic,
        "limit": gate.limit,
        "at_least": gate.at_least,
        "councils_within": strength.within,
        "groups": [_write_group(row, borrowed) for row, borrowed in zip(rows, strength.groups, strict=True)],
    }


def _weigh_own(gate: Gate, row: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Return how likely the group's own figures are; None of an average over fewer than the question asks about."""
    fewest = min(count_households(row), count_households(row.get("rest") or {}))
    if gate.measure in NOT_SHARES and not MEASURES[gate.measure].rate and fewest < gate.minimum_positives:
        return None
    return weigh_row(gate, row)


def _write_group(row: Mapping[str, Any], borrowed: Borrowed | None) -> dict[str, Any]:
    interval = row.get("ratio_interval")
    written: dict[str, Any] = {
        "group": row["group"],
        "finding": row["id"],
        "ratio": row.get("ratio"),
        "interval": interval,
        "with_peers": None,
        "width": None,
    }
    if borrowed is None:
        return written
    low, high = borrowed.interval
    return written | {
        "with_peers": {
            "ratio": borrowed.ratio,
            "interval": [low, high],
            "own_weight": borrowed.own,
            "borrowed": borrowed.is_borrowed,
            "councils": borrowed.councils,
            "expected": list(borrowed.expected),
            "unlike": borrowed.unlike,
        },
        # How wide it is by how wide it was: of ratios, as they are read.
        "width": (high - low) / wide if borrowed.councils and (wide := _find_width(interval)) else None,
    }


def _find_width(interval: Sequence[float | None] | None) -> float:
    """Return how wide an interval is; 0 where it has an open end, or there is none."""
    low, high = interval or (None, None)
    return 0.0 if low is None or high is None else high - low


def _describe_points(points: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a peer's points list with its figures as shares with intervals; None where it told of none."""
    if points is None:
        return None
    figures = []
    for row in points["figures"]:
        figure = row["figure"]
        if figure is None or not figure["of"]:
            continue
        share = figure["counted"] / figure["of"]
        low, high = (float(end) for end in find_share_ends(share, figure["of"]))
        figures.append({"measure": row["measure"], "share": share, "interval": [low, high], "of": figure["of"]})
    return {"list": points["list"], "figures": figures}


def say_strength(document: Mapping[str, Any]) -> str:
    """Say it in a few lines: from whom, how much narrower, whom it is unlike."""
    titles = [str(council["title"]) for council in document["councils"]]
    councils = " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles) or "nobody yet"
    groups = [(question, group) for question in document["questions"] for group in question["groups"]]
    with_peers = [(question, group) for question, group in groups if group["with_peers"]]
    if document["width"] is None:
        return f"Read: {councils}. They told nothing of the groups that were audited here, so nothing is borrowed."
    borrowed = sum(group["with_peers"]["borrowed"] for _, group in with_peers)
    lines = [
        f"With {councils} the intervals of {len(with_peers)} comparisons are on average"
        f" {100 * document['width']:.0f} in 100 as wide as with our own figures alone. Of {borrowed} of them most is"
        " borrowed: they say more of others than of us.",
        f"{document['expected']} Nothing is decided by what is borrowed: the charter's questions ask for our own.",
    ]
    lines += [
        f"{group['group']} ({question['characteristic']}, {question['measure'].replace('_', ' ')}): our own figure is"
        " unlike those of the others. Look at it first, and borrow nothing for it."
        for question, group in with_peers
        if group["with_peers"]["unlike"]
    ]
    return "\n".join(lines)
