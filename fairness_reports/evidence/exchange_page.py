"""The page of what other councils' figures make of this council's: both intervals as a picture; how much is lent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from charter.contracts.files import write_json, write_text
from charter.invocation import Invocation
from charter.rules.measures import MEASURES
from fairness_reports.evidence.paper import render_paper

__all__ = ["draw_pairs", "write_exchange_page"]

_WIDE, _LEFT, _ROW, _TOP, _BELOW = 640, 190, 40, 8, 52
_FAR = 4.0
"""A ratio beyond so many times, or one by so many, is drawn as reaching the edge."""

Pair = tuple[str, Sequence[float] | None, Sequence[float]]


def write_exchange_page(invocation: Invocation, strength: Mapping[str, Any], words: str) -> Path:
    """Write `exchange.html` and `exchange.json` of the programme, and return where the page is."""
    page = render_paper(
        "exchange.html",
        council=invocation.council.name,
        programme=invocation.programme,
        strength=strength,
        sentences=words.replace("`", "").splitlines(),
        questions=[_word_question(question) for question in strength["questions"]],
        councils=[_word_council(council) for council in strength["councils"]],
    )
    folder = invocation.workspace.exchange
    write_json(folder / "exchange.json", strength)
    write_text(folder / "exchange.html", page)
    return folder / "exchange.html"


def _word_question(question: Mapping[str, Any]) -> dict[str, Any]:
    groups = [group for group in question["groups"] if group["with_peers"]]
    pairs: list[Pair] = [(str(group["group"]), group["interval"], group["with_peers"]["interval"]) for group in groups]
    return {
        "heading": f"{MEASURES[question['measure']].asked.capitalize()}: {question['characteristic']}",
        "words": question["question"],
        "picture": Markup(draw_pairs(pairs, question["limit"])),  # noqa: S704 - escaped where drawn
        "apart": f"{question['councils_within']:.2f}",
        "rows": [_word_group(group) for group in groups],
    }


def _word_group(group: Mapping[str, Any]) -> dict[str, Any]:
    peers = group["with_peers"]
    return {
        "group": group["group"],
        "own": _say_range(group["ratio"], group["interval"]),
        "with_peers": _say_range(peers["ratio"], peers["interval"]),
        "weight": f"{100 * peers['own_weight']:.0f}",
        "councils": peers["councils"],
        "unlike": "unlike the others: borrow nothing" if peers["unlike"] else "",
    }


def _say_range(ratio: float | None, interval: Sequence[float | None] | None) -> str:
    if ratio is None:
        return "no figure"
    low, high = interval or (None, None)
    ends = [f"{end:.2f}" if end is not None else "no limit" for end in (low, high)]
    return f"{ratio:.2f} ({ends[0]} to {ends[1]})"


def _word_council(council: Mapping[str, Any]) -> dict[str, Any]:
    points = council["points"] or {"list": [], "figures": []}
    return {
        "title": council["title"],
        "measured_on": council["measured_on"],
        "points": [
            f"{rule['feature'].replace('_', ' ')} {'at least' if rule['at_least'] else 'under'} {rule['threshold']:g}:"
            f" {rule['points']}"
            for rule in points["list"]
        ],
        "figures": [
            f"{MEASURES[row['measure']].title.rstrip('.')}: {100 * row['share']:.0f} in 100"
            f" ({100 * row['interval'][0]:.0f} to {100 * row['interval'][1]:.0f})"
            for row in points["figures"]
            if row["measure"] in MEASURES
        ],
    }


def draw_pairs(pairs: Sequence[Pair], limit: float) -> str:
    """Return for each group its own interval (thin, grey) above the one with peers (thick, blue), as an SVG."""
    bottom = _TOP + _ROW * len(pairs)

    def across(ratio: float) -> float:
        log = math.log(min(max(ratio, 1 / _FAR), _FAR)) / math.log(_FAR)
        return (_LEFT + _WIDE - 12) / 2 + (_WIDE - 12 - _LEFT) / 2 * log

    parts = [
        f'<line x1="{across(at):.1f}" x2="{across(at):.1f}" y1="{_TOP}" y2="{bottom}" stroke="{colour}"{dash}/>'
        for at, colour, dash in ((1.0, "#0b0c0c", ""), (limit, "#d4351c", ' stroke-dasharray="4 3" stroke-width="2"'))
    ]
    for number, (name, own, with_peers) in enumerate(pairs):
        y = _TOP + _ROW * number + _ROW / 2
        parts.append(f'<text x="0" y="{y + 5:.1f}">{escape(name[:26])}</text>')
        for interval, below, colour, width in ((own, -7, "#505a5f", 3), (with_peers, 7, "#1d70b8", 8)):
            low, high = interval or (None, None)
            if low is not None and high is not None:
                parts.append(
                    f'<line x1="{across(low):.1f}" x2="{across(high):.1f}" y1="{y + below:.1f}" y2="{y + below:.1f}"'
                    f' stroke="{colour}" stroke-width="{width}"/>'
                )
    parts += [
        f'<text x="{across(at):.1f}" y="{bottom + 20}" text-anchor="middle">{words}</text>'
        for at, words in ((1 / _FAR, ""), (0.5, "half"), (1.0, "alike"), (2.0, "twice"))
    ]
    parts.append(f'<text x="{across(limit):.1f}" y="{bottom + 42}" text-anchor="middle" fill="#aa2a16">limit</text>')
    return (
        f'<svg viewBox="0 0 {_WIDE} {bottom + _BELOW}" role="img" aria-label="Each group beside everyone else: own'
        ' interval, and with other councils" width="100%" style="max-width:40rem;min-width:20rem" font-size="14"'
        f' fill="#0b0c0c">{"".join(parts)}</svg>'
    )
