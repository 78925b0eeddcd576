"""Every number that training prints of a demo is computed again here from metrics.json; none is left unclaimed.

A sentence is a pattern whose groups are compared, one after the other, with what the figures say. A line or paragraph
with a digit in it that no pattern claims fails the test: a new sentence needs a new claim.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from training.report.page import FILE
from training.report.terminal import summarise_run
from training.run import Run

Metrics = dict[str, Any]
Claim = tuple[str, Callable[[Metrics], Sequence[str]]]

TITLES = {
    "practice": "the council's own practice", "random": "drawing lots", "last_contact": "last contact first",
    "one_feature": "the best single feature", "agreed": "the agreed points list",
    "points": "the points list", "logistic": "logistic regression", "lightgbm": "LightGBM",
}  # fmt: skip
N = r"([+-]?[\d,]*\.?\d+)"
SHARE = rf"{N} \({N} to {N}\)"
MORE = r"([\d.]+ (?:more|fewer)) \(([\d.]+ (?:more|fewer)) to ([\d.]+ (?:more|fewer))\)"


@pytest.fixture(scope="module")
def run(demo_workspace: Path) -> Run:
    return Run.open(Workspace(demo_workspace, "early_help"))


@pytest.fixture(scope="module")
def metrics(run: Run) -> Metrics:
    return dict(run.metrics)


def figure(rows: Sequence[Metrics], model: str, measure: str, period: str, part: str = "all") -> Metrics:
    (row,) = [
        row
        for row in rows
        if (row["model"], row["measure"], row["period"], row["part"], row["against"])
        == (model, measure, period, part, None)
    ]
    return row


def replayed(metrics: Metrics, model: str, measure: str, part: str = "all") -> Metrics:
    return figure(metrics["replay"]["figures"], model, measure, metrics["replay"]["headline"], part)


def isolated(metrics: Metrics, measure: str, period: str = "selection", model: str = "") -> Metrics:
    return figure(metrics["figures"], model or metrics["model"], measure, period)


def ends(row: Metrics, digits: str = ".1f", times: float = 100) -> list[str]:
    return [format(times * row[end], digits) for end in ("estimate", "low", "high") if row[end] is not None]


def headline(metrics: Metrics) -> list[str]:
    """Return the numbers of the recommendation, in their order: the share, the horizon, each step, the margin."""
    advice, replay = metrics["recommendation"], metrics["replay"]
    numbers = [*ends(replayed(metrics, metrics["model"], "needed_of_listed"), ".0f"), "12"]
    steps = advice["steps"]
    for step in steps:
        if (step["other"], step["answer"]) == (advice["model"], "better"):
            numbers += [format(abs(100 * step[end]), ".1f") for end in ("more", "low", "high")]
    for step in steps:
        if (step["simpler"], step["answer"]) == (advice["model"], "enough"):
            numbers += [format(abs(100 * step[end]), ".1f") for end in ("more", "low", "high")]
    assert replay["headline"] == "final"
    enough = any((step["simpler"], step["answer"]) == (advice["model"], "enough") for step in steps)
    return numbers + ([format(100 * advice["margin"], "g")] if enough else [])


def known_dates(metrics: Metrics) -> list[str]:
    rows, assumed = (metrics["known_dates"][name] for name in ("rows", "assumed"))
    return [format(rows, ","), format(assumed, ","), max(format(100 * assumed / rows, ".1f"), "0.1")]


def period(metrics: Metrics) -> Metrics:
    replay = metrics["replay"]
    (found,) = [one for one in replay["periods"] if one["period"] == replay["headline"]]
    return dict(found)


def worked(metrics: Metrics) -> list[str]:
    return [
        text
        for one in metrics["recommendation"]["worked"]
        for text in (format(one["fewer_of_100_listed"], "g"), format(one["families_a_year"], ".0f"))
    ]


def every_place(metrics: Metrics) -> list[str]:
    (row,) = [row for row in metrics["calibration"] if row["kind"] == "all"]
    return ends(row["observed_over_expected"], ".2f", 1) + ends(row["calibration_slope"], ".2f", 1)


def in_the_cohort(metrics: Metrics) -> list[str]:
    (every,) = [part for part in metrics["coverage"] if part["component"] == "any"]
    return [format(100 * every["share"], ".0f")]


def strangers(metrics: Metrics) -> list[str]:
    rows = {row["measure"]: row for row in metrics["grouped"]["figures"]}
    return ends(rows["precision_disjoint"]) + ends(rows["precision_temporal"])


def more_places(metrics: Metrics) -> list[str]:
    found = {(one["times_places"], one["measure"]): one["estimate"] for one in metrics["replay"]["curve"]}
    filled, more = found[1.0, "places_filled"], found[1.5, "places_filled"]
    needed = more * found[1.5, "needed_of_listed"] - filled * found[1.0, "needed_of_listed"]
    places = sum(metrics["capacity"]["places"].values())
    return [format(1.5 * places, "g"), str(places), format(more - filled, ",.0f"), format(needed, ",.0f")]


def days_before(metrics: Metrics) -> list[str]:
    return ends(replayed(metrics, metrics["model"], "days_before"), ".0f", 1)


def saved(metrics: Metrics) -> list[str]:
    return ends(metrics["list_scaling"]["log_loss_saved"], "+.3f", 1)


def persistence(metrics: Metrics) -> list[str]:
    onsets = metrics["onsets"]
    of_listed, of_all = onsets["persistence"][metrics["model"]], onsets["persistence_of_all"]
    return [f"{100 * of_listed:.0f}", str(onsets["free"]["n"]), f"{100 * of_all:.0f}"]


def beside_practice(metrics: Metrics) -> list[str]:
    replay = metrics["replay"]
    (count,) = [one for one in replay["practice"]["periods"] if one["period"] == replay["headline"]]
    rows = {one["measure"]: one for one in replay["practice"]["figures"] if one["period"] == replay["headline"]}
    numbers = [format(count["events"], ","), format(count["within_reach"], ","), *ends(rows["listed_of_helped"])]
    numbers += ends(rows["days_sooner"], ".0f", 1) + ends(rows["nobody_had_of_listed"])
    return numbers + ends(rows["nobody_had_a_year"], ".0f", 1)


def had_help(metrics: Metrics) -> list[str]:
    treated = metrics["treated"]
    rows = {one["measure"]: one for one in treated["figures"]}
    counts = [format(treated[name], ",") for name in ("training_rows", "test_rows")]
    shares = [format(100 * treated[f"outcome_of_{name}"], ".1f") for name in ("treated", "others")]
    other = ends(rows["precision_with_the_other_choice"])
    more = [rows["precision_difference"][end] for end in ("estimate", "low", "high")]
    return [*counts, *shares, *other, *(f"{abs(100 * end):.1f} {'fewer' if end < 0 else 'more'}" for end in more)]


SAID: dict[str, Claim] = {
    "advice": (r".*is recommended: of 100 listed, .*", lambda m: ["100", *headline(m)]),
    "known": (rf"Of {N} records behind these figures {N} \((?:under )?{N} of 100\) do not say .*", known_dates),
    "all known": (rf"Of each of the {N} records behind these figures .*", lambda m: known_dates(m)[:1]),
    "worked": (
        r"(?:The board's margin for a simpler list, \[choosing\] of charter\.toml, at these places:|The board signs the"
        r" margin \(\[choosing\] of charter\.toml\)\. At these places).*",
        lambda m: [text for n in range(0, 2 * len(m["recommendation"]["worked"]), 2)
                   for text in (worked(m)[n], "100", worked(m)[n + 1])],
    ),
    "new": (
        rf"Of 100 listings {SHARE} were new: no service had acted in three months\.",
        lambda m: ends(replayed(m, m["model"], "new_of_listed")),
    ),
    "days": (rf"Where a need followed, it was recorded {N} days after the family's first such listing on average"
             rf" \({N} to {N}\)\.", days_before),
    "practice": (rf"Beside the council's own practice \(early help: episode\): help began {N} times in these weeks, {N}"
                 rf" of them .*\. By \D* {SHARE} of 100 families that practice helped would have been listed before,"
                 rf" {SHARE} days sooner on average\. Of 100 listed, {SHARE} had a need recorded and nobody had"
                 rf" helped them: {SHARE} families a year\. \D*", beside_practice),
    "help": (rf"{N} training rows and {N} test rows had help within their horizon, .*\. Of the tested {N} of 100 came"
             rf" to need, of all others {N}\. The other choice would list {SHARE} of 100 with the outcome, on isolated"
             rf" dates; this one lists {MORE}\.", had_help),
    "cohort": (rf"{N} of 100 people with such a need were in the cohort; no list could reach the others\.",
               in_the_cohort),
    "anew": (rf"What is predicted begins anew\. Of 100 listed, {N} had one of these needs in the {N} months before"
             rf" already, for whom it could go on; of all households {N}\.", persistence),
}  # fmt: skip
"""By name: the pattern of a whole sentence, and its numbers. Where a pattern has no group, all of its numbers count."""


def numbers_of(pattern: str, line: str) -> list[str] | None:
    """Return the numbers that a pattern reads in a line; None where it is another sentence."""
    match = re.fullmatch(pattern, line)
    if match is None:
        return None
    return list(match.groups()) if match.re.groups else re.findall(N, line)


def band_numbers(band: Metrics) -> list[str]:
    """Return the numbers of a band's sentence: the figure rounded, and its range rounded outwards."""
    if band["observed"] is None:
        return ["12"]
    of = 10 if band["observed"] >= 0.095 else 100
    about = max(1, round(of * band["observed"]))
    low, high = math.floor(of * band["low"] + 1e-9), math.ceil(of * band["high"] - 1e-9)
    return [str(about), str(of), str(low), str(high), str(of), "12"]


def unclaimed(lines: Sequence[str], claims: Sequence[Claim], metrics: Metrics) -> Iterator[str]:
    """Yield each line with a digit that no claim reads; fail where one reads other numbers than the figures have."""
    for line in lines:
        if not re.search(r"\d", line):
            continue
        read = [(numbers, numbers_of(pattern, line)) for pattern, numbers in claims]
        mine = [(expected(metrics), told) for expected, told in read if told is not None]
        if not mine:
            yield line
        for expected, told in mine:
            assert told == list(expected), line


def said_by_the_summary(metrics: Metrics) -> list[Claim]:
    one = period(metrics)
    return [
        *SAID.values(),
        *[(rf"{re.escape(band['title'])}: .*", lambda _, band=band: band_numbers(band)) for band in metrics["bands"]],
        (
            r"Lists as they are used: .* Were half of all cases left undecided: .*",
            lambda m: [str(one["weeks"]), *_date(one["first"]), *_date(one["last"]),
                       str(m["replay"]["burn_in_weeks"]), "95",
                       *ends(replayed(m, m["model"], "needed_of_listed", "half undecided")), "100"],
        ),
        (rf"Where lists are made, needs that followed for each one expected: {SHARE}, .*; slope of the likelihood:"
         rf" {SHARE}, .*\.", every_place),
        (rf"Annex: isolated dates, {N} folds, {N} places a list\. .*",
         lambda m: [str(len(m["folds"])), str(sum(m["capacity"]["places"].values()))]),
        (rf"In the final period, scored once: {SHARE} of 100 listed had the outcome\.",
         lambda m: ends(isolated(m, "precision", "final"))),
        (rf"On households none of whose people it learned from, {SHARE} of 100 listed had the outcome; as trained,"
         rf" {SHARE} \(newest fold\)\.", strangers),
        (r"Left out, because they never vary here: .*", lambda m: re.findall(N, ", ".join(m["left_out"]))),
    ]  # fmt: skip


def _date(day: str) -> list[str]:
    """Return a date as the numbers that are found in it."""
    year, month, date = day.split("-")
    return [year, f"-{month}", f"-{date}"]


def test_every_line_of_the_summary_is_what_the_figures_say(metrics: Metrics) -> None:
    """Broken by a sentence that rounds another figure, or another period's; by one that nobody recomputes."""
    lines = summarise_run(metrics).splitlines()
    tables = [line for line in lines if line.startswith(("model ", *TITLES.values()))]
    assert len(tables) == 2 * (1 + len(metrics["models"])) + 1  # practice has no isolated dates
    sentences = [line for line in lines if line not in tables]
    claims = said_by_the_summary(metrics)
    assert sum(bool(re.search(r"\d", line)) for line in sentences) >= 10
    assert list(unclaimed(sentences, claims, metrics)) == []


def test_both_tables_of_the_summary_are_the_models_figures(metrics: Metrics) -> None:
    lines = summarise_run(metrics).splitlines()
    for model in ["practice", *metrics["models"]]:
        used, *apart = [line for line in lines if line.startswith(f"{TITLES[model]}  ")]
        expected = ends(replayed(metrics, model, "needed_of_listed"))
        if model != "random":
            expected += ends(replayed(metrics, model, "listed_of_need"))
            expected += [format(replayed(metrics, model, "unneeded_per_1000")["estimate"], ".0f")]
        assert re.findall(N, used) == expected
        measures = ("precision", "recall", "auroc") if model != "practice" else ()
        assert re.findall(N, " ".join(apart)) == [
            text for measure in measures for text in ends(isolated(metrics, measure, model=model))
        ]


def test_every_paragraph_of_the_page_is_what_the_figures_say(run: Run, metrics: Metrics) -> None:
    page = (run.folder / FILE).read_text(encoding="utf-8")
    one, half = period(metrics), replayed(metrics, metrics["model"], "needed_of_listed", "half undecided")
    listed = metrics["abstention"]["of_listed"]
    few = sum(row["observed_over_expected"]["estimate"] is None for row in metrics["calibration"])
    claims: list[Claim] = [
        *SAID.values(),
        (rf"Training run ({run.id}): .*", lambda m: [m["run"]]),
        (
            rf"{N} weeks from ([\d-]+) to ([\d-]+), which chose nothing\. Before any list was counted, {N} weeks of"
            r" lists were made until the first rests ended\. \D*",
            lambda m: [str(one["weeks"]), one["first"], one["last"], str(m["replay"]["burn_in_weeks"])],
        ),
        (
            rf"Were half of all cases left undecided, {N} % of listings \({N} to {N} %\) would come before a need\.",
            lambda _: ends(half, ".0f"),
        ),
        (rf"With half as many places again, {N} on a list instead of {N}, {N} more listings a year would hold {N} more"
         r" before a need\.", more_places),
        (rf"Of {N} % of the places on these lists not enough is visible to say: {N} have no band, and {N} of them had"
         r" the outcome\.",
         lambda _: [format(100 * listed["share"], ".0f"), str(listed["n"]), str(listed["had_outcome"])]),
        (rf"Likelihoods are .*: on later lists .* {SHARE} a listing\. Where lists are made, .* {SHARE}, .* {SHARE}, .*",
         lambda m: saved(m) + every_place(m)),
        (rf"\"As expected\" .* between 0\.8 and 1\.25\. A slope below 1 .*? (?:Of {N} more groups .*)?By protected .*",
         lambda _: [str(few) if few else None]),
        (rf"Each as-of date on its own, .* {N} places on a list\. .*",
         lambda m: [str(sum(m["capacity"]["places"].values()))]),
        (r"(?:Differences are paired|The same training without).*", lambda _: ["0"]),
    ]  # fmt: skip
    paragraphs = [_text(found) for found in re.findall(r"<p>(.*?)</p>|<strong>(.*?)</strong>", page, flags=re.S)]
    paragraphs = [text for text in paragraphs if text not in TITLES.values()]
    assert sum(bool(re.search(r"\d", text)) for text in paragraphs) >= 10
    assert list(unclaimed(paragraphs, claims, metrics)) == []


def _text(found: tuple[str, str]) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", "".join(found))).strip()


def test_the_pages_tables_of_lists_are_the_figures(run: Run, metrics: Metrics) -> None:
    tables = read_tables((run.folder / FILE).read_text(encoding="utf-8"))
    used = tables["Every way of ordering, over these weeks"]
    orderings = ["practice", *metrics["models"]]
    assert len(used) == len(orderings)
    for model, cells in zip(orderings, used, strict=True):
        expected = ends(replayed(metrics, model, "needed_of_listed"), ".0f")
        if model != "random":
            for measure in ("needed_of_families", "listed_of_need"):
                expected += ends(replayed(metrics, model, measure), ".0f")
            for measure in ("days_before", "unneeded_per_1000"):
                expected += ends(replayed(metrics, model, measure), ".0f", 1)[:1]
        expected += ends(replayed(metrics, model, "new_of_listed"), ".0f")[:1]
        if model not in ("random", "practice"):
            expected += ends(replayed(metrics, model, "places_unused"), ".0f")[:1]
        assert re.findall(N, " ".join(cells[1:])) == expected
    for band, cells in zip(metrics["bands"], tables["Bands, of places on lists"], strict=True):
        assert cells[:3] == [band["title"], band["meaning"], ", ".join(band["joined"])]
        observed = [band[end] for end in ("observed", "low", "high") if band[end] is not None]
        expected = [format(100 * value, ".0f") for value in observed]
        assert re.findall(N, cells[3]) == expected
        assert cells[4] == f"{band['n']:,}"
        assert re.findall(N, band["meaning"]) == band_numbers(band)
    told = [row for row in metrics["calibration"] if row["observed_over_expected"]["estimate"] is not None]
    caption = "Needs that followed for each one expected, and how sharply likelihoods part"
    for row, cells in zip(told, tables[caption], strict=True):
        assert re.findall(N, cells[2]) == ends(row["observed_over_expected"], ".2f", 1)
        assert (cells[1], cells[3], cells[5]) == (f"{row['n']:,}", row["answer"], row["slope_answer"])
        assert re.findall(N, cells[4]) == ends(row["calibration_slope"], ".2f", 1)
    steps = next(cells for caption, cells in tables.items() if caption.startswith("Is the simpler list enough?"))
    for step, cells in zip(metrics["recommendation"]["steps"], steps, strict=True):
        assert re.findall(N, cells[2]) == [format(100 * step[end], "+.1f") for end in ("more", "low", "high")]
    answers = tables["What is decided on a listing, and the rest that follows"]
    stated = [*metrics["replay"]["answers"].values(), metrics["replay"]["undecided"]]
    assert [cells[1] for cells in answers] == [f"{100 * share:.0f} %" for share in stated]


def read_tables(page: str) -> dict[str, list[list[str]]]:
    """Return each table's rows as text, by its caption."""
    tables = {}
    for caption, body in re.findall(r"<caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", page, flags=re.S):
        rows = re.findall(r"<tr>(.*?)</tr>", body, flags=re.S)
        tables[html.unescape(caption)] = [
            [_text((cell, "")) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S)] for row in rows
        ]
    return tables


def test_a_worker_reads_what_the_run_measured(demo_workspace: Path, metrics: Metrics) -> None:
    """From training through release and bundle to the page and the API. Broken by words of training.toml anywhere."""
    workspace = Workspace(demo_workspace, "early_help")
    for folder in (find_current(workspace.release), find_current(workspace.bundle)):
        assert folder is not None
        assert read_json(folder / "manifest.json")["bands"] == metrics["bands"]
