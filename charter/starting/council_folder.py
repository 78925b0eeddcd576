"""`write_council`: a new council's folder, written beside, read back by the reader, and put in its place whole.

    council.toml      name, time zone, teams                       from the answers
    charter.toml      promises, prohibited inputs, gates, roles    the shipped council's rows, and the proposed signals
    register.toml     the sources                                  as proposed from the extracts
    engagement.toml   whom the council asked                       to be written
    PROGRAMME/        definition.py, training.toml, worklist.toml  a first draft over the proposed signals

Every row that people must decide carries `example = true`, so that no real data is read before they have.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from charter.contracts.files import new_folder
from charter.council.council import Area, Council, Offer, Team
from charter.council.engagement_file import ENGAGEMENT_FILE, Engagement, EngagementFile
from charter.council.programme import Programme
from charter.council.reading import File
from charter.council.register import Register, Signal
from charter.errors import UsageError
from charter.invocation import shipped_council
from charter.rules.policy import Policy, Prohibited
from charter.starting.new_council import (
    NOTHING_YET,
    Answers,
    ProposedDates,
    ProposedSource,
    name_id,
    propose_dates,
)
from charter.starting.shipped_rows import Paragraph, keep_paragraphs, read_paragraphs
from charter.starting.toml_rows import toml_value, write_row

__all__ = ["list_barred", "refuse_full", "say_barred", "write_council"]

_GATES = ("missed_help", "unneeded_listing", "later_help", "unwanted_contact", "listed", "visible")
"""How the gates that need no signal of their own begin; the others ask of what a council must first record."""

_FEW_CAUSES = 10
"""A screen's worth of files of which nothing could be guessed."""

_DRAFTED = 2
"""How many signals the drafted definition reads."""

_READ_BACK: Mapping[type[File], str] = {
    Council: "council.toml",
    Policy: "charter.toml",
    Register: "register.toml",
    EngagementFile: ENGAGEMENT_FILE,
}

_TEAMS_BEGAN = date(2016, 1, 1)
"""From when teams of a council that sent nothing yet are said to serve."""

_COUNCIL = """\
# What the council is. Whoever answers for the teams keeps this file true, and removes `example = true` from each row.
# `wards` of a team and one [[area]] for each LSOA 2021 say which team serves whom; a single team without wards serves
# everywhere. `places` is how many households a team can take on each week: a team without an offer gets no list.
# `[keeping]` with `case_years = 6` and `backup_days = 35` would say how long cases and backups are kept: decide it.
"""

_CHARTER = """\
# The board's policy. The board decides every row, with residents, and each role whose `signs` names the charter signs
# these very bytes: `sooner sign --role ROLE --what charter`. What is not listed here is not allowed.
# The rows below are those of Sooner's example council: a place to start from, decided by nobody. `example = true` goes
# from a row when those who answer for it have made it theirs; no real data is read while one is left.
"""

_ALLOW = """\
# Signals by purpose. The board decides about each, one by one: these are all that the register proposes.
"""

_AUDIT = """\
# What every audit measures. The board decides of whom and by what; a record of kind `protected` in register.toml says
# what services know of it.

[audit]
ages = [0, 120]
not_recorded = "not recorded"
"""

_LOOKS = """\
# Looks below a list's line, so that one learns whom it misses: a purpose of their own, to which anybody may object. No
# place goes by lot until the board writes a larger share here, and its most for a year.

[exploration]
largest_share = 0.0
most_a_year = 0
purpose = "look"
example = true
"""

_REGISTER = """\
# The data-sharing register: a row for each delivery of a service. Whoever answers for a source's data decides its row:
# the lawful basis and its conditions, what for, how long it is kept. `columns` are strict: a column that is missing or
# not named here refuses the delivery. {origin}; `# Confirm:` says what to look at.
# `example = true` goes from a row when somebody has.
# Once every row says who answers for it (`contact`), its `conditions`, delays, `review_by`, `assessment`, `details_to`,
# take the mark from the next line: a row that leaves any of them open is refused from then on.
# complete = true
"""

_GUESSED = "What is below was guessed from names of columns and the first rows of files"
_SHIPPED = "What is below are rows of Sooner's example council"

_ENGAGEMENT = """\
# Whom the council asked before data was put to a new use: a source, a need or a way of making the order that lists of a
# programme did not have before. `sooner promote` refuses such lists of real people until an [[engagement]] says when
# somebody was asked, in what form, who, and what it changed. The row below is to be held and written.
"""

_SINCE = """
    Feature(
        "days_since_first",
        days_since(first, last=months({months})),
        reason="Days since the last of {title}: {{value}}",
        because="To be written by those who know the service.",
    ),"""

_TRAINING = """\
# How the programme is trained and judged. Analysts propose, the board is told. `[as_of]` is read by `sooner build`.

# The mornings at which everybody is looked at: they need history before, and a whole horizon after.
[as_of]
first = {first}
last = {last}
step = {{ n = {step}, unit = "months" }}

"""

_WORKLIST = """\
# How the worklist is made, what people can decide on it, and the words they read. The teams' managers decide.

example = true

"""

_DEFINITION = '''\
"""{title}: a first draft. Those who know the services decide who is looked at, and what speaks for a need."""

from __future__ import annotations

from features.grammar import Cohort, Feature, Outcome, any_of, count, days_since, months, signal

{signals}

COHORT = Cohort("{cohort}", entity="{entity}")

OUTCOME = Outcome("Within {within}: {outcome}", any_of(first, next=months({months})))

FEATURES = [
{features}
]
'''

_FEATURE = """\
    Feature(
        "{name}_{months}m",
        count({signal}, last=months({months})),
        reason="{title} in {within}: {{value}}",
        because="To be written by those who know the service.",
    ),"""


_WITHIN = {12: "twelve months", 6: "six months", 3: "three months", 1: "a month"}


def refuse_full(folder: Path) -> None:
    """Raise UsageError where `folder` is a file or holds anything."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty.", "Name a folder that is not there yet.")


def write_council(folder: Path, answers: Answers, proposed: Sequence[ProposedSource], today: date) -> None:
    """Write a council's folder, all or nothing.

    Raises UsageError where `folder` holds anything, and the reader's own errors for an answer that it refuses.
    """
    refuse_full(folder)
    barred = list_barred(proposed, answers.permitted)
    proposed = [_without_prohibited(proposal, barred) for proposal in proposed]
    signals = tuple(signal for proposal in proposed for signal in proposal.ordering_signals)
    if not signals:
        _refuse_empty(proposed, barred)
    dates = propose_dates(proposed, today)
    with new_folder(folder) as beside:
        beside.chmod(0o755)
        _write(beside / "council.toml", _council_text(answers, proposed))
        _write(beside / "charter.toml", _charter_text(answers, proposed, today))
        _write(beside / "register.toml", _register_text(proposed))
        _write(beside / ENGAGEMENT_FILE, _engagement_text(answers, signals, today))
        programme = beside / answers.programme
        programme.mkdir()
        _write(programme / "definition.py", _definition_text(answers, proposed, signals, dates.horizon))
        _write(programme / "training.toml", _training_text(dates))
        _write(programme / "worklist.toml", _worklist_text(proposed))
        for kind, file in _READ_BACK.items():
            kind.read(beside / file)
        Programme.load(programme)
        if folder.exists():
            folder.rmdir()


def list_barred(proposed: Sequence[ProposedSource], permitted: Collection[str] = ()) -> Mapping[str, Prohibited]:
    """Return the signals whose names the example charter prohibits, but for the rows that this council leaves out.

    Raises UsageError for one of `permitted` that is no row of the charter.
    """
    policy = Policy.read(shipped_council() / "charter.toml")
    ids = [row.id for row in policy.prohibited_inputs]
    for row_id in permitted:
        if row_id not in ids:
            raise UsageError(f"the example charter has no prohibition {row_id!r}.", f"Choose of {', '.join(ids)}.")
    names = [signal.name for proposal in proposed for signal in proposal.source.signals]
    found = {name: policy.prohibits(name) for name in names}
    return {name: why for name, why in found.items() if why is not None and why.id not in permitted}


def _refuse_empty(proposed: Sequence[ProposedSource], barred: Mapping[str, Prohibited]) -> None:
    """Say why there is no signal: each one is prohibited by its name, or no file gave any."""
    if barred:
        name, row = next(iter(barred.items()))
        raise UsageError(
            f"the example charter prohibits every signal that was found ({say_barred(name, row)}).",
            "If that is not what it is, call its file or signal otherwise; if your board allows it, add"
            f" --permit {row.id}.",
        )
    causes = [
        f"{proposal.source.service}/{file.name}: {remark.removeprefix(NOTHING_YET).lstrip(': ')}"
        for proposal in proposed
        for file in proposal.source.files
        for remark in proposal.remarks.get(file.name, ())
        if remark.startswith(NOTHING_YET)
    ]
    heading = "none of these extracts says that something happened to somebody: a reference of a person beside a day."
    raise UsageError(
        "\n  ".join([heading, *causes[:_FEW_CAUSES]]),
        "Mend that, or leave --extracts out and write register.toml by hand. A table without days can't be judged as"
        " lists are used: score its rows and audit that (`sooner audit table`; docs/how-to/start-in-a-notebook.md)."
        " People alone are linked (docs/how-to/link-your-own-people.md).",
    )


def say_barred(name: str, row: Prohibited) -> str:
    """Return which prohibition a signal's name falls under, and why there is one."""
    return f"{name}: {row.title.lower()}, by [[prohibited]] {row.id}"


def _without_prohibited(proposal: ProposedSource, barred: Mapping[str, Prohibited]) -> ProposedSource:
    """Return a source without the signals that are never an input, by their names; its files stay, and say why."""
    if not any(signal.name in barred for signal in proposal.source.signals):
        return proposal
    remarks = dict(proposal.remarks)
    files = []
    for file in proposal.source.files:
        allowed = tuple(
            record for record in file.records if not (record.kind == "event" and record.signal.strip("'") in barred)
        )
        if len(allowed) < len(file.records):
            remarks[file.name] = (*remarks.get(file.name, ()), "It gives no signal: charter.toml prohibits its name.")
        files.append(file.model_copy(update={"records": allowed}))
    signals = tuple(signal for signal in proposal.source.signals if signal.name not in barred)
    source = proposal.source.model_copy(update={"signals": signals, "files": tuple(files)})
    return replace(proposal, source=source, remarks=remarks)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _council_text(answers: Answers, proposed: Sequence[ProposedSource]) -> str:
    heading = f"name = {toml_value(answers.name)}\ntime_zone = {toml_value(answers.time_zone)}\n"
    contact = f"contact = {toml_value(answers.contact)}\n" if answers.contact else ""
    single = len(answers.teams) == 1
    # Lists are judged by what they would have held, so a team stands from the first record, like its offer.
    begun = min((proposal.months.first for proposal in proposed if proposal.months), default=_TEAMS_BEGAN)
    lines = [line for title in answers.teams for line in (*write_row("team", _team(title, begun, single=single)), "")]
    # Two teams need wards to be told apart, and made-up people an area to live in: one for each team, until there are
    # real ones.
    needed = not single or any(proposal.is_shipped for proposal in proposed)
    areas = [] if not needed else [_area(number, title) for number, title in enumerate(answers.teams, start=1)]
    lines += [line for area in areas for line in (*write_row("area", area), "")]
    return f"{_COUNCIL}\n{heading}{contact}example = true\n\n" + "\n".join(lines).rstrip() + "\n"


def _team(title: str, begun: date, *, single: bool) -> Team:
    offer = Offer(
        title="An offer of help, to be named",
        by=title,
        places=5,
        expected="What the help should change, and how that is measured; `sooner trial` measures it.",
        example=True,
    )
    wards = () if single else (f"Ward of {title}",)
    return Team(id=name_id(title), title=title, start=begun, wards=wards, offers=(offer,), example=True)


def _area(number: int, title: str) -> Area:
    return Area(code=f"E019999{number:02d}", name=f"An area of {title}", ward=f"Ward of {title}", example=True)


def _charter_text(answers: Answers, proposed: Sequence[ProposedSource], today: date) -> str:
    paragraphs = read_paragraphs(shipped_council() / "charter.toml")

    def keep(*tables: str) -> str:
        return keep_paragraphs(paragraphs, lambda paragraph: paragraph.table in tables)

    gates = keep_paragraphs(paragraphs, _is_first_gate)
    heading = (
        f'title = {toml_value(f"Data charter of {answers.name}")}\nversion = "1"\n'
        f"review_by = {today.replace(year=today.year + 1, day=1)}\nage_as_composition = true\nexample = true\n"
    )
    return "\n".join(
        [
            f"{_CHARTER}\n{heading}",
            keep("principle"),
            f"{_ALLOW}\n" + "\n".join(_allow_rows(proposed)),
            keep_paragraphs(
                paragraphs,
                lambda paragraph: paragraph.table == "prohibited" and paragraph.id not in answers.permitted,
            ),
            _AUDIT,
            keep("audit.characteristic"),
            gates,
            keep("role"),
            keep("live"),
            _LOOKS,
            keep("assessment"),
        ]
    )


def _allow_rows(proposed: Sequence[ProposedSource]) -> Iterator[str]:
    """Yield a row for the signals that may put somebody in order, and one for those that only count what was missed."""
    ordering = [signal.name for proposal in proposed for signal in proposal.ordering_signals]
    counting = [
        signal.name
        for proposal in proposed
        if not proposal.ordering_signals and "evaluate" in proposal.source.purposes
        for signal in proposal.source.signals
    ]
    for purposes, names in (
        (("train", "shadow", "rank", "display", "look", "evaluate"), ordering),
        (("evaluate",), counting),
    ):
        if names:
            lines = "".join(f"  {toml_value(name)},\n" for name in names)
            yield f"[[allow]]\npurposes = {toml_value(purposes)}\nsignals = [\n{lines}]\nexample = true\n"


def _is_first_gate(paragraph: Paragraph) -> bool:
    return paragraph.table == "gate" and paragraph.id.startswith(_GATES)


def _register_text(proposed: Sequence[ProposedSource]) -> str:
    rows = ("\n".join(write_row("source", proposal.source, proposal.remarks)) for proposal in proposed)
    origin = _SHIPPED if any(proposal.is_shipped for proposal in proposed) else _GUESSED
    return "\n\n".join([_REGISTER.format(origin=origin).rstrip(), *rows]) + "\n"


def _engagement_text(answers: Answers, signals: Sequence[Signal], today: date) -> str:
    """Return a record to be written, of the uses that the drafted definition makes."""
    drafted = signals[:_DRAFTED]
    row = Engagement(
        id="to_be_held",
        held_on=today,
        form="To be written: a panel, a meeting, a survey.",
        who="To be written: how many, and how they were found.",
        changed="To be written: what it changed, or why nothing.",
        reference="To be written: the minute that shows it.",
        programme=answers.programme,
        sources=tuple(dict.fromkeys(signal.name.split(".")[0] for signal in drafted)),
        targets=(signals[0].name,),
        algorithms=("points",),
        example=True,
    )
    return f"{_ENGAGEMENT}\n" + "\n".join(write_row("engagement", row)) + "\n"


def _definition_text(
    answers: Answers, proposed: Sequence[ProposedSource], signals: Sequence[Signal], horizon: int
) -> str:
    records = [record for proposal in proposed for file in proposal.source.files for record in file.records]
    lives = any(record.kind in ("address", "place") for record in records)
    names = ("first", "second")[: min(len(signals), _DRAFTED)]
    chosen = list(zip(names, signals, strict=False))
    return _DEFINITION.format(
        title=answers.programme.replace("_", " ").capitalize(),
        signals="\n".join(f'{name} = signal("{signal.name}")' for name, signal in chosen),
        cohort="Every household" if lives else "Everybody whom a service knows",
        entity="household" if lives else "person",
        outcome=signals[0].title.lower(),
        months=horizon,
        within=_WITHIN[horizon],
        features="\n".join(
            _FEATURE.format(
                name=signal.name.replace(".", "_")[:50],
                signal=name,
                title=signal.title,
                months=horizon,
                within=_WITHIN[horizon],
            )
            for name, signal in chosen
        )
        + _SINCE.format(title=signals[0].title, months=horizon),
    )


def _training_text(dates: ProposedDates) -> str:
    paragraphs = read_paragraphs(shipped_council() / "early_help" / "training.toml")
    rows = keep_paragraphs(paragraphs, lambda paragraph: paragraph.table != "as_of")
    # Nobody has agreed on points here, and no signal here is known to say that help began.
    rows = re.sub(r'"agreed",\s*', "", re.sub(r"(?m)^helped = .*\n", "", rows))
    rows = re.sub(r"(?m)^count = \d+$", f"count = {dates.folds}", rows, count=1)
    return _TRAINING.format(first=dates.first, last=dates.last, step=dates.step) + rows


def _worklist_text(proposed: Sequence[ProposedSource]) -> str:
    paragraphs = read_paragraphs(shipped_council() / "early_help" / "worklist.toml")
    rows = keep_paragraphs(paragraphs, lambda paragraph: paragraph.table not in {"need", "known_trouble"})
    return "\n".join([_WORKLIST + rows, *_needs(proposed)])


def _needs(proposed: Sequence[ProposedSource]) -> Iterator[str]:
    yield "# What a need is called at the head of a case, by what speaks for it; the first match counts.\n"
    for proposal in proposed:
        if proposal.ordering_signals:
            yield f'[[need]]\ntitle = {toml_value(proposal.source.title)}\nsignals = ["{proposal.source.service}.*"]\n'
