"""The one BentoML service: scores for tools at `/v1/score`, and the casework pages and JSON API mounted beside it.

    serving.web.supervisor              what `sooner serve` runs, with where things are in the environment
    bentoml serve sooner:latest         the same service out of a built Bento

    SOONER_COUNCIL, SOONER_PROGRAMME, SOONER_WORKSPACE   as the options of every verb
    SOONER_DEMO_SIGN_IN                                  1: the demonstration's sign-in, on this computer alone
    SOONER_WORKERS                                       how many processes answer (1)
    SOONER_HOSTS                                         host names to answer to beside 127.0.0.1, comma-separated

BentoML's own metrics, access log and traces are off: their labels and lines would hold the ids in our addresses.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import bentoml
from pydantic import ValidationError
from pydantic_core import to_json
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from charter.contracts.files import hold_open
from charter.errors import BlockedError, DataError, SoonerError, UsageError
from charter.invocation import Invocation
from charter.machine.private_files import close_folder, keep_files_private
from charter.rules.showing import Asking, find_refusals
from serving.casework.app import build_app
from serving.casework.unanswered import note_unanswered
from serving.desk import Desk, FaultError
from serving.faults import find_fault, list_faults, load_right_key
from serving.identity import require_act
from serving.sending.deliverer import deliver_due, run_deliverer
from serving.session import CURRENT
from serving.web.api import make_routes
from serving.web.bodies import ScoreBody
from serving.web.failed_calls import FAILURES, answer_failure
from serving.web.guard import Guard
from serving.web.metrics import make_metrics_route

if TYPE_CHECKING:
    from serving.web.bundle_in_use import Live

__all__ = ["Sooner", "app"]

_LOG = logging.getLogger("sooner.service")
_IN_USE = ExitStack()
"""Held while this process lives, so that nothing is restored under it."""
_Part = TypeVar("_Part")


@cache
def _desk() -> Desk:
    """Open the desk of this worker, at the first request after which it can be; raises FaultError until then."""
    keep_files_private()
    invocation = Invocation.open(
        Path(os.environ.get("SOONER_COUNCIL", "council")),
        os.environ.get("SOONER_PROGRAMME", ""),
        Path(os.environ.get("SOONER_WORKSPACE", "workspace")),
        quiet=True,
    )
    close_folder(invocation.workspace.root)
    demo = os.environ.get("SOONER_DEMO_SIGN_IN") == "1"
    _open_part("database", lambda: _hold_workspace(invocation.workspace.root))
    _open_part("key", lambda: load_right_key(invocation))
    return _open_part("database", lambda: Desk.open(invocation, demo=demo))


@cache
def _hold_workspace(root: Path) -> None:
    _IN_USE.enter_context(hold_open(root))


def _open_part(part: str, opens: Callable[[], _Part]) -> _Part:
    """Return what is opened; say in the log why it can't be, and raise FaultError."""
    try:
        return opens()
    except SoonerError as error:
        _LOG.error("the %s: %s", part, error)
        raise FaultError(part) from None


@cache
def _live() -> Live:
    """Open the bundle in use; raises FaultError while there is none."""
    from serving.web.bundle_in_use import Live

    try:
        return Live(_desk().invocation.workspace)
    except (DataError, OSError):
        raise FaultError("bundle") from None


def _list_faults() -> tuple[str, ...]:
    """Return what a request would miss now."""
    try:
        desk = _desk()
        _live()
    except (SoonerError, SQLAlchemyError, OSError) as error:
        return (find_fault(error).id,)
    return list_faults(desk)


def _send_waiting() -> None:
    """Note what nobody answered, and deliver what waits; the files of the council are as they were at the start."""
    desk, now = _desk(), datetime.now(UTC)
    note_unanswered(desk, now)
    deliver_due(desk.store, desk.receivers, desk.invocation.council.name)


class _NoRefusals(logging.Filter):
    """Keeps BentoML from writing refused requests to its log: their tracebacks name what was sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is anything but a refusal; the guard's own line says that there was one."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, ValidationError | bentoml.exceptions.BentoMLException)


_web = build_app(_desk, [*make_routes(_desk), make_metrics_route(_desk)])


@bentoml.service(
    name="sooner",
    workers=int(os.environ.get("SOONER_WORKERS", "1")),
    threads=4,
    http={"host": "127.0.0.1", "port": 3000},
    traffic={"timeout": 60},  # the guard answers before: it knows what was saved
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ["."]},  # every address, as a regular expression
)
@bentoml.asgi_app(_web, path="/")
class Sooner:
    """Scores with contributions from the promoted bundle, for people on current lists."""

    def __init__(self) -> None:
        logging.getLogger("bentoml._internal.server.http_app").addFilter(_NoRefusals())
        # A part that is missing now may be back in a minute: the worker says what, and serves once it is there.
        if faults := _list_faults():
            _LOG.error("this worker begins without: %s", ", ".join(faults))
        self._stop = threading.Event()
        threading.Thread(target=run_deliverer, args=(_send_waiting, self._stop), daemon=True).start()
        # What was loaded until here stays: looking through all of it for garbage held requests up by 0.14 s.
        gc.freeze()

    async def __is_ready__(self) -> bool:
        if faults := await run_in_threadpool(_list_faults):
            raise HTTPException(503, f"Not ready: {', '.join(faults)}.\n")
        return True

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML leaves its decorators untyped
    def close(self) -> None:
        """Write the decisions that are not exported yet, and sign how far this worker's log came."""
        self._stop.set()
        if _desk.cache_info().currsize:
            _desk().close()

    @bentoml.api(route="/v1/score")  # type: ignore[untyped-decorator]  # as above
    def score(self, body: ScoreBody, /) -> Any:  # a Response, which BentoML would take for a schema
        """Answer with band, margin and contributions of listed households, or (analysts) of rows of features."""
        try:
            # A finished answer: of anything else BentoML works out the schema again at each request. Written by
            # pydantic, which takes a ninth of the standard library's time for numbers.
            return Response(to_json(self._score(body)), media_type="application/json")
        except FAILURES as error:
            return answer_failure(error)

    def _score(self, body: ScoreBody) -> dict[str, Any]:
        from serving.web.scores import score_features, score_referrals

        session = CURRENT.get()
        identity = session.identity if session else None
        if bool(body.referrals) == bool(body.rows):
            raise UsageError("Send either referrals or rows.", "")
        desk, bundle = _desk(), _live().bundle
        if refusals := find_refusals(Asking("score", desk.standing(None, bundle.id))):
            raise BlockedError(refusals[0].message, "")
        if body.rows:
            return score_features(desk, require_act(identity, "score.features"), bundle, body.rows)
        return score_referrals(desk, require_act(identity, "score.listed"), body.referrals)


Sooner.add_asgi_middleware(  # type: ignore[attr-defined]  # the decorator makes it a service
    Guard,
    entrance=lambda: _desk().entrance,
    hosts=[host for host in os.environ.get("SOONER_HOSTS", "").split(",") if host],
)


def app() -> ASGIApp:
    """Return the whole of it as one ASGI application, for a server to run."""
    keep_files_private()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    served: ASGIApp = Sooner.to_asgi()  # type: ignore[attr-defined]  # as above
    return served
