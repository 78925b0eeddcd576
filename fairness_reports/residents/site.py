"""The residents' site: a folder of plain pages, made anew each time, that any web server can give out.

    site/index.html                 what is done, why, by whom, since when, does it help
    site/use-PROGRAMME.html         one use: data, figures, fairness, who answers for it, feedback
    site/points-PROGRAMME.html      every point, to be tried on made-up facts
    site/impact.html                 has it helped: begun and ended, reach, effect, what decisions need
    site/promises.html               what was promised, kept, due or broken; you said, we did
    site/councillors.html           wards and their teams, five questions to ask, how to read a range
    site/open-data.html             what may be used again, with its files in data/; what was asked for, and answered
    site/records.html               what was recorded and assessed, as `sooner publish records` left it
    site/your-rights.html ...       see, object, correct, challenge; complain; ask for help; the register; easy read

No page asks anything of another host, none needs JavaScript, and every figure is read when the page is made.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.address_code import draw_address_code
from charter.clocks import PANEL_DAYS
from charter.contracts.files import renew_folder, write_text
from charter.errors import DataError
from charter.invocation import Invocation
from charter.law import cite_law
from charter.rules.gate_sentences import say_day
from fairness_reports.disclosure.rules import HIDDEN, find_mode
from fairness_reports.residents.charter_status import describe_charter
from fairness_reports.residents.councillor_page import describe_councillors
from fairness_reports.residents.data_uses import DataUse, gather_uses
from fairness_reports.residents.impact_page import describe_impact
from fairness_reports.residents.information_pages import (
    describe_complaints,
    describe_easy_read,
    describe_formats,
    describe_prohibited,
    describe_register,
)
from fairness_reports.residents.open_data_page import copy_open_data, describe_open_data
from fairness_reports.residents.public_address import say_reach
from fairness_reports.residents.public_records import read_public_records
from fairness_reports.residents.rights_words import NAME, REACH, FormField, count_requests, list_rights
from fairness_reports.residents.use_page import describe_check, describe_points, describe_use
from fairness_reports.residents.use_words import name_entities

__all__ = ["MENU", "list_pages", "write_site"]

MENU = (
    ("index.html", "What we do"),
    ("your-rights.html", "Your rights"),
    ("complain.html", "Complain"),
    ("ask-for-help.html", "Ask for help"),
    ("register.html", "The register"),
    ("impact.html", "Has it helped?"),
    ("promises.html", "What we promised"),
    ("records.html", "Records"),
    ("open-data.html", "Open data"),
    ("councillors.html", "For councillors"),
)
_ADDRESSES = {"rights.html": "your-rights.html", "help.html": "ask-for-help.html", "open_data.html": "open-data.html"}
_FEEDBACK = FormField(
    "words", "What do you think of it?", "Please write nothing about anybody.", long=True, needed=True
)
_WANTED = FormField("words", "Which data, and since when?", long=True, needed=True)
_COMPLAINT = FormField("words", "What went wrong?", long=True, needed=True)


def write_site(invocation: Invocation) -> tuple[Path, list[str]]:
    """Write the site of a council into `site/` of its workspace, in the place of an earlier one; return both.

    Raises DataError for a file of public.toml that is not there.
    """
    uses = gather_uses(invocation)
    pages = _Site(invocation, uses).render_pages()
    site = invocation.workspace.site
    with renew_folder(site) as beside:
        for name, text in pages.items():
            write_text(beside / name, text)
        for name in ("site.css", "sum.js"):
            write_text(beside / name, _read_template(name))
        _copy_formats(invocation, beside)
        copy_open_data(invocation, _list_records(uses), beside)
    return site, sorted(pages)


def list_pages(invocation: Invocation) -> Mapping[str, str]:
    """Return every page of the site as HTML, by its name."""
    return _Site(invocation, gather_uses(invocation)).render_pages()


class _Site:
    """The pages of one council's site, and what all of them show."""

    def __init__(self, invocation: Invocation, uses: Sequence[DataUse]) -> None:
        self.invocation, self.uses, self.public = invocation, uses, invocation.public
        self.reach = say_reach(invocation.council, self.public)
        self.code = draw_address_code(self.public.site)
        self.environment = Environment(
            loader=PackageLoader("fairness_reports.residents"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self.environment.filters["law"] = cite_law

    def render_pages(self) -> Mapping[str, str]:
        """Return the pages by their names."""
        policy, register = self.invocation.charter, self.invocation.register
        views = {use.programme: describe_use(use) for use in self.uses}
        pages = {
            "index.html": self._render(
                "index.html",
                uses=list(views.values()),
                checks=[describe_check(check, self.public) for check in register.checks],
                prohibited=describe_prohibited(policy),
            ),
            "your-rights.html": self._render(
                "rights.html", parts=self._describe_rights(), requests=count_requests(self.uses)
            ),
            "complain.html": self._render(
                "complain.html",
                **describe_complaints(self.public),
                form=self._write_form("complaint", (NAME, REACH, _COMPLAINT), "Send your complaint"),
            ),
            "ask-for-help.html": self._render("help.html", ways=self.public.help_ways),
            "register.html": self._render("register.html", **describe_register(register)),
            "easy-read.html": self._render("easy_read.html", parts=describe_easy_read(policy, self.reach)),
            "formats.html": self._render("formats.html", formats=describe_formats(self.public)),
        }
        pages["impact.html"] = self._render("impact.html", uses=[describe_impact(use) for use in self.uses])
        records = _list_records(self.uses)
        pages["promises.html"] = self._render(
            "promises.html",
            charter=describe_charter(self.invocation, self.uses, _list_programmes(records)),
            answer_days=PANEL_DAYS,
        )
        open_data = describe_open_data(self.invocation, records)
        pages["open-data.html"] = self._render(
            "open_data.html",
            open_data=open_data,
            form=self._write_form("data", (NAME, REACH, _WANTED), "Ask for it"),
        )
        pages["councillors.html"] = self._render(
            "councillors.html",
            councillors=describe_councillors(self.invocation, self.uses),
            maps=open_data["maps"],
        )
        pages["records.html"] = self._render("records.html", records=records)
        for record in records:
            pages[record["page"]] = self._render("record.html", record=record)
        if self.code:
            pages["poster.html"] = self._render("poster.html")
        for use in self.uses:
            view = views[use.programme]
            feedback = self._write_form("feedback", (_FEEDBACK,), "Send", hidden=(("use", use.programme),))
            pages[f"use-{use.programme}.html"] = self._render(
                "use.html", use=view, feedback=feedback, who=name_entities(use)
            )
            if points := describe_points(use):
                pages[f"points-{use.programme}.html"] = self._render("points.html", use=view, points=points)
        return {name: text.replace("&#39;", "’") for name, text in pages.items()}

    def _render(self, template: str, **view: Any) -> str:
        here = _ADDRESSES.get(template, template)
        return self.environment.get_template(template).render(
            council=self.invocation.council.name,
            menu=MENU,
            here=here,
            made_up=any(use.bundle.get("synthetic") for use in self.uses),
            made_on=say_day(self.invocation.today),
            contact_line=self.reach,
            reach=self.reach,
            code=self.code,
            site=self.public.site,
            hidden=HIDDEN,
            largest_hidden=find_mode("dfe").hidden_to,
            **view,
        )

    def _describe_rights(self) -> list[dict[str, Any]]:
        return [
            {
                "id": part.id,
                "title": part.title,
                "sentences": part.sentences,
                "link": part.link,
                "form": self._write_form(part.kind, part.fields, part.button),
            }
            for part in list_rights(self.invocation.charter, self.invocation.register, self.public)
        ]

    def _write_form(
        self, kind: str, fields: Sequence[FormField], button: str, hidden: Sequence[tuple[str, str]] = ()
    ) -> Markup:
        """Return a form that posts to the service's public door; without one, the fields to fill in on paper."""
        module = self.environment.get_template("form.html").make_module({"door": self.public.door.rstrip("/")})
        return Markup(module.form(kind, hidden, fields, button))  # type: ignore[attr-defined]  # noqa: S704 - a template


def _list_records(uses: Sequence[DataUse]) -> list[dict[str, Any]]:
    return [record for use in uses for record in read_public_records(use)]


def _list_programmes(records: Sequence[Mapping[str, Any]]) -> Mapping[str, set[str]]:
    """Return the programmes that have a public record in date, by its kind."""
    by_kind: dict[str, set[str]] = {}
    for record in records:
        by_kind.setdefault(record["kind"], set()).add(record["programme"])
    return by_kind


def _read_template(name: str) -> str:
    return (files("fairness_reports.residents") / "templates" / name).read_text(encoding="utf-8")


def _copy_formats(invocation: Invocation, folder: Path) -> None:
    """Copy the files of the pages' other forms into `formats/`; raise DataError for one that is not there."""
    for row in invocation.public.formats:
        if not row.file:
            continue
        path = invocation.council.folder / row.file
        if not path.is_file():
            raise DataError(
                f"public.toml names {row.file}, which is not in {invocation.council.folder.name}/.",
                "Put the file there, or leave `file` out until it is made.",
            )
        target = folder / "formats" / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o600)
