"""The verbs of this room: what was known, when, about whom the council may know it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs
from features.blind_verbs import blind

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.voice import Voice

__all__ = ["verbs"]

verbs = Verbs("What was known, when, about whom the council may know it.")

Extracts = Annotated[
    Path | None, typer.Option("--extracts", help="Where the services' deliveries lie; by default in the workspace.")
]
Confirmed = Annotated[
    list[str] | None,
    typer.Option("--confirm", help="A service that was asked, and whose rows are really gone; may be repeated."),
]
AsOfDates = Annotated[
    list[datetime] | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="An as-of date; may be given again.")
]

EngineName = Annotated[
    str, typer.Option("--engine", help="engine; reference: slow, and the same; or spark: many machines, and the same.")
]
SparkMaster = Annotated[str, typer.Option("--master", help="Where Spark runs: local[*] or a cluster's URL.")]


pulls = Verbs(
    "Read every source into a dated snapshot, and see what each service sent.",
    default="run",
    example="sooner pull --extracts deliveries",
)
verbs.add_verbs("pull", pulls, under="run")


@pulls.add("run", example="sooner pull --extracts deliveries", locks=True, shared=True)
def pull(invocation: Invocation, extracts: Extracts = None, confirm: Confirmed = None) -> None:
    """Read every source of the register into a dated snapshot; set bad rows apart with the rule they break."""
    from features.intake.counts_in_words import describe_files
    from features.pull import pull_sources

    result = pull_sources(invocation, extracts=extracts, confirmed=frozenset(confirm or ()))
    for line in describe_files(result.by_file):
        invocation.say(line)
    if result.past_date:
        invocation.say(f"{result.past_date:,} records are past the date until which they may be kept: `sooner retain`.")
    beginning = "Pulled" if result.made else "Nothing new since"
    invocation.report(
        {
            "snapshot": result.snapshot,
            "made": result.made,
            "synthetic": result.synthetic,
            "taken_at": result.taken_at,
            "rows": result.rows,
            "quarantined": result.quarantined,
            "by_rule": result.by_rule,
            "by_file": result.by_file,
            "past_date": result.past_date,
        },
        f"{beginning} snapshot {result.snapshot}: {result.rows:,} rows of {len(result.by_file)} files, "
        f"{result.quarantined:,} set apart (quarantine/{result.snapshot}.parquet).",
    )


@pulls.add("receive", example="sooner pull receive /srv/inbox", locks=True, shared=True)
def receive(
    invocation: Invocation,
    inbox: Annotated[
        Path, typer.Argument(metavar="INBOX", help="Where services leave deliveries: INBOX/SERVICE/NAME/.")
    ],
    extracts: Extracts = None,
) -> None:
    """Take in what services left in a drop folder, and leave a report beside each delivery: accepted, or why not."""
    from features.receive import receive_deliveries

    receipts = receive_deliveries(invocation, inbox, extracts)
    lines = [
        f"{receipt.service}/{receipt.name}: "
        + ("accepted." if receipt.accepted else f"refused. {receipt.message} {receipt.next_step}")
        for receipt in receipts
    ]
    number = sum(receipt.accepted for receipt in receipts)
    document = [{**vars(receipt), "report": str(receipt.report)} for receipt in receipts]
    invocation.report(
        {"accepted": number, "refused": len(receipts) - number, "deliveries": document},
        "\n".join(lines) or "Nothing new waits.",
    )


@pulls.add("report", example="sooner pull report", shared=True)
def report_feeds(invocation: Invocation) -> None:
    """Write each feed on one page, HTML and JSON: rows, empty cells, codes, how late, and what changed."""
    from features.intake.feeds.report import write_report
    from features.pull_plan import find_newest_snapshot

    snapshot = find_newest_snapshot(invocation.workspace.store)
    if snapshot is None:
        from charter.errors import DataError

        raise DataError("nothing was pulled yet.", "Run `sooner pull`.")
    page, _, document = write_report(invocation.register, snapshot, invocation.workspace.root / "feeds")
    for feed in document["feeds"]:
        for change in feed["deliveries"][-1]["changes"] if feed["deliveries"] else ():
            invocation.say(f"{feed['service']}: {change}")
    invocation.report({**document, "page": str(page)}, f"Wrote {page} and feeds.json beside it.")


@pulls.add("rows", example="sooner pull rows ssd", opens=False)
def show_rows(
    voice: Voice,
    name: Annotated[str, typer.Argument(help="The format, ssd for instance; any other word names them all.")],
) -> None:
    """Print register rows that are ready for a format of the sector, to be added, changed and confirmed."""
    from features.intake.formats.ready_rows import read_rows

    voice.report({"rows": read_rows(name)}, read_rows(name))


sources = Verbs("See what a service's files could be in the register.", example="sooner sources guess deliveries/rents")
verbs.add_verbs("sources", sources, under="start")


@sources.add("guess", example="sooner sources guess deliveries/rents", opens=False)
def guess_sources(
    voice: Voice,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A service's files, or a folder with a sub-folder for each service."),
    ],
) -> None:
    """Draft register rows from files that nobody described: columns, kinds, keys, dates, signals; to be confirmed.

    No value of any row is shown. Whatever was guessed is marked `example = true`, and nothing is pulled by it.
    """
    from charter.starting.toml_rows import write_row
    from features.intake.guessing.proposal import find_deliveries, holds_files, propose_sources

    folders = (folder,) if holds_files(folder) else find_deliveries(folder)[0]
    proposals = propose_sources(folders, skips=True)
    rows = [list(write_row("source", proposal.source, proposal.remarks)) for proposal in proposals]
    text = "\n\n".join("\n".join(lines) for lines in rows)
    voice.report({"rows": text}, text)


links = Verbs(
    "Find which records are one person, and review what is too close to call.", default="run", example="sooner link"
)
links.add_verbs("blind", blind)
verbs.add_verbs("link", links, under="run")

ReviewingRole = Annotated[str, typer.Option("--role", help="The role that reviews: names are shown to it, and logged.")]
Reason = Annotated[str, typer.Option("--reason", help="Why it reviews, for the log.")]


@links.add("run", example="sooner link --judge labels.csv", locks=True, shared=True)
def link(
    invocation: Invocation,
    fit: Annotated[
        bool, typer.Option("--fit", help="Link with what these records teach, and leave it as WORKSPACE/linkage.toml.")
    ] = False,
    judge: Annotated[
        Path | None,
        typer.Option(
            "--judge", help="A CSV file of service, reference, person: say how right the links are, by group."
        ),
    ] = None,
) -> None:
    """Find which records are one person, and who lived where: what `sooner link` alone does."""
    _link_and_report(invocation, fit=fit, labels=judge)


def _link_and_report(invocation: Invocation, *, fit: bool = False, labels: Path | None = None) -> None:
    """Leave the canonical tables of the newest snapshot. The writer lock is the caller's."""
    from dataclasses import asdict

    from features.linking.standing_links import find_standing_links

    result = None if fit or labels else find_standing_links(invocation)
    if result is None:
        from features.linking.link import link_records

        result = link_records(invocation, fit=fit, labels=labels)
    beginning = "Linked" if result.made else "Already linked"
    invocation.report(
        asdict(result)
        | {"judged": [of.document() for of in result.judged]}
        | {"compared": result.compared.document() if result.compared else None},
        f"{beginning} snapshot {result.snapshot}: {result.references:,} references are {result.people:,} people in "
        f"{result.households:,} homes; {result.left_out:,} were left out because they may not be linked. "
        f"{result.for_review:,} pairs are left for a person: `sooner link review`. {result.uncertain:,} references are "
        "joined and uncertain (`sooner link review --joined`); if the weights are right, "
        f"{result.expected_wrong:,.0f} links are wrong.",
    )
    for measured in result.judged:
        invocation.say(measured.sentence())
    if fit:
        from features.linking.fitted_numbers import UNTOLD

        invocation.say(f"What was learned is in {invocation.workspace.root.name}/linkage.toml: yours if you copy it.")
        if result.compared:
            invocation.say(result.compared.sentence())
        elif not labels:
            invocation.say(UNTOLD)
        else:
            invocation.say("What it is worth beside the numbers in force stands in its first lines.")


@links.add(
    "decide", example="sooner link decide 3f9c1a2b4c5d-9e01b7c2d3e4=same --role ROLE --reason 'both seen'", locks=True
)
def decide_pairs(
    invocation: Invocation,
    sayings: Annotated[
        list[str], typer.Argument(metavar="PAIR=SAYING...", help="PAIR=same, PAIR=different or PAIR=cannot_tell.")
    ],
    role: ReviewingRole = "",
    reason: Reason = "",
) -> None:
    """Say in a role of pairs that are too close to call what they are, and link again."""
    _file_sayings(invocation, sayings, role, reason)
    _link_and_report(invocation)


def _file_sayings(invocation: Invocation, sayings: Sequence[str], role: str, reason: str) -> None:
    """File what a role says of pairs. The writer lock is the caller's."""
    from features.linking import review

    reviewer = review.require_reviewer(invocation.roles, role, reason)
    review.decide_pairs(invocation, sayings, role=reviewer, reason=reason, log=_open_log(invocation, reviewer))


def _open_log(invocation: Invocation, role: str) -> Callable[[Mapping[str, object]], object]:
    from charter.vault.command_log import CommandLog

    log = CommandLog.open(invocation.council, invocation.workspace)
    return lambda entry: log.append(actor="command", role=role, action=str(entry["action"]), detail={**entry})


@links.add("review", example="sooner link review --role ROLE --reason 'weekly review' --top 10", shared=True)
def review_pairs(
    invocation: Invocation,
    of: Annotated[str, typer.Option("--of", help="Review the links of this person instead (a pseudonym).")] = "",
    role: ReviewingRole = "",
    reason: Reason = "",
    top: Annotated[int, typer.Option("--top", help="How many pairs to list, the likeliest first.")] = 20,
    joined: Annotated[
        bool, typer.Option("--joined", help="Review what was joined and is uncertain instead, the weakest first.")
    ] = False,
) -> None:
    """List pairs too close to call side by side; a role at a terminal is asked about each, then they are linked again.

    Without a role no more is shown than why they are close; as JSON never who they are.
    """
    from charter.contracts.files import writer_lock
    from features.linking.matching.grouping import APART
    from features.linking.review import list_pairs, list_uncertain, list_undecided, show_pairs

    listing = list_uncertain if joined else list_undecided
    pairs = list_pairs(invocation.workspace, of) if of else listing(invocation.workspace)
    page = pairs[:top]
    if invocation.as_json:
        invocation.report({"pairs": len(pairs), "listed": [pair.document() for pair in page]}, "")
        return
    role = invocation.roles.find(role).id if role else ""
    log = _open_log(invocation, role)
    sides = show_pairs(invocation, page, role=role, reason=reason, log=log) if role and page else None
    asks, decisions = sides is not None and sys.stdin.isatty(), 0
    for place, pair in enumerate(page):
        weight = "" if pair.weight is None else f" ({pair.weight:.1f} bits)"
        why = f" ({APART[pair.rule]})" if pair.rule in APART else ""
        lines = [f"{pair.name}{weight}{why}: {pair.evidence}"]
        for side, services in enumerate(pair.services):
            lines += [f"  {'AB'[side]}  {line}" for line in (sides[place][side] if sides else [", ".join(services)])]
        invocation.report({}, "\n".join(lines))
        answer = _ask_about_pair() if asks else ""
        if answer == _STOP:
            break
        if answer:
            with writer_lock(invocation.workspace.root):
                _file_sayings(invocation, [f"{pair.name}={answer}"], role, reason)
            decisions += 1
    if not asks:
        invocation.report(
            {},
            f"{len(pairs):,} pairs, {len(page):,} listed. "
            "Say of each: `sooner link decide PAIR=same` (or different, cannot_tell) `--role ROLE --reason WHY`.",
        )
        return
    invocation.report({}, f"{len(pairs):,} pairs, {decisions:,} decided." + (" Linking again." if decisions else ""))
    if decisions:
        with writer_lock(invocation.workspace.root):
            _link_and_report(invocation)


@links.add(
    "chart", example="sooner link chart 3f9c1a2b4c5d-9e01b7c2d3e4 --role ROLE --reason 'unclear pair'", shared=True
)
def chart_pair(
    invocation: Invocation,
    pair: Annotated[str, typer.Argument(metavar="PAIR", help="The pair, as `sooner link review` names it.")],
    role: ReviewingRole = "",
    reason: Reason = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the page; left out: WORKSPACE/charts/PAIR.html.")
    ] = None,
) -> None:
    """Draw what the weight of a pair is made of, trait by trait, as a page with the same figures in a table."""
    from charter.contracts.files import write_text
    from features.linking.match_chart import draw_chart, list_steps
    from features.linking.review import explain_pair

    log = _open_log(invocation, invocation.roles.find(role).id if role else "")
    explained = explain_pair(invocation, pair, role=role, reason=reason, log=log)
    path = out or invocation.workspace.root / "charts" / f"{pair}.html"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, draw_chart(explained))
    steps = list_steps(explained)
    lines = [f"  {step.bits:+6.1f}  {step.title}" for step in steps]
    invocation.report(
        {"pair": pair, "weight": explained.weight, "steps": [[step.title, step.bits] for step in steps]},
        "\n".join([f"{pair}, in bits:", *lines, f"The chart is in {path.name}."]),
    )


_STOP = "stop"
_ANSWERS: Mapping[str, str] = {"s": "same", "d": "different", "c": "cannot_tell", "n": "", "q": _STOP}


def _ask_about_pair() -> str:
    """Ask what the reviewer says of the pair on the screen: a saying, nothing for the next pair, or to stop."""
    question = "One person? s same, d different, c cannot tell; n next pair, q stop"
    while (key := typer.prompt(question, default="n", show_default=False).strip().lower()[:1]) not in _ANSWERS:
        typer.echo("Type one of s, d, c, n or q, then Enter.")
    return _ANSWERS[key]


@verbs.add("build", under="run", example="sooner build --as-of 2026-03-02 --purpose rank")
def build(
    invocation: Invocation,
    snapshot: Annotated[str, typer.Option("--snapshot", help="The snapshot; by default the newest.")] = "",
    as_of: AsOfDates = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What the matrix is for.", show_default=True)] = "train",
    engine: EngineName = "engine",
    master: SparkMaster = "local[*]",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be made, and make nothing.")] = False,
) -> None:
    """Build the matrix: every feature of every household in the cohort, as known at each date, as permitted now."""
    from charter.contracts.files import read_json, writer_lock
    from features.build import Snapshot, build_matrix, make_question
    from features.late_cases import count_late_cases

    days = [moment.date() for moment in as_of] if as_of else None
    if plan:
        from features.estimate import estimate_build

        opened = Snapshot.open(invocation.workspace.snapshot(snapshot or None))
        question, _ = make_question(invocation, opened, purpose, days)
        expected = estimate_build(question, opened.tables)
        invocation.report(expected.document(), expected.text())
        return
    with writer_lock(invocation.workspace.root):
        folder = build_matrix(
            invocation, purpose=purpose, snapshot=snapshot or None, as_of=days, engine=engine, master=master
        )
    late, cases = 0, 0
    if purpose == "train" and invocation.settings.training.as_of.each is not None:  # else no case can be late
        opened = Snapshot.open(invocation.workspace.snapshot(snapshot or None))
        question, _ = make_question(invocation, opened, purpose, days)
        late, cases = count_late_cases(question, opened.tables)
    unseen = (
        f"{late:,} of {cases:,} cases became known only after their date and have no row: a longer `after` in [as_of]"
        " of training.toml gives them one. "
        if late
        else ""
    )
    manifest = read_json(folder / "manifest.json")
    rows = sum(day["rows"] for day in manifest["as_of"].values())
    cannot_tell, cannot_begin = (
        sum(day.get(name, 0) for day in manifest["as_of"].values()) for name in ("cannot_tell", "cannot_begin")
    )
    untold = ""
    if cannot_tell or cannot_begin:
        untold = (
            f"A cohort rule could not be evaluated {cannot_tell:,} times; "
            f"{cannot_begin:,} times nothing could begin anew. "
        )
    invocation.report(
        {
            "matrix": manifest["id"],
            "folder": str(folder),
            "rows": rows,
            "columns": len(manifest["features"]),
            "dates": len(manifest["as_of"]),
            "cannot_tell": cannot_tell,
            "cannot_begin": cannot_begin,
            "late_cases": late,
            "reporting_lag_days": manifest["reporting_lag_days"],
        },
        f"Matrix {manifest['id']}: {rows:,} rows at {len(manifest['as_of'])} dates, "
        f"{len(manifest['features'])} columns. "
        f"{untold}{unseen}Next: `sooner train`.",
    )


@verbs.add("clean", under="look after", example="sooner clean --keep 5", locks=True)
def clean(
    invocation: Invocation,
    keep: Annotated[int, typer.Option("--keep", help="How many of the newest snapshots stay.")] = 3,
) -> None:
    """Remove old snapshots, with what the vault and the quarantine hold of them."""
    from dataclasses import asdict

    from features.intake.clean import clean_snapshots

    result = clean_snapshots(invocation, keep=keep)
    invocation.report(
        asdict(result),
        f"{len(result.removed)} snapshots removed, {len(result.kept)} kept: {', '.join(result.kept)}.",
    )
