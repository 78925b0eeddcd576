"""A verdict on anybody's list: findings, report and decision of a scored table, under a charter of the reader's own.

    AUDIT/findings.json   every measure, as `sooner audit table` prints it
    AUDIT/decision.json   the charter's answers, by the very rule that decides on Sooner's own runs
    AUDIT/report.html     both, as a page

A table has no cases of residents, no lists week by week and no practice beside it: a charter's questions about those
are left out and named. One about a characteristic that no column was given for blocks, as one without a finding does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts import check_document
from charter.contracts.files import file_digest, write_json, write_text
from charter.errors import BlockedError, ReferredError, UsageError
from charter.rules.gate import decide_findings
from charter.rules.measures import AT_DATES, SHARES
from charter.rules.policy import Policy
from charter.voice import Voice
from fairness_reports.publish.figures_in_words import say_date
from fairness_reports.publish.gate_tables import FEWEST, hide_small, tabulate_gate
from fairness_reports.publish.pack import ANSWERS
from fairness_reports.publish.table_figures import list_comparisons, list_tables, summarise_table

__all__ = ["decide_table", "report_table_audit"]


def report_table_audit(
    voice: Voice, file: Path, document: dict[str, Any], charter: Path | None, into: Path | None, *, full: bool = False
) -> None:
    """Print a table's figures, or with a charter or a folder leave findings, page and verdict, and exit as it says.

    Of figures a screen holds the main ones; all with `full`.

    Raises BlockedError (13) for a decision that blocks, ReferredError (15) for one that refers, UsageError for a
    charter asked of several lists at once.
    """
    if charter is None and into is None:
        voice.report(document, summarise_table(document, full=full))
        return
    selections = {row["at"] for row in document["findings"] if row["measure"] == "selection_rate"}
    if charter is not None and len(selections) > 1:
        raise UsageError(
            f"a charter is asked of one list, and {len(selections)} are named.",
            "Name one of --capacity, --threshold and --selected.",
        )
    folder = into or file.with_name(f"{file.stem}-audit")
    decision = _leave_table_audit(folder, document, charter)
    # What is not passed is said once, by the error that says it.
    sentence = ""
    if decision is None or decision["decision"] == "pass":
        sentence = f"{summarise_table(document, full=full) if decision is None else decision['sentence']}\n"
    voice.report(decision or document, f"{sentence}The report is {folder / 'report.html'}.")
    _refuse_decision(decision, folder)


def _leave_table_audit(folder: Path, document: dict[str, Any], charter: Path | None) -> dict[str, Any] | None:
    """Leave a table's findings and its page in `folder`, and a decision where there is a charter; return that.

    Raises UsageError for a charter that asks nothing of a table, CharterError for one that is not understood.
    """
    policy = None if charter is None else Policy.load(charter)
    if policy is not None:
        document |= {"charter_sha256": policy.sha256}
    write_json(folder / "findings.json", document)
    decision = None
    if policy is not None:
        decision = decide_table(document, policy, file_digest(folder / "findings.json"))
        write_json(folder / "decision.json", decision)
    write_text(folder / "report.html", _render(document, decision, policy))
    return decision


def _refuse_decision(decision: Mapping[str, Any] | None, folder: Path) -> None:
    """Raise BlockedError (13) for a decision that blocks, ReferredError (15) for one that refers."""
    if decision is not None and decision["decision"] == "block":
        raise BlockedError(
            decision["sentence"], f"Read {folder / 'report.html'}; then change the list, not the charter."
        )
    if decision is not None and decision["decision"] == "refer":
        raise ReferredError(decision["sentence"], f"The board reads {folder / 'report.html'} and decides.")


def decide_table(document: Mapping[str, Any], policy: Policy, findings_sha256: str) -> dict[str, Any]:
    """Return the decision on a table's findings: of those of the charter's questions that a table can answer."""
    asked = tuple(gate.replace(stages=("test",)) for gate in policy.gates if _can_answer(gate.measure))
    if not asked:
        raise UsageError(
            "none of the charter's questions can be asked of a table.",
            f"Ask about one of these: {', '.join(sorted(SHARES))}.",
        )
    unique = {(gate.measure, gate.characteristic): gate for gate in reversed(asked)}
    # A copy and no other file: what was signed is the charter's bytes.
    narrowed = policy.model_copy(
        update={
            "gates": tuple(reversed(unique.values())),
            "scenarios_at_least": 0,
            "usefulness": None,
            "data_use": None,
            "waivers": (),
            "caveats": (),
        }
    )
    rows = [row | {"at": AT_DATES} for row in document["findings"]]
    decision = decide_findings(
        {**document, "findings": rows}, narrowed, datetime.now(UTC).date(), findings_sha256=findings_sha256
    )
    check_document("decision", decision)
    return decision


def _can_answer(measure: str) -> bool:
    return measure in SHARES


def _render(document: Mapping[str, Any], decision: Mapping[str, Any] | None, policy: Policy | None) -> str:
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    rows = [hide_small(row) for row in document["findings"]]
    verdicts = decision["verdicts"] if decision else []
    answered = {verdict["gate"] for verdict in verdicts}
    gates = policy.gates if policy else ()
    return environment.get_template(
        "table.html"
    ).render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=policy.title if policy else "Without a charter: figures, and no verdict",
        findings={**document, "synthetic": False},
        decision=decision or {"decision": "refer"},
        answer=ANSWERS[decision["decision"]] if decision else "Figures alone",
        said=decision["sentence"] if decision else "Nothing was decided: no charter was given.",
        gates=[tabulate_gate(gate, rows, decision["verdicts"]) for gate in gates if gate.id in answered]
        if decision
        else [],
        left_out=[gate.question for gate in gates if not _can_answer(gate.measure)],
        made_on=say_date(document["made_at"][:10]),
        fewest=FEWEST,
        tables=list(list_tables(document)),
        comparisons=list(list_comparisons(document)),
    )
