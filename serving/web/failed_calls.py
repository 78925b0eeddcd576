"""Every error that ends a call of the API, as its problem: a refusal of what was asked, or a fault of ours."""

from __future__ import annotations

import logging
import sqlite3

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from charter.errors import SoonerError
from serving.faults import FAULT_ERRORS, find_fault, say_what_was_saved
from serving.store.saving import SAVING
from serving.web.problem import make_error_problem, make_fault_problem

__all__ = ["FAILURES", "answer_failure"]

FAILURES = (SoonerError, SQLAlchemyError, sqlite3.Error, OSError)
_LOG = logging.getLogger("sooner.fault")


def answer_failure(error: Exception) -> JSONResponse:
    """Return the problem of an error: whose fault it is and, where it is ours, what was saved."""
    if isinstance(error, SoonerError) and not isinstance(error, FAULT_ERRORS):
        return make_error_problem(error)
    fault = find_fault(error)
    _LOG.error("%s: %s", fault.id, type(error).__name__)
    return make_fault_problem(fault, say_what_was_saved(SAVING.get()))
