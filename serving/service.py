"""The one BentoML service: scores for tools at `/v1/score`, and the casework pages and JSON API mounted beside it.

    bentoml serve serving.service:Sooner        what `sooner serve` runs, with where things are in the environment

    SOONER_COUNCIL, SOONER_PROGRAMME, SOONER_WORKSPACE   as the options of every verb
    SOONER_DEMO_SIGN_IN                                  1: the demonstration's sign-in, on this computer alone
    SOONER_WORKERS                                       how many processes answer (1)
    SOONER_HOSTS                                         host names to answer to beside 127.0.0.1, comma-separated

BentoML's own metrics and access log are off: their labels and lines would hold the ids in our addresses.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bentoml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from charter.errors import BlockedError, CharterError, SoonerError, UsageError
from charter.invocation import Invocation
from serving import metrics
from serving.api import routes
from serving.casework.app import build
from serving.desk import Desk
from serving.guard import CURRENT, Guard
from serving.identity import require

__all__ = ["ScoreBody", "Sooner"]

_MOST = 500


@cache
def _desk() -> Desk:
    invocation = Invocation.open(
        Path(os.environ.get("SOONER_COUNCIL", "council")),
        os.environ.get("SOONER_PROGRAMME", ""),
        Path(os.environ.get("SOONER_WORKSPACE", "workspace")),
        quiet=True,
    )
    return Desk.open(invocation, demo=os.environ.get("SOONER_DEMO_SIGN_IN") == "1")


class ScoreBody(BaseModel):
    """Whom to score: listed households by `referrals`, or (analysts alone) `rows` of features, null for not seen."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    referrals: list[str] = Field(default_factory=list, max_length=_MOST)
    rows: list[dict[str, float | None]] = Field(default_factory=list, max_length=_MOST)


class _NoRefusals(logging.Filter):
    """Keeps BentoML from writing refused requests to its log: their tracebacks name what was sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is anything but a refusal; the guard's own line says that there was one."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, ValidationError | bentoml.exceptions.BentoMLException)


class _Refused(bentoml.exceptions.BentoMLException):
    """A refusal with its HTTP status; the guard makes a problem of it."""

    def __init__(self, status: HTTPStatus, error: SoonerError) -> None:
        super().__init__(str(error))
        self.error_code = status


_web = build(_desk, [*routes(_desk), *metrics.routes(_desk)])


@bentoml.service(
    name="sooner",
    workers=int(os.environ.get("SOONER_WORKERS", "1")),
    threads=4,
    http={"host": "127.0.0.1", "port": 3000},
    traffic={"timeout": 30, "max_concurrency": 64},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(_web, path="/")
class Sooner:
    """Scores with contributions from the promoted bundle, for people on current lists."""

    def __init__(self) -> None:
        # Here and not above: the supervising process imports this module too, and scores nothing.
        from serving.live import Live

        logging.getLogger("bentoml._internal.server.http_app").addFilter(_NoRefusals())
        self._desk = _desk()
        self._live = Live(self._desk.invocation.workspace)

    async def __is_ready__(self) -> bool:
        return self._live.bundle is not None and await run_in_threadpool(self._desk.store.answers)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML leaves its decorators untyped
    def close(self) -> None:
        """Write the decisions that are not exported yet, and sign how far this worker's log came."""
        self._desk.close()

    @bentoml.api(route="/v1/score")  # type: ignore[untyped-decorator]  # as above
    def score(self, body: ScoreBody, /) -> dict[str, Any]:
        """Return band, margin and contributions of listed households, or (analysts) of rows of features."""
        try:
            return self._score(body)
        except BlockedError as error:
            raise _Refused(HTTPStatus.CONFLICT, error) from None
        except CharterError as error:
            raise _Refused(HTTPStatus.FORBIDDEN, error) from None
        except SoonerError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, error) from None

    def _score(self, body: ScoreBody) -> dict[str, Any]:
        from serving.scores import of_referrals, of_rows

        session = CURRENT.get()
        identity = session.identity if session else None
        if bool(body.referrals) == bool(body.rows):
            raise UsageError("Send either referrals or rows.", "")
        bundle = self._live.bundle
        if silent := self._desk.silent(None, bundle.id):
            raise BlockedError(silent, "")
        if body.rows:
            return of_rows(self._desk, require(identity, "score.features"), bundle, body.rows)
        return of_referrals(self._desk, require(identity, "score.listed"), body.referrals)


Sooner.add_asgi_middleware(  # type: ignore[attr-defined]  # the decorator makes it a service
    Guard,
    sessions=lambda: _desk().sessions,
    hosts=[host for host in os.environ.get("SOONER_HOSTS", "").split(",") if host],
)
