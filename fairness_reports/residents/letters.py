"""Letters to residents with blanks for one person's part: first contact, access, challenge, complaint.

What is the same for everybody is filled from what is so now, in the ICO's six types of explanation: rationale,
responsibility, data, fairness, safety and performance, impact. What is about one person stays a blank that an officer
fills, from that person's own records and nobody else's: no name, address or fact about anybody is put into a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from charter.address_code import draw_address_code
from charter.clocks import ACKNOWLEDGE_DAYS
from charter.contracts.files import write_text
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.residents.data_uses import NOT_USED, DataUse, gather_uses
from fairness_reports.residents.public_address import say_reach
from fairness_reports.residents.rights_words import say_overruling
from fairness_reports.residents.use_words import say_answers, say_below, say_figures, say_model, say_shown_to_help

__all__ = ["LETTERS", "Letter", "explain_use", "write_letters"]


@dataclass(frozen=True)
class Letter:
    """One letter: its file's name, heading, and paragraphs; what stands in square brackets is a blank."""

    name: str
    heading: str
    paragraphs: Sequence[str]


LETTERS = (
    Letter(
        "first-contact",
        "We would like to offer you help",
        (
            "We noticed: [what this person's own records say, and no other's].",
            "It came from: [the services whose records those are].",
            "We can offer: [the offer of help]. You may say no, and nothing follows from that.",
            "A person decided to write to you: [role and team]. If you want to talk to somebody first: [telephone].",
        ),
    ),
    Letter(
        "access",
        "What we hold about you",
        (
            "You asked on [date] what we hold about you.",
            "It is handed to you: [where and when], once we have made sure that it is you.",
            "Left out, and why: [what the law protects, or nothing].",
        ),
    ),
    Letter(
        "challenge",
        "Your challenge",
        (
            "You told us on [date]: [what was challenged].",
            "[Role] looked at it on [date] and found: [what was found].",
            "We have: [what was changed, or why nothing was].",
        ),
    ),
    Letter(
        "complaint-received",
        "We have your complaint",
        (
            f"Your complaint of [date] came on [date]. The law gives us {ACKNOWLEDGE_DAYS} days to tell you so.",
            "It is about: [in a sentence]. [Role] looks into it, without undue delay.",
        ),
    ),
    Letter(
        "complaint-answered",
        "What came of your complaint",
        (
            "You complained on [date] about: [in a sentence].",
            "We found: [what was found]. We have: [what was done].",
            "If you are not content you can go to the Information Commissioner.",
        ),
    ),
)


def explain_use(use: DataUse) -> list[tuple[str, list[str]]]:
    """Return the six types of explanation of a released use of data, each with its sentences."""
    policy, council = use.invocation.charter, use.invocation.council
    signers = "; ".join(role.title for role in policy.signers("decision"))
    return [
        ("How it comes about", [say_model(use), "A person decides about each household on a list.", say_below(use)]),
        ("Who answers for it", [f"It is signed for by: {signers}.", say_reach(council, use.invocation.public)]),
        ("Which data is used", [f"Records of: {', '.join(source.title for source in use.sources)}."]),
        ("Whether it is fair", [say_answers(use)]),
        ("How good and how safe it is", say_figures(use)),
        (
            "What it can mean for you",
            [
                say_shown_to_help(use),
                "You can ask for a copy of what is held, object, have a mistake put right, challenge and complain.",
                f"An objection counts from the day that we receive it. {say_overruling(policy)}",
            ],
        ),
    ]


def write_letters(invocation: Invocation) -> list[Path]:
    """Write each letter of each released programme to `letters/PROGRAMME/`; return the files.

    Raises DataError where no programme has a release.
    """
    uses = [use for use in gather_uses(invocation) if use.state != NOT_USED]
    if not uses:
        raise DataError(
            "no programme has a release, so there is nothing to write about.", "Run `sooner promote` first."
        )
    environment = Environment(
        loader=PackageLoader("fairness_reports.residents"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.residents") / "templates" / "site.css").read_text(encoding="utf-8")
    paths = []
    for use in uses:
        for letter in LETTERS:
            path = invocation.workspace.root / "letters" / use.programme / f"{letter.name}.html"
            page = environment.get_template("letter.html").render(
                letter=letter,
                css=css,
                council=invocation.council.name,
                parts=explain_use(use),
                site=invocation.public.site,
                code=draw_address_code(invocation.public.site),
                made_up=bool(use.bundle.get("synthetic")),
            )
            write_text(path, page.replace("&#39;", "’"))
            paths.append(path)
    return paths
