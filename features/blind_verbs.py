"""`sooner link blind`: pairs drawn by lot, read by two who don't see each other's word, and how right links are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["blind"]

blind = Verbs(
    "Measure how right links are by pairs that two people read apart.",
    default="accuracy",
    example="sooner link blind draw --size 200 --role ROLE --reason 'yearly check'",
)

Role = Annotated[str, typer.Option("--role", help="The role that reads: names are shown to it, and logged.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the log.")]
Reader = Annotated[str, typer.Option("--reader", help="first, second, or third: who reads what those two differ on.")]


def _open_log(invocation: Invocation, role: str) -> Callable[[Mapping[str, object]], object]:
    from charter.vault.command_log import CommandLog

    log = CommandLog.open(invocation.council, invocation.workspace)
    return lambda entry: log.append(actor="command", role=role, action=str(entry["action"]), detail={**entry})


@blind.add("draw", example="sooner link blind draw --size 200 --seed 1 --role ROLE --reason 'yearly check'", locks=True)
def draw(
    invocation: Invocation,
    size: Annotated[int, typer.Option("--size", help="About how many pairs to draw.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="By which lot: the same seed draws the same pairs.")] = 1,
    role: Role = "",
    reason: Reason = "",
) -> None:
    """Draw pairs of the newest linked snapshot, joined and left, to be read; a sample before it is dropped."""
    from features.linking.blind_review import draw_pairs

    role = invocation.roles.find(role).id if role else ""
    log = _open_log(invocation, role)
    counts = draw_pairs(invocation, size=size, seed=seed, role=role, reason=reason, log=log)
    invocation.report(
        {"strata": {name: {"drawn": drawn, "of": of} for name, (drawn, of) in counts.items()}},
        "\n".join(f"  {name:24} {drawn:>6,} of {of:>9,}" for name, (drawn, of) in counts.items())
        + "\nTwo read them apart: `sooner link blind read --reader first --role ROLE --reason WHY`, and `second`.",
    )


@blind.add("read", example="sooner link blind read --reader first --role ROLE --reason 'yearly check'", locks=True)
def read(
    invocation: Invocation,
    sayings: Annotated[
        list[str] | None, typer.Argument(metavar="[PAIR=SAYING...]", help="PAIR=same, =different or =cannot_tell.")
    ] = None,
    reader: Reader = "",
    role: Role = "",
    reason: Reason = "",
    top: Annotated[int, typer.Option("--top", help="How many pairs to show.")] = 20,
) -> None:
    """Read drawn pairs side by side, or file what was read; at a terminal each is asked about. Nothing is linked."""
    from features.linking.blind_review import keep_readings, list_candidates
    from features.linking.review import show_pairs

    role = invocation.roles.find(role).id if role else ""
    log = _open_log(invocation, role)
    if sayings:
        told = dict(saying.rpartition("=")[::2] for saying in sayings)
        count = keep_readings(invocation, told, reader=reader, role=role, reason=reason, log=log)
        invocation.report({"read": count}, f"{count:,} readings filed.")
        return
    unread = list_candidates(invocation, reader)
    page = unread[:top]
    if invocation.as_json:
        invocation.report({"unread": len(unread), "listed": [pair.name for pair in page]}, "")
        return
    sides = show_pairs(invocation, page, role=role, reason=reason, log=log, blind=True)
    for pair, both in zip(page, sides, strict=True):
        lines = [f"  {'AB'[place]}  {line}" for place, side in enumerate(both) for line in side]
        invocation.report({}, "\n".join([pair.name, *lines]))
        if not sys.stdin.isatty():
            continue
        answer = typer.prompt("same, different or cannot_tell (Enter: later)", default="", show_default=False).strip()
        if answer:
            keep_readings(invocation, {pair.name: answer}, reader=reader, role=role, reason=reason, log=log)
    invocation.report({}, f"{len(unread):,} pairs were unread by the {reader} reader, {len(page):,} shown.")


@blind.add("accuracy", example="sooner link blind accuracy --role ROLE --reason 'yearly check'")
def accuracy(invocation: Invocation, role: Role = "", reason: Reason = "") -> None:
    """Say how right links are by what was read: precision and recall, their 95 % intervals, and how readers agree."""
    from features.linking.blind_review import reckon_accuracy

    role = invocation.roles.find(role).id if role else ""
    found = reckon_accuracy(invocation, role=role, reason=reason, log=_open_log(invocation, role))
    shares = [
        f"{title} {of[0]:.4f} ({of[1]:.4f} to {of[2]:.4f})"
        for title, of in (("precision", found.precision), ("recall", found.recall))
    ]
    wrong = f" Linkage did otherwise in {len(found.wrong):,}: {', '.join(found.wrong[:10])}." if found.wrong else ""
    invocation.report(
        found.document(),
        f"{'; '.join(shares)}. {found.drawn:,} pairs drawn, {found.read_twice:,} read twice, alike {found.alike:,}; "
        f"{found.unsettled:,} are open.{wrong} Recall is among pairs that were joined or left for a person. "
        "`sooner link decide` files what you hold for right; `sooner link --fit` learns from what is settled.",
    )
