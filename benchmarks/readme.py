"""`python -m benchmarks.readme`: write README.md, the page of the verbs and their charts from results.json.

`--check` says whether they lag.
"""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS
from benchmarks.sizing import fill_sizing_table
from benchmarks.verb_costs import draw_verbs, write_verbs_page
from charter.contracts.files import read_json, write_text

FOLDER = Path(__file__).parent
PAGE, CHART = FOLDER / "README.md", FOLDER / "peers.svg"
EXPLAINED = FOLDER.parent / "docs" / "explanation"
WORKED = FOLDER.parent / "docs" / "how-to" / "work-a-list.md"
DEPLOYED = FOLDER.parent / "docs" / "how-to" / "deploy.md"
_OF_A_CASE = ("case page, ", "a case by keyboard")
VERBS, BARS = EXPLAINED / "what-each-verb-costs.md", EXPLAINED / "verb-costs.svg"

_INTRO = """# Benchmarks

Each performance claim is a script here. `make bench` runs them all, `make bench ONLY=NAME` those whose name contains
NAME; results.json keeps the newest row of each figure, missed goals included, and this page is made from it
(`python -m benchmarks.readme`).

Peers run in environments of their own, versions pinned: `python -m benchmarks.peers.set_up` makes them under
`benchmarks/peers/.venvs` (Triage also needs a PostgreSQL server). What can't run is said in its row, never guessed.
Contenders take turns, three rounds, and a figure is the median; one whose first run takes over three minutes runs once,
and its row says so. CPU seconds stand beside wall seconds; compiled code is compiled before the clock starts.
"""

_DISTRUST = """## What to distrust

- One machine of 2 cores, shared with other work while most of these ran: the same work took up to four times as long
  from one minute to the next. Read ratios, not seconds; where wall and CPU ratios disagree, CPU is the steadier one.
- The tables are drawn from a seed. Real records are more uneven, and a council's storage is slower.
- Frameworks that do less are said to do less. None of them was tuned by its authors; each script says how it was used.
- A hand-written query in DuckDB, polars or pandas answers these 176 columns and no others. Ours reads a definition.
- Full-size peers run once where a run takes over three minutes; read those as plus or minus a third.
- Triage's loading and indexing are not counted, nor is Spark's start-up.
- The judged boroughs are as large as their rows say. The goals are for a larger one of 1.1 million households:
  `SOONER_JUDGED="110000 1100000 5"` judges whole ones.
"""


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page: what this is, the table, the chart, what to distrust."""
    lines = [
        _INTRO,
        "## Results",
        "",
        "| figure | measured | goal | met | beside it | what, when |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        beside = "<br>".join(f"{name}: {_number(value)}" for name, value in row["peers"].items())
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        measured = f"{_number(row['figure'])} {row['unit']}"
        when = f"{row['note']} ({row['date']})"
        lines.append("| " + " | ".join([row["name"], measured, row["goal"] or "", met, beside, when]) + " |")
    machines = sorted({row["machine"] for row in rows})
    lines += [
        "",
        f"Machine: {'; '.join(machines)}.",
        "",
        "![How many times as long peers take](peers.svg)",
        "",
        _DISTRUST,
    ]
    return "\n".join(lines)


def fill_case_table(text: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page on working a list with its table of what a case asks, made from the rows."""
    head, _, rest = text.partition("<!-- case: made by `python -m benchmarks.readme` -->")
    _, mark, tail = rest.partition("<!-- /case -->")
    if not mark:
        return text
    lines = ["| | before | now | wanted | met |", "|---|--:|--:|--:|---|"]
    for row in rows:
        if row["name"].startswith(_OF_A_CASE):
            before = next((_number(value) for name, value in row["peers"].items() if name.startswith("before")), "")
            met = {True: "yes", False: "**no**", None: ""}[row["met"]]
            measured = f"{_number(row['figure'])} {row['unit']}"
            lines.append(f"| {row['name']} | {before} | {measured} | {row['goal'] or ''} | {met} |")
    table = "\n".join(lines)
    return f"{head}<!-- case: made by `python -m benchmarks.readme` -->\n\n{table}\n\n{mark}{tail}"


def chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return bars, on a logarithmic scale, of how many times as long as ours each peer takes; a mark at its goal."""
    bars = [row for row in rows if row["unit"] == "x our time" and row["figure"] > 0]
    bars.sort(key=lambda row: row["figure"])
    height, width, left = 34 * len(bars) + 60, 860, 300
    most = math.log10(max((row["figure"] for row in bars), default=10.0) * 4)

    def across(value: float) -> float:
        return left + (width - left - 30) * max(0.0, math.log10(max(value, 0.5) / 0.5)) / (most - math.log10(0.5))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="Arial, Helvetica, sans-serif" font-size="14">',
        "<title>How many times as long as ours each peer takes</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<text x="10" y="24" font-weight="bold" fill="#0b0c0c">'
        "Times as long as ours, on a logarithmic scale; a line marks the goal</text>",
    ]
    for place, row in enumerate(bars):
        top = 40 + 34 * place
        goal = float(str(row["goal"]).split("x")[0])
        parts += [
            f'<text x="{left - 10}" y="{top + 17}" text-anchor="end" fill="#0b0c0c">'
            f"{html.escape(row['name'].removeprefix('peer: '))}</text>",
            f'<rect x="{across(0.5):.0f}" y="{top}" width="{across(row["figure"]) - across(0.5):.0f}" height="24" '
            f'fill="{"#1d70b8" if row["met"] else "#b58840"}"/>',
            f'<line x1="{across(goal):.0f}" x2="{across(goal):.0f}" y1="{top - 3}" y2="{top + 27}" stroke="#0b0c0c" '
            'stroke-width="2"/>',
            f'<text x="{max(across(row["figure"]), across(goal)) + 8:.0f}" y="{top + 17}" fill="#0b0c0c">'
            f"{_number(row['figure'])}</text>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> int:
    """Write the page and the chart, or with --check return 1 where they lag behind results.json."""
    rows = read_json(RESULTS)
    made = {PAGE: page(rows), CHART: chart(rows), VERBS: write_verbs_page(rows), BARS: draw_verbs(rows),
            WORKED: fill_case_table(WORKED.read_text(encoding="utf-8"), rows),
            DEPLOYED: fill_sizing_table(DEPLOYED.read_text(encoding="utf-8"), rows)}  # fmt: skip
    if "--check" in sys.argv:
        late = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
        print(f"{late[0]} lags behind results.json: python -m benchmarks.readme" if late else "up to date")
        return 1 if late else 0
    for path, text in made.items():
        write_text(path, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
