"""Help on offer for a case: the team's own and the directory's, searched, chosen, kept until the family said yes."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from charter.plain_text import is_whole
from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.help_directory import HelpOffer, fits_ages, is_old, read_offers
from serving.ranking.reasons import write_day

__all__ = ["CHOSEN", "choose_help", "list_chosen", "show_help"]

CHOSEN = "help"
"""The kind of paper that holds which help was chosen for a case."""

PAGE = 10
_MOST = 10


def show_help(visit: Visit) -> Response:
    """Show what can be offered: what fits somebody's age in the home first, as it was searched for."""
    desk, query = visit.desk, visit.request.query_params
    words = query.get("q", "").strip()[:100]
    everybody = query.get("all", "") == "1"
    offers = _list_offers(visit)
    ages = [person.age for person in desk.record(visit.referral).people if person.age is not None]
    fitting = [
        offer
        for offer in offers
        if (everybody or fits_ages(offer, ages))
        and all(word in f"{offer.title} {offer.by} {offer.what}".casefold() for word in words.casefold().split())
    ]
    pages = max(1, -(-len(fitting) // PAGE))
    number = query.get("page", "1")
    page = min(max(int(number) if is_whole(number) else 1, 1), pages)
    directory = desk.receivers.directory
    days = directory.stale_after_days if directory else 365
    return visit.render(
        "help.html",
        title=f"Help on offer: case {make_reference(visit.referral)}",
        referral=visit.referral,
        reference=make_reference(visit.referral),
        lines=[_view_offer(visit, offer, days) for offer in fitting[(page - 1) * PAGE : page * PAGE]],
        number=len(fitting),
        hidden=len(offers) - len(fitting),
        words=words,
        everybody=everybody,
        page=page,
        pages=pages,
        chosen=list_chosen(visit),
        notice=find_notice(visit, visit.referral.id),
    )


def _list_offers(visit: Visit) -> list[HelpOffer]:
    """Return the team's own offers, then the directory's."""
    own = [
        HelpOffer(f"own-{number}", offer.title, offer.by, "", None, None, (), "", "", "", "")
        for number, offer in enumerate(visit.team.offers, start=1)
    ]
    return [*own, *read_offers(visit.desk.invocation.workspace.root)]


def _view_offer(visit: Visit, offer: HelpOffer, days: int) -> dict[str, Any]:
    own = offer.id.startswith("own-")
    if offer.youngest is None and offer.oldest is None:
        ages = "" if own else "Ages not stated"
    elif offer.oldest is None:
        ages = f"From {offer.youngest:g} years"
    else:
        ages = f"From {offer.youngest or 0:g} to {offer.oldest:g} years"
    return {
        "id": offer.id,
        "title": offer.title,
        "by": offer.by,
        "what": offer.what,
        "ages": ages,
        "areas": ", ".join(offer.areas) or ("" if own else "Area not stated"),
        "waiting": offer.waiting or ("" if own else "Waiting time not stated: ask before you promise it"),
        "cost": offer.cost,
        "changed": write_day(offer.changed) if offer.changed else "",
        "old": not own and is_old(offer, visit.desk.today(), days),
        "own": own,
    }


def list_chosen(visit: Visit) -> list[tuple[str, str]]:
    """Return the help chosen for a case, as (id, words): what is on offer no more is not there."""
    paper = visit.desk.papers.read(CHOSEN, "", visit.referral.id)
    chosen = paper.fields.get("ids", "").split("\n") if paper else []
    titles = {offer.id: f"{offer.title}{f', {offer.by}' if offer.by else ''}" for offer in _list_offers(visit)}
    return [(name, titles[name]) for name in chosen if name in titles]


def choose_help(visit: Visit) -> Response:
    """Keep what was chosen beside what was before, or take one away; nothing is sent by it."""
    case, fields = visit.referral.id, visit.fields
    known = {offer.id for offer in _list_offers(visit)}
    before = [name for name, _ in list_chosen(visit)]
    added = [name.removeprefix("offer-") for name in fields if name.startswith("offer-")]
    chosen = [name for name in dict.fromkeys([*before, *added]) if name in known and name != fields.get("without")]
    visit.desk.papers.keep(CHOSEN, "", case, {"ids": "\n".join(chosen[:_MOST])}, referral=case)
    visit.desk.store.log(visit.identity, "help.chosen", subject=case, purpose="rank", detail={"number": len(chosen)})
    return visit.go_to(f"/cases/{case}/help?done=chosen")
