"""A page of this shelf, in the board pack's own stylesheet: one file, no script, fit for print and small screens."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fairness_reports.publish.figures_in_words import say_date

__all__ = ["render_paper"]


def render_paper(template: str, **values: object) -> str:
    """Return a template of this shelf as HTML; a value that it asks for and nobody gives is an error."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.evidence"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["day"] = say_date
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    page = environment.get_template(template)
    return page.render(css=Markup(css), **values)  # noqa: S704 - our own stylesheet
