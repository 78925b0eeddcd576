"""Thirty and more mistakes of a newcomer on the documented way: each ends in one sentence that names it, and is mended.

A service's file of eight people goes from `init` to `build`. Each mistake is planted, its command refuses with a cause
and what to do, the test does just that, and the same command goes through.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sooner import main
from tests.conftest import ROOT

HEADER = "visit_id,client_id,seen_on,kind,recorded_on\n"
COUNCIL = ("--council", "mine", "--workspace", "w")
DELIVERY = {
    "schema_version": 1,
    "service": "care",
    "covers_from": "2015-01-01",
    "covers_to": "2019-06-01",
    "received_at": "2019-06-02",
    "synthetic": True,
}
DETAILED = "days_since(first, last=months(12))"

INIT = ("init", "mine", "--name", "Smallford", "--extracts", "sent", "--team", "Team", "--programme", "visits")
CHECK = ("check", "mine")
READY = ("check", "mine", "--through", "rank", "--extracts", "sent", "--workspace", "w")
KEY = ("key", "make", *COUNCIL)
PULL = ("pull", "--extracts", "sent", *COUNCIL)
LINK = ("link", *COUNCIL)
BUILD = ("build", *COUNCIL)
ROLES = ("senior_responsible_owner", "data_protection_officer", "residents_panel")


def sign_charter() -> None:
    for role in ROLES:
        assert run("sign", "--demo", "--what", "charter", "--role", role, *COUNCIL).code == 0


def write_visits(header: str = HEADER, day: str = "{:02}/{:02}/{}", first: str = "") -> None:
    """Write 400 visits to eight people in four years."""
    rows = []
    for n in range(400):
        when = (1 + n % 27, 1 + n % 12, 2015 + n % 4)
        later = day.format(when[0] + 1, *when[1:])
        rows.append(f"{n},P{n % 8},{day.format(*when)},{'ab'[n % 2]},{later}\n")
    Path("sent/care").mkdir(parents=True, exist_ok=True)
    Path("sent/care/visits.csv").write_text(header + first + "".join(rows))


def write_delivery(**edits: object) -> None:
    Path("sent/care/delivery.json").write_text(json.dumps(DELIVERY | edits))


def edit(file: str, old: str, new: str) -> None:
    path = Path("mine") / file
    text = path.read_text(encoding="utf-8")
    assert old in text, (file, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@dataclass(frozen=True)
class Ran:
    """What a command said, and the code that it left with."""

    code: int
    out: str
    err: str


CAPTURED: list[pytest.CaptureFixture[str]] = []


def run(*words: str) -> Ran:
    """Run a command as a shell would, in this process: its start is most of what it costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sooner", *words])
        try:
            main()
            code: object = 0
        except SystemExit as left:
            code = left.code
    said = CAPTURED[-1].readouterr()
    return Ran(code if isinstance(code, int) else 0 if code is None else 1, said.out, said.err)


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Give an empty desk with one service's delivery on it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "kept/smallford.key"))
    monkeypatch.delenv("SOONER_KEY", raising=False)
    write_visits()
    write_delivery()
    CAPTURED.append(capsys)
    yield
    CAPTURED.pop()


STEPS: dict[tuple[str, ...], Callable[[], None]] = {
    INIT: lambda: None,
    CHECK: lambda: go(INIT),
    READY: lambda: go(KEY, sign_charter),
    KEY: lambda: go(INIT),
    PULL: lambda: go(KEY),
    LINK: lambda: go(PULL, sign_charter),
    BUILD: lambda: go(LINK),
}
"""What the documented way has behind it when a command comes."""


def go(*steps: tuple[str, ...] | Callable[[], object]) -> None:
    for step in steps:
        if callable(step):
            step()
        else:
            STEPS[step]()
            ran = run(*step)
            assert ran.code == 0, (step, ran.err)


def renamed(old: str, new: str) -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: Path(old).rename(new), lambda: Path(new).rename(old)


def text(path: str, old: str, new: str) -> Callable[[], None]:
    return lambda: edit(path, old, new)


def swap(path: str, old: str, new: str) -> tuple[Callable[[], None], Callable[[], None]]:
    return text(path, old, new), text(path, new, old)


def rewritten(**how: str) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: write_visits(**how), write_visits


def redelivered(**edits: object) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: write_delivery(**edits), write_delivery


@dataclass(frozen=True)
class Mistake:
    """What is done wrong before which command, what mends it, what is said, and what was to be typed `instead`."""

    name: str
    command: tuple[str, ...]
    plant: Callable[[], object]
    mend: Callable[[], object]
    said: str
    instead: tuple[str, ...] = ()


DEFINITION = "visits/definition.py"
TYPO = (*INIT[:5], "snet", *INIT[6:])
INSIDE = (*INIT[:5], "sent/care", *INIT[6:])
OTHER = ("init", "other", *INIT[2:])


def nothing() -> None:
    """Do nothing: what is wrong is what is typed."""


MISTAKES = (
    Mistake("extracts that are not there", TYPO, nothing, nothing, "there is no folder snet", instead=INIT),
    Mistake("a service's folder for the extracts", INSIDE, nothing, nothing, "has no sub-folder with", instead=INIT),
    Mistake("no name", (*INIT[:2], *INIT[4:]), nothing, nothing, "a council needs a name", instead=INIT),
    Mistake(
        "teams called alike",
        (*INIT, "--team", "team"),
        nothing,
        nothing,
        "the teams need names that differ",
        instead=INIT,
    ),
    Mistake("a folder that is full", INIT, lambda: go(INIT), nothing, "mine is not empty", instead=OTHER),
    Mistake(
        "no such column", (*INIT, "--reference", "cleint_id"), nothing, nothing, "no file has a column", instead=INIT
    ),
    Mistake("no header", INIT, *rewritten(header="1,P1,01/02/2015,a,02/02/2015\n"), "is not its header"),
    Mistake("row numbers saved too", INIT, *rewritten(header="," + HEADER[9:]), "its cell 1 lacks a name"),
    Mistake("a short row", INIT, *rewritten(first="9,P9\n"), "line 2: it has 2 of 5 cells"),
    Mistake("days in words", INIT, *rewritten(day="the {}th of {} {}"), "no column was read as a day"),
    Mistake(
        "nobody named", INIT, *rewritten(header="visit,who,seen_on,kind,recorded_on\n"), "`--reference COLUMN` does"
    ),
    Mistake(
        "a name that the charter prohibits",
        INIT,
        *renamed("sent/care/visits.csv", "sent/care/notes.csv"),
        "by [[prohibited]] free_text",
    ),
    Mistake("a key misspelt", CHECK, *swap("register.toml", "valid_at =", "valid_on ="), "valid_on"),
    Mistake("a file that is no TOML", CHECK, *swap("charter.toml", "[[allow]]", "[[allow]"), "charter.toml"),
    Mistake(
        "a signal misspelt",
        CHECK,
        *swap(DEFINITION, '"care.visits"', '"care.visit"'),
        "which register.toml does not declare",
    ),
    Mistake("a bracket forgotten", CHECK, *swap(DEFINITION, "FEATURES = [", "FEATURES = "), "definition.py"),
    Mistake(
        "a reason without its value",
        CHECK,
        *swap(DEFINITION, "twelve months: {value}", "twelve months"),
        "does not hold {value} once",
    ),
    Mistake(
        "a feature that looks forward",
        CHECK,
        *swap(DEFINITION, "count(first, last=", "count(first, next="),
        "definition.py",
    ),
    Mistake("a word that is none", CHECK, *swap(DEFINITION, "import Cohort,", "import Cohort, summ,"), "summ"),
    Mistake(
        "a period without its unit", CHECK, *swap(DEFINITION, DETAILED, "days_since(first, last=12)"), "definition.py"
    ),
    Mistake(
        "two features called alike",
        CHECK,
        *swap(DEFINITION, '"days_since_first",\n        days', '"care_visits_12m",\n        days'),
        "two features are called",
    ),
    Mistake(
        "a window before all records",
        READY,
        *swap(DEFINITION, DETAILED, "days_since(first, last=months(99))"),
        "it is seen at no as-of date",
    ),
    Mistake(
        "a horizon after all records",
        READY,
        *swap(DEFINITION, "next=months(12)", "next=months(48)"),
        "is covered by deliveries",
    ),
    Mistake(
        "dates all too near",
        READY,
        *swap("visits/training.toml", "first = 2015-06-01", "first = 2017-01-01"),
        "the folds test on",
    ),
    Mistake(
        "a team that began later",
        READY,
        *swap("council.toml", "start = 2015-01-01", "start = 2018-01-01"),
        "no team offers any help",
    ),
    Mistake("a zone that is none", CHECK, *swap("council.toml", "Europe/London", "Europe/Smallford"), "no time zone"),
    Mistake(
        "no delivery.json",
        PULL,
        lambda: Path("sent/care/delivery.json").unlink(),
        write_delivery,
        "delivery.json is missing",
    ),
    Mistake(
        "a delivery back to front", PULL, *redelivered(covers_from="2020-01-01"), "covers_from is not before covers_to"
    ),
    Mistake("a delivery of another service", PULL, *redelivered(service="housing"), "housing"),
    Mistake("a file that is gone", PULL, *renamed("sent/care/visits.csv", "sent/care/visit.csv"), "visits.csv"),
    Mistake("a column that is new", PULL, *rewritten(header=HEADER.replace("kind", "sort")), "sort"),
    Mistake("days written otherwise", PULL, *rewritten(day="{:02}.{:02}.{}"), "break the rule value.type"),
    Mistake(
        "a key that repeats", PULL, *swap("register.toml", 'key = ["visit_id"]', 'key = ["client_id"]'), "client_id"
    ),
    Mistake("real data, examples left", PULL, *redelivered(synthetic=False), "example = true"),
    Mistake("no key yet", PULL, lambda: Path("kept/smallford.key").unlink(), lambda: run(*KEY), "sooner key make"),
    Mistake(
        "a signal renamed in one file", PULL, *swap("charter.toml", '"care.visits"', '"care.calls"'), "care.visits"
    ),
    Mistake("nothing pulled", LINK, *renamed("w/store", "w/gone"), "sooner pull"),
    Mistake(
        "a charter edited after signing",
        READY,
        lambda: edit("charter.toml", 'version = "1"', 'version = "2"'),
        sign_charter,
        "is not signed by",
    ),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name.replace(" ", "-") for mistake in MISTAKES])
def test_a_mistake_ends_in_a_sentence_that_mends_it(mistake: Mistake) -> None:
    if mistake.command in STEPS:
        STEPS[mistake.command]()
    mistake.plant()
    refused = run(*mistake.command)
    assert refused.code in (2, 10, 11, 12, 14), refused
    assert "Traceback" not in refused.err
    assert mistake.said in refused.err
    # One sentence of what is wrong, and one of what to do; `check` names each slip on a line of its own.
    lines = refused.err.splitlines()
    assert [line.partition(": ")[0].strip() for line in (lines[0], lines[-1])] == ["sooner", "next"], refused.err
    assert len(lines) == 2 or mistake.command in (INIT, CHECK, READY), refused.err
    assert str(ROOT) not in refused.err
    assert "P1" not in refused.err
    mistake.mend()
    mended = run(*(mistake.instead or mistake.command))
    assert mended.code == 0, mended.err


def test_there_are_thirty_of_them_and_each_is_another() -> None:
    assert len({mistake.said for mistake in MISTAKES}) >= 30


def test_the_documented_way_has_no_refusal() -> None:
    go(BUILD)
    assert run(*READY).code == 0
