"""The weight of a pair as a picture: what each trait adds or takes away, from what was likely before to the whole.

    before anything is compared      -14.2   ########|
    forename same                     +7.1       |####
    surname same                      +9.8           |######
    what people of one home share     -3.1               ##|
    the weight                        -0.4   |

A page of its own that needs no other file and no script: a picture (SVG) that is described, and its figures as a table.
It says how alike two records are and names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

__all__ = ["Explained", "draw_chart", "list_steps"]

_WIDTH, _ROW, _TOP, _EDGE = 340, 40, 34, 8
_FOR, _AGAINST, _WHOLE = "#1d5fa8", "#a3480f", "#333333"
_STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 1rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
svg { width: 100%; height: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #bbb }
td { text-align: right; white-space: nowrap }
thead th:last-child { text-align: right } tfoot th, tfoot td { font-weight: bold }
"""


@dataclass(frozen=True)
class Explained:
    """A pair's weight, the evidence in words, and its bits (people.Pair.bits); from which weight on it is joined."""

    name: str
    weight: float
    evidence: str
    bits: Sequence[float]
    threshold: float
    certain: float


class Step(NamedTuple):
    """What one part of the evidence adds to the weight: from where to where, in bits."""

    title: str
    bits: float
    start: float
    end: float


def list_steps(pair: Explained) -> Sequence[Step]:
    """Return the steps from nothing to the weight; the last is the weight itself."""
    first, *compared, shared = pair.bits
    parts = [("Before anything is compared", first)]
    parts += [
        (text[:1].upper() + text[1:], bits) for text, bits in zip(pair.evidence.split("; "), compared, strict=True)
    ]
    parts.append(("What people of one home share anyway", shared))
    steps, total = [], 0.0
    for title, bits in parts:
        if not title.endswith("not known to both"):
            steps.append(Step(title, bits, total, total + bits))
            total += bits
    if abs(pair.weight - total) >= 0.05:
        steps.append(Step("Somebody else fits as well", pair.weight - total, total, pair.weight))
    return [*steps, Step("The weight", pair.weight, 0.0, pair.weight)]


def draw_chart(pair: Explained) -> str:
    """Return the page (HTML) of a pair's weight."""
    steps = list_steps(pair)
    title = f"Why {pair.name} weighs {pair.weight:.1f} bits"
    rows = "".join(f"<tr><th scope='row'>{escape(of.title)}</th><td>{of.bits:+.1f}</td></tr>" for of in steps[:-1])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>
<p>{_say_outcome(pair)} One bit more doubles the odds that both are one person: 7 bits are 128 to 1.</p>
{_draw_picture(pair, steps)}
<table><caption>The same figures, in bits</caption>
<thead><tr><th scope="col">What is known</th><th scope="col">Bits</th></tr></thead>
<tbody>{rows}</tbody><tfoot><tr><th scope="row">The weight</th><td>{pair.weight:+.1f}</td></tr></tfoot></table>
</main></body></html>
"""


def _say_outcome(pair: Explained) -> str:
    if pair.weight >= pair.certain:
        return f"From {pair.certain:g} bits on a link is certain; this is more."
    if pair.weight >= pair.threshold:
        return (
            f"From {pair.threshold:g} bits on two are joined unless a rule keeps them apart; "
            f"under {pair.certain:g} the link is uncertain."
        )
    return f"Under {pair.threshold:g} bits a person decides."


def _draw_picture(pair: Explained, steps: Sequence[Step]) -> str:
    lowest = min(0.0, pair.threshold, *(min(of.start, of.end) for of in steps))
    highest = max(0.0, pair.certain, *(max(of.start, of.end) for of in steps))
    scale = (_WIDTH - 2 * _EDGE) / (highest - lowest)

    def place(bits: float) -> float:
        return _EDGE + (bits - lowest) * scale

    height = _TOP + _ROW * len(steps)
    marks = "".join(
        f"<line x1='{place(bits):.1f}' x2='{place(bits):.1f}' y1='{_TOP - 6}' y2='{height}' stroke='#555' "
        "stroke-dasharray='3 3'/>"
        f"<text x='{place(bits):.1f}' y='{y}' text-anchor='middle'>{word}</text>"
        for bits, word, y in ((pair.threshold, "joined", 12), (pair.certain, "certain", 25))
    )
    bars = "".join(_draw_step(of, place, number, last=of is steps[-1]) for number, of in enumerate(steps))
    said = "; ".join(f"{of.title} {of.bits:+.1f}" for of in steps)
    return f"""<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="chart-title chart-text" font-size="13"
  font-family="system-ui, sans-serif" fill="#1a1a1a">
<title id="chart-title">What adds up to the weight</title><desc id="chart-text">{escape(said)}</desc>
{marks}{bars}</svg>"""


def _draw_step(step: Step, place: Callable[[float], float], number: int, *, last: bool) -> str:
    top = _TOP + _ROW * number
    left, right = sorted((place(step.start), place(step.end)))
    colour = _WHOLE if last else _FOR if step.bits >= 0 else _AGAINST
    return (
        f"<text x='{_EDGE}' y='{top + 13}' stroke='#fff' stroke-width='3' paint-order='stroke'>"
        f"{escape(step.title)} {step.bits:+.1f}</text>"
        f"<rect x='{left:.1f}' y='{top + 18}' width='{max(right - left, 1):.1f}' height='14' fill='{colour}'/>"
    )
