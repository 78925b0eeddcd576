"""The analyst's page: how fresh the sources are, whom they let us see, and how far the margins moved."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from serving.casework.pages import Pages
from serving.ranking.health import read_health

__all__ = ["Analyst"]


class Analyst(Pages):
    """An analyst's page: figures of all households, of none in particular."""

    def analyst(self, request: Request) -> Response:
        """Show drift, coverage and freshness."""
        identity = self.allow(request, "analyst.read")
        self.desk.store.log(identity, "analyst.viewed", purpose="evaluate")
        manifest = self.desk.manifest()
        invocation = self.desk.invocation
        found = read_health(invocation.workspace, manifest, invocation.council.time_zone) if manifest else None
        return self.page(
            request, "analyst.html", title="For analysts", health=found, model=manifest.get("model", "none yet"),
            bundle=manifest.get("id", ""),
        )  # fmt: skip
