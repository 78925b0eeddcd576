"""The analyst's page: how fresh the sources are, whom they let us see, and how far the margins moved."""

from __future__ import annotations

from starlette.responses import Response

from serving.casework.managing.rules_that_left_out import count_left_out
from serving.casework.managing.small_multiples import draw_multiples
from serving.casework.visit import Visit
from serving.ranking.health import read_health

__all__ = ["show_health"]


def show_health(visit: Visit) -> Response:
    """Show drift, coverage and freshness: figures of all households, of none in particular."""
    desk = visit.desk
    desk.store.log(visit.identity, "analyst.viewed", purpose="evaluate")
    manifest = desk.manifest()
    invocation = desk.invocation
    health = read_health(invocation.workspace, manifest, invocation.council.time_zone) if manifest else None
    return visit.render(
        "analyst.html",
        health=health,
        left_out=count_left_out(desk),
        multiples=draw_multiples(health) if health else [],
        model=manifest.get("model", "none yet"),
        bundle=manifest.get("id", ""),
    )
