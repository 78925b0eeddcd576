"""The case of a path, opened with its people's names; opening is a line in the log that says what for."""

from __future__ import annotations

from serving.casework.view import CaseFile
from serving.casework.visit import Visit

__all__ = ["open_file"]


def open_file(visit: Visit, reason: str) -> CaseFile:
    """Return the case of the path with its people's names, after one line in the log that gives the reason."""
    desk, referral = visit.desk, visit.referral
    record = desk.record(referral)
    persons = desk.people(visit.identity, {referral.id: record}, reason)
    return CaseFile(referral, record, desk.manifest(referral.bundle), persons, desk.seeking_teams())
