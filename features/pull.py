"""`sooner pull`: every source of the register into a dated snapshot, and what residents asked honoured in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from charter.invocation import Invocation
from charter.vault.rights_ledger import read_requests
from features.pull_plan import PullResult, plan_pull, report_earlier

__all__ = ["pull_sources"]


def pull_sources(
    invocation: Invocation,
    *,
    taken_at: datetime | None = None,
    extracts: Path | None = None,
    threads: int | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> PullResult:
    """Read every source into a snapshot, carry out every request it has not honoured yet, and say what was made.

    Arguments and errors are those of `features.pull_plan.plan_pull`; data that breaks a rule raises DataError (11). A
    pull that was killed before requests were carried out finishes them when it is run again, even where there is
    nothing new to read.
    """
    plan = plan_pull(invocation, taken_at=taken_at, extracts=extracts, confirmed=confirmed)
    if plan.earlier is not None:
        result = report_earlier(plan.earlier)
    else:
        # Here and not above: a pull that has nothing to read starts without what reads.
        from features.intake.snapshot import read_deliveries

        result = read_deliveries(invocation, plan, threads)
    if read_requests(invocation.workspace):
        from features.rights.asking import replay_requests

        replay_requests(invocation)
    return result
