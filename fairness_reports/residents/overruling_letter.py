"""The letter that an overruling owes: what was asked, the reasons in writing, who decided, and how to complain.

Sources: UK GDPR, articles 12(4), 18(3), 21(1), 77 and 79; Data Protection Act 2018, section 164A.
"""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from charter.address_code import draw_address_code
from charter.clocks import ACKNOWLEDGE_DAYS
from charter.contracts.files import write_text
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from charter.vault.rights_ledger import Request
from fairness_reports.residents.information_pages import PURPOSE_WORDS
from fairness_reports.residents.letters import Letter
from fairness_reports.residents.public_address import say_reach

__all__ = ["write_overruling"]

_LONGEST = 4000
_ASKED = {"object": "objected to the use of your data", "restrict": "asked us to keep your data and not to use it"}


def write_overruling(invocation: Invocation, objection: Request, role: str, reasons: str, path: Path) -> Path:
    """Write the letter of an overruled objection or restriction to a new file, readable by its user alone.

    Raises UsageError without reasons, or where the file is there already. It names nobody: whoever sends it does.
    """
    words = reasons.strip()
    if not words or len(words) > _LONGEST:
        raise UsageError(
            "whoever objected is owed the reasons in writing.", f"Give them in 1 to {_LONGEST} characters."
        )
    if path.exists():
        raise UsageError("there is a file of that name already.", "Name a new one with --letter.")
    environment = Environment(
        loader=PackageLoader("fairness_reports.residents"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("letter.html").render(
        letter=_write_letter(invocation, objection, role, words),
        css=(files("fairness_reports.residents") / "templates" / "site.css").read_text(encoding="utf-8"),
        council=invocation.council.name,
        parts=[("If you do not agree", _say_how_to_complain(invocation))],
        site=invocation.public.site,
        code=draw_address_code(invocation.public.site),
        made_up=False,
    )
    write_text(path, page.replace("&#39;", "’"))
    path.chmod(0o600)
    return path


def _write_letter(invocation: Invocation, objection: Request, role: str, reasons: str) -> Letter:
    zone = invocation.council.time_zone
    asked_on = say_day(datetime.fromisoformat(objection.filed_at).astimezone(zone).date())
    use = f" for {PURPOSE_WORDS[objection.purpose]}" if objection.purpose in PURPOSE_WORDS else ""
    services = {source.service: source.title for source in invocation.register.sources}
    records = f", of the records of: {services[objection.service]}" if objection.service in services else ""
    return Letter(
        "overruled",
        "We will use your data although you asked us not to",
        (
            f"On {asked_on} you {_ASKED[objection.action]}{use}{records}. Since then we have not used it so.",
            f"On {say_day(invocation.today)} this was decided not to stand, so we will use it again.",
            f"The reasons: {reasons}",
            f"Who decided: {invocation.roles.title(role)}. A person decided it, and no computer.",
            f"Your reference: {objection.id}",
        ),
    )


def _say_how_to_complain(invocation: Invocation) -> list[str]:
    return [
        f"You can complain to us. {say_reach(invocation.council, invocation.public)} We tell you within "
        f"{ACKNOWLEDGE_DAYS} days that we have it, and what came of it without undue delay.",
        "You can complain to the Information Commissioner, who looks after everybody’s rights over their data: "
        "ico.org.uk/make-a-complaint, or 0303 123 1113.",
        "You can go to a court. You can object again at any time, and need give no reason.",
    ]
