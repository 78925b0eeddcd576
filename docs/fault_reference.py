"""The page of the service's own faults, made from their table (serving/faults.py); a test provokes each."""

from __future__ import annotations

from serving.faults import FAULTS
from serving.web.guard import ANSWERING, PLACES, READING
from serving.web.supervisor import FINISHING, HUNG, STOPPING

__all__ = ["fault_reference"]

_HEAD = """# Faults of the service

What a page or an answer of the API says where the fault is the service's own, its status, its word at `/readyz`, and
what mends it. To each is added that the fault is the service's and, of whatever changes something, whether anything was
saved. No restart is needed: each passes once it is mended. Lists can be stopped with the database and the bundle down
(`sooner suspend`, or a form of the board's page that is open): that is a file.

`/readyz` asks for bundle, database (whether it takes writes), disk (100 MB free), vault, key and clock; `/livez` says
only that the process answers. A late feed is no fault of the service: pages say so, and people work on.
"""


def fault_reference() -> str:
    """Return the page."""
    lines = [
        _HEAD,
        "| what is said | status | word | what mends it |",
        "|---|--:|---|---|",
        *(f"| {fault.message} | {fault.status} | `{fault.id}` | {fault.mends} |" for fault in FAULTS.values()),
        "",
        "| time | seconds |",
        "|---|--:|",
        f"| a body has, to come; then 408 | {READING} |",
        f"| an answer has; then 504, and nothing more is saved | {ANSWERING} |",
        f"| a worker whose loop does not turn has, until it is replaced | {HUNG} |",
        f"| requests have when the service is stopped | {FINISHING} |",
        f"| all have when the service is stopped | {STOPPING} |",
        "",
        f"Each worker answers {PLACES} requests at once; one more gets 503, and nothing of it was saved.",
    ]
    return "\n".join(lines) + "\n"
