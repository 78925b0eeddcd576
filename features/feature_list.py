"""The register of features in English: what a programme asks of the records, in words anybody can check.

Made from the definition, the data-sharing register and the charter; nothing in it is written by hand.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping

from charter.council.register import Register
from charter.purposes import PURPOSES
from charter.rules.policy import Policy
from features.grammar import Cohort, Definition, Feature
from features.grammar.words import describe_expression, describe_rule

__all__ = ["render_html", "render_markdown"]


def render_markdown(definition: Definition, register: Register, policy: Policy) -> str:
    """Return the register of `definition` as one Markdown page."""
    return "\n".join(_list_lines(definition, register, policy)) + "\n"


def _list_lines(definition: Definition, register: Register, policy: Policy) -> Iterator[str]:
    titles = {signal.name: signal.title for signal in register.signals}
    name = definition.programme.replace("_", " ")
    yield f"# What {name} asks of the records\n"
    yield f"Rows are {definition.entity}s. {definition.cohort.title}.\n"
    yield "## Who is looked at\n"
    yield from (f"- {line}" for line in _list_cohort(definition.cohort, titles))
    yield "\n## What may appear\n"
    how_long = f"{definition.outcome.horizon}{_say_end(definition)}"
    yield f"{definition.outcome.title}. Looked for over the next {how_long}, each apart:\n"
    for component in definition.outcome.components:
        yield f"- {_find_title(component.name, titles)} (`{component.name}`)"
    months = policy.onset.free_months
    if definition.outcome.onset:
        yield f"\nOnly what begins counts: of each, for whoever was free of it for {months} months and seen to be."
        yield "For whom nothing could begin is not looked at."
    else:
        yield f"\nWhat begins and what goes on both count; they are reported apart, by the {months} months before."
    yield f"\n## What is asked\n\n{len(definition.features)} questions. `response` marks what a service did rather than"
    yield "what happened to the family; `more of it` is what a larger value may do;"
    yield "`good` is the side that is good for a family, where it has one: only there is it ever a strength.\n"
    yield "| name | what it is | unit | said to a worker | why | response | more of it | good |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (_feature_row(feature, titles, register) for feature in definition.features)
    yield "\n## Where it comes from\n"
    yield "For each signal: which service records it, on what basis, for which purposes the charter allows it, and what"
    yield "reads it.\n"
    yield "| signal | service | basis | purposes | read by |"
    yield "|---|---|---|---|---|"
    yield from (_lineage_row(signal, definition, register, policy) for signal in definition.signals)


def _list_cohort(cohort: Cohort, titles: Mapping[str, str]) -> Iterator[str]:
    yield "Only homes: no shared accommodation, no protected address." if cohort.entity == "household" else "Persons."
    if cohort.with_age:
        yield f"Somebody there is {cohort.with_age[0]} to {cohort.with_age[1]} years old."
    if cohort.resident:
        yield f"Somebody has lived there for {cohort.resident}."
    for rule in cohort.given:
        yield f"True of them: {describe_rule(rule, titles)}."
    for rule_known in cohort.known_to:
        yield f"True of them: {describe_rule(rule_known, titles)}."
    for rule in cohort.unless:
        yield f"Not true of them: {describe_rule(rule, titles)}."
    yield "Where a rule can't be evaluated they are left out, and counted as \"can't tell\"."


def _find_title(signal: str, titles: Mapping[str, str]) -> str:
    return titles.get(signal) or signal.replace(".", ", ").replace("_", " ")


def _feature_row(feature: Feature, titles: Mapping[str, str], register: Register) -> str:
    units = {signal.name: signal.unit for signal in register.signals}
    document = feature.document(units)
    more = {"increasing": "only moves up the list", "decreasing": "only moves down the list", None: "either"}
    good = {"lower": "less", "higher": "more", None: ""}
    what = feature.title or describe_expression(feature.expression, titles)
    cells = (f"`{feature.name}`", what, document["unit"], feature.reason.replace("{value}", "…"), feature.because,
             "yes" if feature.system_response else "", more[feature.direction], good[feature.better])  # fmt: skip
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _lineage_row(signal: str, definition: Definition, register: Register, policy: Policy) -> str:
    source = register.source(signal.split(".")[0])
    purposes = [p for p in PURPOSES if policy.allows(signal, p) and register.permits(source.service, p)]
    readers = [f"`{f.name}`" for f in definition.features if signal in f.expression.signals_named]
    if signal in definition.outcome.expression.signals_named:
        readers.append("the outcome")
    if any(signal in rule.signals_named for rule in (*definition.cohort.given, *definition.cohort.unless)):
        readers.append("the cohort")
    cells = (f"`{signal}`", source.title, source.basis.replace("_", " "), ", ".join(purposes).replace("_", " "))
    return f"| {' | '.join(cells)} | {', '.join(readers)} |"


def render_html(markdown: str, title: str) -> str:
    """Return a register's Markdown (headings, lists, tables and paragraphs) as one plain HTML page."""
    body = "\n".join(_html_blocks(markdown.splitlines()))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title></head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _html_blocks(lines: list[str]) -> Iterator[str]:
    number = 0
    while number < len(lines):
        line = lines[number]
        kind = _kind_of_line(line)
        end = number + 1
        while end < len(lines) and kind in ("table", "list", "text") and _kind_of_line(lines[end]) == kind:
            end += 1
        if kind == "heading":
            level = len(line) - len(line.lstrip("#"))
            yield f"<h{level}>{_html_inline(line.lstrip('# '))}</h{level}>"
        elif kind == "table":
            yield _html_table(lines[number:end])
        elif kind == "list":
            yield "<ul>" + "".join(f"<li>{_html_inline(item[2:])}</li>" for item in lines[number:end]) + "</ul>"
        elif kind == "text":
            yield f"<p>{_html_inline(' '.join(lines[number:end]))}</p>"
        number = end


def _kind_of_line(line: str) -> str:
    if not line.strip():
        return "nothing"
    starts = {"#": "heading", "|": "table", "-": "list"}
    return starts.get(line[0], "text")


def _html_table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head = "".join(f'<th scope="col">{_html_inline(cell)}</th>' for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_html_inline(cell)}</td>" for cell in row) + "</tr>" for row in rows[2:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_inline(text: str) -> str:
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _say_end(definition: Definition) -> str:
    """Return until when the outcome is looked for, where each row's horizon can end sooner; else nothing."""
    ends_with = definition.outcome.ends_with
    return f" or until {ends_with.name.replace('.', ': ').replace('_', ' ')} ends" if ends_with else ""
