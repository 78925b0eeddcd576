"""`sooner check --through rank`: all that stands between a council's folder and a list, before any of it is run.

Each thing is what a verb would refuse later, one refusal at a time: said together, in the order of the path, with the
verb that needs it. What only the data can show (too few labels, rows that break a rule) the verbs still say.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from charter.council.council import Council
from charter.council.register import Register
from charter.council.training_settings import TrainingFile
from charter.council.worklist_settings import WorklistFile
from charter.errors import SoonerError
from charter.rules.assessments import require_assessments
from charter.rules.policy import Policy
from charter.signing.signoffs import list_missing, read_signoffs
from charter.vault.key import key_file
from features.build import read_as_of_dates
from features.grammar import Composition, Definition
from features.intake.delivery import Delivery, find_folder, read_delivery

__all__ = ["Missing", "list_missing_steps"]


@dataclass(frozen=True)
class Missing:
    """One thing that is missing, the verb that needs it first, and what to do."""

    verb: str
    sentence: str
    next_step: str


def list_missing_steps(folder: Path, extracts: Path, signed: Path, today: date) -> tuple[Missing, ...]:
    """Return what is missing for a list of each programme of a folder that `check_council` finds nothing wrong with.

    `signed` is the workspace's signoffs.toml, where those of a demo lie. What data is made up its deliveries say.
    """
    council, policy = Council.load(folder), Policy.load(folder / "charter.toml")
    register = Register.load(folder / "register.toml")
    missing = []
    deliveries = []
    for source in register.enabled:
        if source.connection is None:
            try:
                deliveries.append(
                    read_delivery(source, find_folder(source, council, extracts), council, datetime.now(UTC))
                )
            except SoonerError as error:
                missing.append(Missing("pull", error.message, error.next_step))
    if "SOONER_KEY" not in os.environ and not key_file(council).exists():
        missing.append(
            Missing(
                "pull",
                f"there is no key of this council yet ({key_file(council).name}).",
                f"Run `sooner key make --council {folder}`, and keep a copy of it where no backup goes.",
            )
        )
    made_up = bool(deliveries) and all(delivery.synthetic for delivery in deliveries)
    if not made_up:
        missing += _list_examples([council, policy, register])
    missing += _list_unsigned(folder, policy, signed, today, made_up=made_up)
    for programme in council.programmes:
        missing += _list_unready(council.serving(programme), folder / programme, deliveries)
    return tuple(missing)


def _list_examples(files: Sequence[Council | Policy | Register]) -> Iterator[Missing]:
    for file in files:
        if file.marked:
            rows = f"{len(file.marked)} rows of {file.path.name} still carry `example = true`"
            yield Missing(
                "pull",
                f"{rows} ({file.marked[0]} first), and these deliveries are not marked synthetic.",
                "Let those who answer for each row make it theirs, and remove the mark.",
            )


def _list_unsigned(folder: Path, policy: Policy, signed: Path, today: date, *, made_up: bool) -> Iterator[Missing]:
    causes: set[str] = set()
    for purpose, verb in (("link", "link"), ("train", "train"), ("shadow", "rank")):
        try:
            require_assessments(policy.assessments, purpose, synthetic=made_up)
        except SoonerError as error:
            _, _, left = error.message.partition(" yet: ")
            if left not in causes:
                yield Missing(verb, error.message, error.next_step)
            causes.add(left)
    if not made_up:
        signers = {role.id: role for what in ("charter", "decision") for role in policy.signers(what)}
        signers |= {role.id: role for role in policy.roles if role.advises}
        keyless = [role.id for role in signers.values() if not role.public_key]
        if keyless:
            yield Missing(
                "sign",
                f"the charter lists no public_key of {', '.join(keyless)}, who sign or must be heard.",
                "Each makes one with `sooner role-key FILE`; the line that it prints goes into the role's row.",
            )
    signoffs = [*read_signoffs(folder / "signoffs.toml"), *read_signoffs(signed)]
    lacking = [role.id for role in list_missing("charter", policy.sha256, policy, signoffs, today, synthetic=made_up)]
    if lacking:
        how = "--demo" if made_up else "--key FILE"
        yield Missing(
            "promote",
            f"the charter, as it stands, is not signed by {', '.join(lacking)}.",
            f"Last of all, for each: `sooner sign --what charter --role ROLE {how}`.",
        )


def _list_unready(council: Council, folder: Path, deliveries: Sequence[Delivery]) -> Iterator[Missing]:
    """Yield what training and ranking would refuse of a programme's settings."""
    settings, definition = TrainingFile.read(folder / "training.toml"), Definition.load(folder / "definition.py")
    dates, _ = read_as_of_dates(settings.as_of)
    needed = settings.folds.count * settings.folds.dates + settings.folds.final
    if len(dates) <= needed:
        yield Missing(
            "train",
            f"{folder.name}: [as_of] gives {len(dates)} dates, and the folds test on {needed} and learn from others.",
            "Add dates to [as_of] of training.toml, or ask for fewer in [folds].",
        )
    else:
        yield from _list_unlearnable(council, definition, dates, needed, deliveries)
    yield from _list_unseen(council, definition, dates, needed, deliveries)
    if not any(team.places and team.serves(dates[0]) for team in council.teams):
        yield Missing(
            "train",
            f"{folder.name}: no team offers any help on {dates[0]}, the first as-of date.",
            "Give a [[team]] of council.toml a `start` before it and a [[team.offer]] with places.",
        )
    if settings.as_of.each is not None and WorklistFile.read(folder / "worklist.toml").queue is None:
        yield Missing(
            "train",
            f"{folder.name}: each row has a date of its own (`each` in training.toml), and worklist.toml has no [queue]"
            " that says how cases are taken: no model can be chosen.",
            'Add [queue] with places = "offers" to worklist.toml, or leave `each` out.',
        )
    document = json.dumps([feature.document()["expression"] for feature in definition.features])
    if "last_contact" in settings.models.compare and '"days_since"' not in document:
        yield Missing(
            "train",
            f"{folder.name}: last_contact is compared, and no feature counts days since anything.",
            "Add a days_since feature, or leave last_contact out of [models] compare in training.toml.",
        )


def _list_unlearnable(
    council: Council, definition: Definition, dates: Sequence[date], needed: int, deliveries: Sequence[Delivery]
) -> Iterator[Missing]:
    """Yield where deliveries end too soon for the outcome of the dates, or no date comes early enough to learn from."""
    if definition.outcome.ends_with is not None:
        return
    horizon = definition.outcome.horizon
    ends = _list_bounds(council, deliveries, definition.outcome.expression.services, "covers_to")
    labelled = [day for day in dates if horizon.after(day) <= min(ends, default=date.max)]
    name, longer = definition.programme, f"(its horizon is {horizon})"
    if len(labelled) <= needed:
        yield Missing(
            "train",
            f"{name}: the outcome of {len(labelled)} of {len(dates)} as-of dates is covered by deliveries {longer}, and"
            f" the folds test on {needed} and learn from others.",
            "Choose earlier or closer dates in [as_of] of training.toml, fewer in [folds], or a shorter `next` in"
            " OUTCOME.",
        )
        return
    first_test = labelled[-needed]
    if not any(horizon.after(day) <= first_test for day in labelled):
        yield Missing(
            "train",
            f"{name}: the first fold tests from {first_test}, and no as-of date is early enough to be learned from by"
            f" then {longer}.",
            "Choose an earlier `first` in [as_of] of training.toml, fewer `count` in [folds], or a shorter `next` in"
            " OUTCOME.",
        )


def _list_unseen(
    council: Council, definition: Definition, dates: Sequence[date], needed: int, deliveries: Sequence[Delivery]
) -> Iterator[Missing]:
    """Yield the features that look further back than any delivery: seen at no as-of date, or at none before any test.

    Dates are in order; the last `needed` of them are those that folds test on.
    """
    for feature in definition.features:
        expression = feature.expression
        if isinstance(expression, Composition) or (period := expression.reach.last) is None:
            continue
        for service in expression.services:
            begun = max(_list_bounds(council, deliveries, [service], "covers_from"), default=date.min)
            seen = [day for day in dates if period.before(day) >= begun]
            if seen and needed < len(dates) and seen[0] >= dates[-needed]:
                yield Missing(
                    "train",
                    f"{definition.programme}: {feature.name} looks back over {period}, and {service} covers nothing"
                    f" before {begun}: of {len(dates)} as-of dates it is seen at {len(seen)}, the first {seen[0]}, when"
                    " folds test already, so that the first learns nothing of it.",
                    "Shorten its `last`, leave it out until there are more dates, or let the delivery cover more if it"
                    " does.",
                )
            elif not seen:
                yield Missing(
                    "build",
                    f"{definition.programme}: {feature.name} looks back over {period}, and {service} covers"
                    f" nothing before {begun}: it is seen at no as-of date.",
                    "Shorten its `last`, choose later dates in [as_of], or let the delivery cover more if it does.",
                )


def _list_bounds(council: Council, deliveries: Sequence[Delivery], services: Sequence[str], bound: str) -> list[date]:
    """Return the days on which full deliveries of these services begin or end, as far as they say it."""
    moments = [getattr(delivery, bound) for delivery in deliveries if delivery.service in services and delivery.full]
    return [moment.astimezone(council.time_zone).date() for moment in moments if moment is not None]
