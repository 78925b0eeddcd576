"""The public record of a decided audit, after the UK's Algorithmic Transparency Recording Standard (version 4.0).

Filled from the charter, the council, the definition, the findings and the decision; what only people can say is left
as a prompt and counted. Figures of groups pass through disclosure control (`public_figures.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import find_current, read_json, write_json, write_text
from charter.errors import DataError
from charter.invocation import Invocation
from charter.law import cite_law
from fairness_reports.disclosure.rules import HIDDEN
from fairness_reports.publish.figures_in_words import say_interval, say_number, say_share
from fairness_reports.publish.pack import AT_CAPACITY, MODELS, list_used
from fairness_reports.publish.public_figures import hide_for_public
from features.grammar.words import name_piece

__all__ = ["PROMPT", "fill_transparency_fields", "publish_record", "tabulate_public_groups"]

PROMPT = "[To be written by the council]"
"""What stands in a field that only people can fill."""


def publish_record(invocation: Invocation, run: str = "") -> tuple[Path, dict[str, Any]]:
    """Write `record.json` and `record.md` of an audited run to `published/PROGRAMME/`; return folder and record.

    Raises DataError where the run has no audit or no decision.
    """
    audit = invocation.workspace.audit
    folder = audit / run if run else find_current(audit)
    if folder is None or not (folder / "decision.json").exists():
        raise DataError("there is no decided audit to publish.", "Run `sooner audit`, then `sooner decide`.")
    findings, decision = read_json(folder / "findings.json"), read_json(folder / "decision.json")
    check_document("findings", findings)
    check_document("decision", decision)
    definition = read_json(invocation.workspace.matrix / findings["matrix"] / "definition.json")
    policy = invocation.policy
    fields = fill_transparency_fields(invocation, definition, findings, decision)
    record = {
        "standard": "ATRS 4.0",
        "decision": decision["decision"],
        "charter": {"version": policy.version, "sha256": policy.sha256},
        "snapshot": findings["snapshot"],
        "fields": fields,
        "left_to_write": [name for name, value in fields.items() if value == PROMPT],
        "groups": tabulate_public_groups(findings),
        "not_seen": list(findings.get("notes", ())),
    }
    target = invocation.workspace.published
    write_json(target / "record.json", record)
    write_text(target / "record.md", _write_markdown(record))
    return target, record


def fill_transparency_fields(
    invocation: Invocation, definition: Mapping[str, Any], findings: Mapping[str, Any], decision: Mapping[str, Any]
) -> dict[str, str]:
    """Return the fields of the standard by number and name, as an audit and the council's files fill them."""
    policy, register = invocation.policy, invocation.register
    used = list_used(definition, findings)
    services = sorted({service for feature in used for service in feature["services"]})
    sources = [register.source(service) for service in services]
    owner = policy.signers("decision")[0]
    return {
        "1.1 Name": f"{findings['programme'].replace('_', ' ').capitalize()} worklist",
        "1.2 Description": (
            f"Orders {definition['cohort']['title'][0].lower()}{definition['cohort']['title'][1:]} for a person to look"
            " at and offer help to. It decides nothing by itself."
        ),
        "1.3 Website": PROMPT,
        "1.4 Contact email": invocation.council.contact or PROMPT,
        "Organisation": invocation.council.name,
        "Phase": "fictional" if findings.get("synthetic") else PROMPT,
        "2.1.1 Organisation": invocation.council.name,
        "2.1.2 Team": ", ".join(team.title for team in invocation.council.teams),
        "2.1.3 Senior responsible owner": owner.title,
        "2.1.4 Third party involvement": PROMPT,
        "2.2.1 Detailed description": (
            f"Outcome: {definition['outcome']['title']}. {len(used)} pieces of data from"
            f" {len(services)} services; the model is {MODELS.get(findings['model'], findings['model'])}."
        ),
        "2.2.2 Benefits": "Help is offered sooner; measured by `sooner trial` before it is claimed.",
        "2.2.3 Previous process": PROMPT,
        "2.2.4 Alternatives considered": (
            "Drawing lots, last contact first, a single piece of data and a points list are compared in the board pack."
        ),
        "2.3.1 Integration into the process": "A caseworker opens the list, reads the reasons, and decides.",
        "2.3.2 Human review": "Every place on the list is taken up, deferred or set aside by a person, with a reason.",
        "2.3.3 Frequency and scale": (
            f"{sum(team.places for team in invocation.council.teams):g} places a week"
            f" in {len(invocation.council.teams)} teams."
        ),
        "2.3.4 Required training": PROMPT,
        "2.3.5 Appeals and review": (
            "Residents can see, correct, object and complain; an objection counts from the day it is received. Nobody"
            f" is refused help because of the list ({cite_law('automated_decisions')})."
        ),
        "2.4.1.1 System architecture": "Open source; runs on the council's own machines.",
        "2.4.1.2 System-level input": ", ".join(source.title for source in sources),
        "2.4.1.3 System-level output": "A list per team, in order, with reasons in words and no score shown alone.",
        "2.4.2.1 Model name": MODELS.get(findings["model"], findings["model"]),
        "2.4.2.2 Model version": findings["run"],
        "2.4.2.3 Model task": definition["outcome"]["title"],
        "2.4.2.4 Model input": "; ".join(name_piece(feature) for feature in used),
        "2.4.2.5 Model output": "An order.",
        "2.4.2.6 Model architecture": MODELS.get(findings["model"], findings["model"]),
        "2.4.2.7 Model performance": _say_performance(findings),
        "2.4.3 Development data, sensitive attributes": (
            f"Never an input: {', '.join(attribute.title.lower() for attribute in policy.prohibited_inputs)}."
        ),
        "2.4.4 Operational data, legal bases": "; ".join(f"{source.title}: {source.basis}" for source in sources),
        "2.5.1 Impact assessments": PROMPT,
        "2.5.2 Harms and mitigations": decision["sentence"],
    }


def _say_performance(findings: Mapping[str, Any]) -> str:
    whole = {
        row["measure"]: row
        for row in findings["findings"]
        if row["group"] is None and row.get("component") is None and row["at"] == AT_CAPACITY
    }
    return (
        f"At the teams' capacity, people of the audited ages: precision {_say_figure(whole['precision'])},"
        f" recall {_say_figure(whole['recall'])}, false positive rate {_say_figure(whole['false_positive_rate'])};"
        " by group below."
    )


def _say_figure(row: Mapping[str, Any]) -> str:
    return f"{say_share(row['estimate'])} (95 % interval {say_interval(row['interval'], say_share)})"


def tabulate_public_groups(findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups' figures for publication; what would say something of a few people is hidden."""
    rows = []
    found = findings["findings"]
    for row, shown in zip(found, hide_for_public(found), strict=True):
        is_public = row["measure"] in {"recall", "false_positive_rate", "selection_rate"}
        if not is_public or row["group"] is None or row.get("component") is not None or row["at"] != AT_CAPACITY:
            continue
        rows.append(
            {
                "measure": row["measure"],
                "characteristic": row["characteristic"],
                "group": row["group"],
                **{
                    title: HIDDEN if shown[name] is None and row[name] is not None else say(shown[name])
                    for title, name, say in _PUBLIC_COLUMNS
                },
            }
        )
    return rows


_PUBLIC_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("figure", "estimate", say_share),
    ("interval", "interval", partial(say_interval, say=say_share)),
    ("ratio", "ratio", say_number),
    ("ratio_interval", "ratio_interval", partial(say_interval, say=say_number)),
)


def _write_markdown(record: Mapping[str, Any]) -> str:
    lines = [f"# {record['fields']['1.1 Name']}", "", f"Record after {record['standard']}.", ""]
    for name, value in record["fields"].items():
        lines += [f"**{name}**", "", str(value), ""]
    lines += [
        "## By group",
        "",
        "| measure | group | figure | 95 % interval | beside everyone else | 95 % interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['measure'].replace('_', ' ')} | {row['characteristic']}: {row['group']} | {row['figure']}"
        f" | {row['interval']} | {row['ratio']} | {row['ratio_interval']} |"
        for row in record["groups"]
    ]
    lines += [
        "",
        f"`{HIDDEN}`: it rests on too few households to be shown, or would say something of a group that does.",
        "",
        "## What cannot be seen",
        "",
    ]
    lines += [f"- {note}" for note in record["not_seen"]]
    return "\n".join(lines) + "\n"
