"""`/metrics` for Prometheus, on this computer alone: is there a model, does the store answer, how old is everything.

No label holds an id of a person, household, referral or worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.alarms import KINDS, list_alarms
from serving.desk import Desk
from serving.ranking.health import read_health

__all__ = ["make_metrics_route", "write_metrics"]


def make_metrics_route(desk: Callable[[], Desk]) -> Route:
    """Return the route over `desk`."""

    def answer(request: Request) -> Response:  # noqa: ARG001  # a route's handler takes the request
        return Response(write_metrics(desk()), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", answer)


def write_metrics(desk: Desk) -> bytes:
    """Return the gauges in Prometheus' text format; those that the store can't answer are left out."""
    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"sooner_{name}", help_text, labels, registry=registry)

    manifest = desk.manifest()
    answers = desk.store.answers()
    gauge("model_ready", "1 where a bundle is served").set(bool(manifest))
    gauge("store_ready", "1 where the casework database answers").set(answers)
    gauge("suspended", "1 where the programme is suspended").set(desk.suspended() is not None)
    late = gauge("source_late", "1 where a source's newest data is older than it promised", "source")
    seen_share = gauge("source_seen_share", "Share of the source's values that were seen at the newest list", "source")
    health = read_health(desk.invocation.workspace, manifest, desk.invocation.council.time_zone) if manifest else None
    for source in health.sources if health else ():
        late.labels(source.title).set(source.late)
        seen_share.labels(source.title).set(source.seen)
    if answers:
        age = gauge("list_age_seconds", "Age of a team's newest list", "team")
        waiting = gauge("list_waiting", "Referrals of a team's newest list without a decision", "team")
        counts = desk.store.counts(desk.programme)
        for team in desk.invocation.council.teams:
            header = desk.store.current_list(desk.programme, team.id)
            if header is not None:
                age.labels(team.id).set(time.time() - datetime.fromisoformat(header.issued_at).timestamp())
                states = counts.get(team.id, {})
                waiting.labels(team.id).set(states.get("new", 0) + states.get("deferred", 0))
        standing = [alarm.kind for alarm in list_alarms(desk)]
        alarms = gauge("alarms", "Alarms that stand now, but for the log, which `sooner watch` reads", "kind")
        for kind in KINDS:
            alarms.labels(kind).set(standing.count(kind))
        outbox = gauge("outbox_waiting", "Messages that wait to leave", "receiver")
        messages = desk.store.messages(state="waiting")
        for receiver in desk.receivers.receivers:
            outbox.labels(receiver.id).set(sum(message.receiver == receiver.id for message in messages))
    return generate_latest(registry)
