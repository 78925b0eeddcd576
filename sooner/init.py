"""`sooner init`: a new council's folder, from a few answers and the extracts of its services."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from charter.errors import UsageError
from charter.starting.council_folder import list_barred, refuse_full, say_barred, write_council
from charter.starting.new_council import Answers, ProposedSource, propose_dates, propose_example
from charter.starting.shipped_sources import propose_shipped_sources
from charter.voice import Voice

__all__ = ["Questions", "start_council"]

_TIME_ZONE = "Europe/London"
_TEAM = "Early help team"


_TOO_SHORT = (
    "What was sent covers too little time to learn from as drafted: shorten `next` in definition.py and the step of"
    " [as_of],\nor ask for older records. `sooner check DIR --through rank` says what is missing."
)


@dataclass(frozen=True)
class Questions:
    """What was typed with the command; what is empty is asked at a terminal, or has its default."""

    name: str
    time_zone: str
    contact: str
    extracts: Path | None
    teams: tuple[str, ...]
    programme: str
    references: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def start_council(voice: Voice, folder: Path, questions: Questions) -> None:
    """Write the folder and say what to do next.

    Raises UsageError for a folder that is not empty or a name that is missing, DataError for extracts that can't be
    read; then nothing is written.
    """
    refuse_full(folder)
    if not questions.name and sys.stdin.isatty():
        questions = _ask(questions)
    if not questions.name:
        raise UsageError("a council needs a name.", "Say it with --name 'Borough of Smallford'.")
    answers = Answers(
        questions.name,
        questions.time_zone or _TIME_ZONE,
        questions.contact,
        questions.teams or (_TEAM,),
        questions.programme,
        questions.permitted,
    )
    proposed, left_out = _propose(voice, questions)
    write_council(folder, answers, proposed, datetime.now(UTC).date())
    _report(voice, folder, questions, proposed, left_out)


def _ask(questions: Questions) -> Questions:
    import typer

    name = typer.prompt("What is the council called?")
    time_zone = questions.time_zone or typer.prompt("Its time zone", default=_TIME_ZONE)
    contact = questions.contact or typer.prompt("Where residents reach it (a mail address)", default="")
    extracts = questions.extracts
    if extracts is None and not questions.services:
        extracts = typer.prompt("The folder of its extracts (empty: none yet)", default="")
    teams = questions.teams or typer.prompt("Its teams, with commas between", default=_TEAM).split(",")
    return Questions(
        name.strip(),
        time_zone,
        contact,
        Path(extracts) if extracts else None,
        tuple(team.strip() for team in teams if team.strip()),
        questions.programme,
        questions.references,
        questions.permitted,
        questions.services,
    )


def _propose(voice: Voice, questions: Questions) -> tuple[tuple[ProposedSource, ...], tuple[Path, ...]]:
    """Return the sources found in the extracts, and the sub-folders that are none."""
    if questions.services and questions.extracts is not None:
        raise UsageError(
            "a service's row is the example council's, or guessed from what it sent.", "Leave out one of both options."
        )
    if questions.services:
        return propose_shipped_sources(questions.services), ()
    if questions.extracts is None:
        return (propose_example(),), ()
    from features.intake.guessing.proposal import find_deliveries, propose_sources

    deliveries, left_out = find_deliveries(questions.extracts)
    with voice.progress("Looking at the extracts"):
        return propose_sources(deliveries, questions.references), left_out


def _report(
    voice: Voice, folder: Path, questions: Questions, proposed: Sequence[ProposedSource], left_out: Sequence[Path]
) -> None:
    sources = [proposal.source for proposal in proposed]
    files = sum(len(source.files) for source in sources)
    barred = list_barred(proposed, questions.permitted)
    signals = [signal.name for row in proposed for signal in row.ordering_signals if signal.name not in barred]
    dates = propose_dates(proposed, datetime.now(UTC).date())
    doubts = sum(
        line.startswith("Confirm") for proposal in proposed for lines in proposal.remarks.values() for line in lines
    )
    delivered = f" --extracts {questions.extracts}" if questions.extracts else ""
    played = f"sooner synth --council {folder} --households 3000, then " if questions.services else ""
    lines = [
        f"{folder}/ is a council folder. Sources: {len(sources)}; files: {files}; signals proposed: {len(signals)}.",
        *(
            f"  {source.service:<20} {', '.join(file.name for file in source.files) or 'ready-made: canonical tables'}"
            for source in sources
        ),
        *(f"Left out: {path.name}/ has no delivery, or no delivery.json while others have one." for path in left_out),
        *(f"Not a signal of the draft: {say_barred(name, row)} (--permit {row.id})." for name, row in barred.items()),
        *(() if dates.is_enough else (_TOO_SHORT,)),
        "Next:",
        f"  1. register.toml: each service confirms its row, and answers each `# Confirm:` ({doubts} lines).",
        "  2. charter.toml: the board decides each row, with residents; council.toml: the teams, wards and offers.",
        f"  3. {questions.programme}/definition.py: who is looked at, and what speaks for a need. It is a first draft.",
        "  4. Remove `example = true` from each row that somebody has made theirs; real data waits until none is left.",
        f"  5. {played}sooner pull --council {folder}{delivered}",
    ]
    voice.report(
        {
            "folder": str(folder),
            "sources": {source.service: [file.name for file in source.files] for source in sources},
            "signals": signals,
            "prohibited": {name: row.id for name, row in barred.items()},
            "to_confirm": doubts,
            "left_out": [path.name for path in left_out],
        },
        "\n".join(lines),
    )
