"""The public forms: anybody may send one, without an account or a reason, from our page or the residents' site.

    GET /public/KIND     the form
    POST /public/KIND    keeps it, and says its reference and by when there is an answer

It reads nothing of anybody, so it can tell nobody anything. What one address and all together may send in a day is
limited (limits.toml); who is over it is told the telephone.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.public_file import PublicFile
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.store.arriving.resident_forms import FEEDBACK, FORM_KINDS, FormKind, ResidentForm, find_due_day
from serving.store.counting.allowances import DAY

__all__ = [
    "is_within_limits",
    "list_ways",
    "read_public",
    "refuse_more",
    "show_public_form",
    "take_public_form",
]

LONGEST = {"name": 200, "reach": 200, "words": 4000, "use": 64}
"""The longest of each field, as the forms of the residents' site say it."""


def list_ways(desk: Desk) -> list[str]:
    """Return how else the council is reached about data: by telephone, post and mail, as far as it said."""
    public = read_public(desk)
    return [words for words in (public.phone, public.post, desk.invocation.council.contact) if words]


def read_public(desk: Desk) -> PublicFile:
    """Return what the council said in public.toml; of a council without it, nothing."""
    return desk.invocation.public if (desk.invocation.council.folder / "public.toml").exists() else PublicFile()


def show_public_form(visit: Visit) -> Response:
    """Show the form of a kind."""
    kind, form = _find_kind(visit)
    return _render_form(visit, kind, form, {}, {})


def take_public_form(visit: Visit) -> Response:
    """Keep what was sent, and say its reference; show the form again where something is missing or too long."""
    kind, form = _find_kind(visit)
    fields = {name: visit.fields.get(name, "").strip() for name in LONGEST}
    errors = {name: f"Write at most {most} characters" for name, most in LONGEST.items() if len(fields[name]) > most}
    if form.needs_reach and not fields["reach"]:
        errors["reach"] = "Tell us how we can reach you safely"
    if form.needs_words and not fields["words"]:
        errors["words"] = "Tell us in your own words"
    if errors:
        return _render_form(visit, kind, form, fields, errors, 400)
    if not is_within_limits(visit):
        return refuse_more(visit)
    kept = visit.desk.store.keep_form(kind, {name: text for name, text in fields.items() if text})
    return _say_taken(visit, kept)


def _find_kind(visit: Visit) -> tuple[str, FormKind]:
    kind = visit.request.path_params["kind"]
    if kind not in FORM_KINDS:
        raise HTTPException(404)
    return kind, FORM_KINDS[kind]


def _render_form(
    visit: Visit, kind: str, form: FormKind, fields: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    return visit.render(
        "public_form.html", status, title=form.title, kind=kind, form=form, fields=fields, errors=errors,
        longest=LONGEST, ways=list_ways(visit.desk),
    )  # fmt: skip


def is_within_limits(visit: Visit, what: str = "public form") -> bool:
    """Count one form more, or one more of `what`; return whether that is still within limits.

    An address is counted under a keyed digest, which is not kept for longer than 90 days.
    """
    client = visit.request.client
    secret = visit.desk.key.derive("public forms")
    who = hmac.new(secret, _name_network(client.host if client else "").encode(), hashlib.sha256).hexdigest()
    allowances, limits = visit.desk.allowances, visit.desk.how_much.limits.public_forms
    from_one = allowances.count(what, who, DAY)
    return from_one <= limits.from_one_address and allowances.count(what, "all", DAY) <= limits.together


def _name_network(host: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, of which one sender has every address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def refuse_more(visit: Visit) -> Response:
    """Say that no more can be taken today, and how else the council is reached."""
    return visit.render("public_full.html", 429, title="Too many forms today", ways=list_ways(visit.desk))


def _say_taken(visit: Visit, kept: ResidentForm) -> Response:
    due = None if kept.kind == FEEDBACK else find_due_day(kept, visit.desk.invocation.council.time_zone)
    return visit.render("public_taken.html", 201, title="We have it", kind=kept.kind, reference=kept.reference, due=due)
