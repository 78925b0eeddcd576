"""The least that could answer `/v1/score`: plain FastAPI on uvicorn, with our own function and the same audit write.

It checks no host, session, role or suspension, and adds no security headers: what ours costs beyond it is all that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from charter.invocation import Invocation
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.bundle import Bundle
from serving.web.scores import score_features

_DESK = Desk.open(
    Invocation.open(Path(os.environ["SOONER_COUNCIL"]), "early_help", Path(os.environ["SOONER_WORKSPACE"]), quiet=True),
    demo=True,
    chain="plain",
)
_BUNDLE = Bundle.current(_DESK.invocation.workspace)
_ANALYST = Identity("demo-analyst", "analyst", frozenset())

app = FastAPI()


class Body(BaseModel):
    """Rows of features by name, null for not seen."""

    rows: list[dict[str, float | None]]


@app.post("/v1/score")
def score(body: Body) -> dict[str, Any]:
    """Return margins, bands and contributions."""
    return score_features(_DESK, _ANALYST, _BUNDLE, body.rows)


@app.post("/bytes/{size}")
async def answer(size: int, request: Request) -> Response:
    """Read what was sent and answer so many bytes: HTTP alone."""
    await request.body()
    return Response(b" " * size, media_type="application/json")


@app.get("/readyz")
def ready() -> str:
    """Say that it answers."""
    return "ready"
