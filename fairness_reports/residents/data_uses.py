"""What is true of each use of data now: read from what was released, audited and decided, and from nothing else.

    bundle/PROGRAMME/current     what the lists are made with: its data, its points
    audit/PROGRAMME/RUN/         the findings on those very bytes, and the board's decision
    scores/PROGRAMME/RUN/        past lists made again as lists are used
    suspended/, live/            whether anybody is shown a list
    trials/PROGRAMME/NAME/       whether it was shown to help

A programme without a release is a use of data that is planned, and its page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council, Team
from charter.council.public_file import PublicUse
from charter.council.register import Source
from charter.invocation import Invocation
from charter.rules.showing import LIVE, SHADOW, SUSPENDED
from charter.signing.closures import Closure, find_closure
from charter.signing.second_gate import in_shadow
from charter.signing.signoffs import read_signoffs
from fairness_reports.impact.so_far import describe_so_far

__all__ = ["NOT_USED", "DataUse", "gather_uses"]

NOT_USED = "not used"
"""The state of a programme without a release: no list is made by it."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class DataUse:
    """One programme, with the documents of its release; `{}` where there is none.

    `bundle` is the served bundle's manifest; `findings`, `decision` and `metrics` are those of the run it came from.
    `live` are the findings on its issued lists, `{}` before `sooner audit live`.
    `closure` says that it was closed (`sooner close`), and is not used any more.
    """

    invocation: Invocation
    state: str
    bundle: Document
    findings: Document
    decision: Document
    metrics: Document
    history: Sequence[Document] = ()
    live: Document = field(default_factory=dict)
    closure: Closure | None = None

    @property
    def programme(self) -> str:
        """The programme's name."""
        return self.invocation.programme

    @property
    def words(self) -> PublicUse | None:
        """What the council wrote of it in public.toml, or None."""
        return self.invocation.public.describe_use(self.programme)

    @property
    def title(self) -> str:
        """What residents call it; the programme's name where nobody wrote more."""
        return self.words.title if self.words else self.programme.replace("_", " ").capitalize()

    @property
    def teams(self) -> Sequence[Team]:
        """The teams that serve today and get its lists."""
        return tuple(team for team in self.invocation.council.teams if team.serves(self.invocation.today))

    @property
    def released_on(self) -> date | None:
        """The day of the newest release, in the council's time zone; None where there is none."""
        moments = [row["at"] for row in self.history if row["release"] == self.bundle.get("release")]
        return self._find_day(moments[-1]) if moments else None

    @property
    def features(self) -> Sequence[Document]:
        """The pieces of data that the released model reads, by its own bytes."""
        reads = self.findings.get("reads")
        features: Sequence[Document] = self.bundle.get("features", ())
        return [feature for feature in features if reads is None or feature["name"] in reads]

    @property
    def sources(self) -> Sequence[Source]:
        """The register's rows of the services whose data the released model reads, by title."""
        services = {service for feature in self.features for service in feature["services"]}
        rows = [self.invocation.register.source(service) for service in services]
        return sorted(rows, key=lambda source: source.title)

    @property
    def replay(self) -> Document:
        """Past lists made again, of the run that was released; `{}` where they were not."""
        replay: Document = self.metrics.get("replay") or {}
        return replay if replay.get("figures") else {}

    @property
    def period(self) -> Document:
        """The stretch of weeks that the headline figures are of."""
        return next(row for row in self.replay["periods"] if row["period"] == self.replay["headline"])

    def find_figure(self, measure: str) -> Document | None:
        """Return the headline figure of past lists by the released model; None where nobody measured it."""
        for row in self.replay.get("figures", ()):
            key = (row["model"], row["measure"], row["period"], row["part"], row["against"])
            if key == (self.bundle["model"], measure, self.replay["headline"], "all", None):
                figure: Document = row
                return figure
        return None

    @cached_property
    def shown_since(self) -> date | None:
        """The day on which the last role agreed that workers may see the lists; None while nobody may."""
        live = self._audit_folder / "live" / "signoffs.toml"
        if self.state != LIVE or not live.exists():
            return None
        return max((self._find_day(row.signed_at.isoformat()) for row in read_signoffs(live)), default=None)

    @cached_property
    def so_far(self) -> Document:
        """What people did with its lists, and what its trials said (`describe_so_far`)."""
        return describe_so_far(self.invocation)

    @property
    def _audit_folder(self) -> Path:
        return self.invocation.workspace.audit / str(self.findings.get("run", ""))

    def _find_day(self, moment: str) -> date:
        return datetime.fromisoformat(moment).astimezone(self.invocation.council.time_zone).date()


def gather_uses(invocation: Invocation) -> tuple[DataUse, ...]:
    """Return every programme of the council's folder, with what is true of it now, in the order of their names."""
    council = Council.load(invocation.council.folder)
    return tuple(_gather_use(_turn_to(invocation, council, programme)) for programme in council.programmes)


def _turn_to(invocation: Invocation, council: Council, programme: str) -> Invocation:
    """Return the invocation for another programme of the same council; one that no team serves has no teams."""
    teams = tuple(team for team in council.teams if not team.programmes or programme in team.programmes)
    return replace(
        invocation,
        programme=programme,
        council=council.model_copy(update={"teams": teams}),
        workspace=Workspace(invocation.workspace.root, programme),
    )


def _gather_use(invocation: Invocation) -> DataUse:
    workspace = invocation.workspace
    closure = find_closure(workspace)
    if closure is not None:
        return DataUse(invocation, NOT_USED, {}, {}, {}, {}, closure=closure)
    folder = find_current(workspace.bundle)
    if folder is None:
        return DataUse(invocation, NOT_USED, {}, {}, {}, {})
    bundle = read_json(folder / "manifest.json")
    release = workspace.release / str(bundle["release"])
    run = str(read_json(release / "manifest.json")["run"])
    history = workspace.release / "history.json"
    return DataUse(
        invocation,
        _find_state(invocation, bundle),
        bundle,
        read_json(workspace.audit / run / "findings.json"),
        read_json(workspace.audit / run / "decision.json"),
        read_json(workspace.scores / run / "metrics.json"),
        read_json(history) if history.exists() else (),
        _read_if_there(workspace.audit / run / "live" / "findings.json"),
    )


def _find_state(invocation: Invocation, bundle: Document) -> str:
    """Return whether lists are suspended, in shadow or live. One team's or one feed's suspension is said as a whole."""
    workspace = invocation.workspace
    services = {service for feature in bundle.get("features", ()) for service in feature["services"]}
    names = {invocation.programme, bundle["id"], bundle["release"], *services}
    names |= {team.id for team in invocation.council.teams}
    for path in sorted(workspace.suspensions.glob("*.json")):
        stop = read_json(path)
        if stop.get("what") == "all" or stop.get("name") in names:
            return SUSPENDED
    is_shown = invocation.settings.worklist.list.shown
    return LIVE if is_shown and not in_shadow(workspace, bundle["release"], invocation.today) else SHADOW


def _read_if_there(path: Path) -> Document:
    return read_json(path) if path.exists() else {}
