"""The resident desk's verbs: they put the rooms in order where a resident uses a right.

resident RIGHT    show, object, withdraw, restrict, erase, rectify, export, challenge
hand-over         an officer releases an export
overrule          a named role ends an objection or restriction
ask-again         whose parents' permission has lapsed
replay            honour what was asked since a backup was made
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charter.contracts.files import file_digest
from charter.errors import CharterError, UsageError
from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from features.rights.asking import Certificate

__all__ = ["verbs"]

verbs = Verbs("Residents' rights, as the desk files them.")
resident = Verbs(
    "Use a resident's rights over what is held; each leaves a certificate.",
    example="sooner resident show --through housing --reference T0001234",
)
verbs.add_verbs("resident", resident, under="rights")

Through = Annotated[str, typer.Option("--through", help="The service whose reference names the person.")]
Reference = Annotated[
    str, typer.Option("--reference", help="That service's reference; asked for if left out.", prompt="Reference")
]
RoleName = Annotated[
    str, typer.Option("--role", help="The role that acts, as the charter names it; by default the first that may.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the log.")]
By = Annotated[str, typer.Option("--by", help="Who asks: self, parent or carer.")]
Says = Annotated[
    Path | None, typer.Option("--says", help="What they say, as a JSON file; - for standard input. Never in options.")
]

_ASKED = "a resident asked"


@resident.add(
    "show", under="rights", example="sooner resident show --through housing --reference T0001234", way="rights"
)
def show_held(
    invocation: Invocation, through: Through, reference: Reference, role: RoleName = "", reason: Reason = _ASKED
) -> None:
    """Show what is held of a person: who they are, counts by signal, links, choices and requests."""
    from features.rights.held import show_person

    role = invocation.roles.choose(role, "rights.file").id
    _require_stranger(invocation, through, reference, role)
    log = _Log(invocation, role)
    record = show_person(invocation, through=through, reference=reference, role=role, reason=reason, log=log.record)
    invocation.report(record, json.dumps(record, indent=1, default=str))


_REQUESTS = {
    "object": "Object to a use of what is held: it is not used any more, and for all uses it is removed.",
    "withdraw": "Withdraw a permission: what rested on it is not used any more, and for all uses it is removed.",
    "restrict": "Keep what is held, and use none of it.",
    "erase": "Remove what is held, and who they are.",
}


def _asking_to(right: str, summary: str) -> Callable[..., None]:
    def ask_to(
        invocation: Invocation,
        through: Through,
        reference: Reference,
        service: Annotated[str, typer.Option("--service", help="The service it is about; by default all.")] = "*",
        purpose: Annotated[str, typer.Option("--purpose", help="The purpose it is about; by default all.")] = "*",
        by: By = "self",
        role: RoleName = "",
        reason: Reason = _ASKED,
    ) -> None:
        from features.rights.asking import file_request
        from sooner.erasure import list_rooms

        role = invocation.roles.choose(role, "rights.file").id
        entry = {"action": f"resident {right}", "reason": reason, "service": service, "purpose": purpose}
        log = _Log(invocation, role)
        log.record(entry)
        certificate = file_request(
            invocation,
            right,
            through=through,
            reference=reference,
            service=service,
            purpose=purpose,
            by=by,
            rooms=list_rooms(invocation),
        )
        log.anchor_request()
        invocation.report(asdict(certificate), _in_words(certificate))

    ask_to.__doc__ = summary
    return ask_to


for _right, _summary in _REQUESTS.items():
    resident.add(
        _right,
        under="rights",
        example=f"sooner resident {_right} --through housing --reference T0001234 --purpose rank",
        locks=True,
    )(_asking_to(_right, _summary))


@dataclass(frozen=True)
class _Asker:
    """Who speaks of whom: the person by a service's reference, who asks, and the role that files it."""

    through: str
    reference: str
    by: str
    role: str


def _filing_words(file: Callable[[Invocation, _Asker, Mapping[str, Any]], None]) -> Callable[..., None]:
    """Return a verb that files what a resident says in their own words; its help is that of `file`."""

    def file_words(
        invocation: Invocation,
        through: Through,
        reference: Reference,
        says: Says = None,
        by: By = "self",
        role: RoleName = "",
    ) -> None:
        desk = invocation.roles.choose(role, "rights.file").id
        file(invocation, _Asker(through, reference, by, desk), _read_words(says))

    file_words.__doc__ = file.__doc__
    return file_words


def _rectify_record(invocation: Invocation, asker: _Asker, words: Mapping[str, Any]) -> None:
    """Correct what a service holds of a person; the old version is closed and kept."""
    from features.linking.link import link_records
    from features.rights.rectify import file_correction

    names = sorted(words)
    certificate = file_correction(invocation, through=asker.through, reference=asker.reference, said=words, by=asker.by)
    entry = {"action": "resident rectify", "request": certificate.request, "what": names}
    _Log(invocation, asker.role).record(entry)
    link_records(invocation)
    invocation.report(
        asdict(certificate) | {"corrected": names},
        f"Certificate {certificate.request}: corrected {', '.join(names)}, filed {certificate.filed_at}. "
        "The old version is closed and kept. Run `sooner build` and `sooner rank` again.",
    )


resident.add(
    "rectify",
    under="rights",
    example="sooner resident rectify --through housing --reference T0001234 --says correction.json",
    locks=True,
)(_filing_words(_rectify_record))


@resident.add(
    "export",
    under="rights",
    example="sooner resident export --through housing --reference T0001234 --by self",
    locks=True,
    way="rights",
)
def export_held(
    invocation: Invocation,
    through: Through,
    reference: Reference,
    by: By = "self",
    role: RoleName = "",
    reason: Reason = _ASKED,
) -> None:
    """Draft all that is held of a person, sealed until an officer has checked it: `sooner hand-over`."""
    from charter.vault.key import Key
    from charter.vault.vault import Vault
    from features.linking.check_index import find_tokens
    from features.rights.export import draft_export
    from features.rights.held import find_person
    from serving.asking_to_show import require_stranger
    from serving.store.leaving.own_record import gather_record

    role = invocation.roles.choose(role, "rights.file").id
    log = _Log(invocation, role)
    key = Key.load(invocation.council, invocation.workspace)
    person = find_person(invocation, key, through, reference)
    require_stranger(invocation, person.person_id, role, "rights.file")
    checks = find_tokens(Vault.open(invocation.workspace.vault, key), key, person.snapshot, person.person_id)
    request = draft_export(
        invocation,
        through=through,
        reference=reference,
        elsewhere=gather_record([person.person_id], invocation.workspace, checks=checks),
        by=by,
        role=role,
        reason=reason,
        log=log.record,
    )
    log.record({"action": "resident export", "request": request.id})
    invocation.report(
        {"draft": request.id, "filed_at": request.filed_at},
        f"Draft {request.id} is sealed in the vault; nobody has read it. The data protection officer checks who asks, "
        "how it may safely reach them, third parties and serious harm, then types "
        f"`sooner hand-over {request.id} --to FOLDER`.",
    )


def _challenge_referral(invocation: Invocation, asker: _Asker, words: Mapping[str, Any]) -> None:
    """Challenge what a list says of a person; the reviewer sees it on the case, and a person answers."""
    from charter.vault.key import Key
    from features.rights.asking import find_references
    from features.rights.held import find_person
    from serving.store.challenges import file_challenge

    key = Key.load(invocation.council, invocation.workspace)
    person = find_person(invocation, key, asker.through, asker.reference)
    challenges = file_challenge(
        invocation,
        person.person_id,
        find_references(invocation.workspace, person.ref, "*"),
        about=str(words.get("about", "other")),
        words=str(words.get("words", "")),
        by=asker.by,
        role=asker.role,
    )
    ids = [challenge.id for challenge in challenges]
    filed_at = challenges[0].filed_at
    invocation.report(
        {"challenges": ids, "filed_at": filed_at},
        f"Certificate {', '.join(ids)}: challenged, filed {filed_at}. "
        "The reviewer sees it on the case; a person answers.",
    )


resident.add(
    "challenge",
    under="rights",
    example="sooner resident challenge --through housing --reference T0001234 --says words.json",
    locks=True,
)(_filing_words(_challenge_referral))


@verbs.add(
    "hand-over",
    under="rights",
    example="sooner hand-over x1f0c2d3 --to for-the-resident --role ROLE --identity-checked --safe-contact-checked "
    "--third-parties-checked --serious-harm-checked",
    locks=True,
    way="rights",
)
def hand_over(
    invocation: Invocation,
    draft: Annotated[str, typer.Argument(help="The draft, by its id.")],
    role: RoleName,
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder to write it to, outside the workspace.", show_default=False)
    ] = None,
    code: Annotated[
        bool, typer.Option("--code", help="Make a code that opens it as a page: public.toml, `own_page_days`.")
    ] = False,
    identity_checked: Annotated[bool, typer.Option("--identity-checked", help="It is they who ask.")] = False,
    safe_contact_checked: Annotated[
        bool, typer.Option("--safe-contact-checked", help="They said themselves how it may safely reach them.")
    ] = False,
    third_parties_checked: Annotated[
        bool, typer.Option("--third-parties-checked", help="It tells of nobody else.")
    ] = False,
    serious_harm_checked: Annotated[
        bool, typer.Option("--serious-harm-checked", help="Reading it would seriously harm nobody.")
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="A service that a check found must be left out.")
    ] = None,
) -> None:
    """Release a resident's export, as a page and as JSON, once an officer has checked it.

    One person's, never a household's. Put it, or the code that opens it, into their own hands, or as they said; never
    post either on a guess.
    """
    from features.rights import export
    from serving.asking_to_show import require_stranger
    from serving.own_page import prepare_own_page

    role = invocation.roles.require(role, "export.release").id
    person = export.find_subject(invocation, draft)
    require_stranger(invocation, person, role, "export.release")
    answers = (identity_checked, safe_contact_checked, third_parties_checked, serious_harm_checked)
    checks = [check for check, answer in zip(export.CHECKS, answers, strict=True) if answer]
    if to is None and not code:
        raise UsageError("it is not said how the copy leaves.", "Add --to FOLDER, or --code, or both.")
    own_page = prepare_own_page(invocation, draft, person, role) if code else None
    files = export.hand_over_export(
        invocation,
        draft,
        to=to,
        checked=checks,
        leave_out=leave_out or (),
        keep_page=own_page.keep if own_page else None,
    )
    # The person's pseudonym, so that a trace finds who holds a copy.
    entry = {"action": "export released", **files, "person": person, "checked": checks, "by_code": code}
    _Log(invocation, role).record(entry)
    where = f" is in {to}/ ({', '.join(files['files'])}; digest {files['digest']})" if to else " waits at the door"
    invocation.report(
        {**files, "folder": str(to) if to else "", **(own_page.facts if own_page else {})},
        f"Export {draft}{where}. {own_page.words if own_page else ''}The draft is gone: "
        "keep no other copy than the resident's. Give it to them as they said, and to nobody else of their home."
        f"{'' if files['safe_contact_recorded'] else ' No service has recorded how they are reached safely.'}",
    )


@verbs.add(
    "overrule",
    under="rights",
    example="sooner overrule x1f0c2d3 --role ROLE --reason 'a court order' --safe-contact-checked",
    locks=True,
)
def overrule_request(
    invocation: Invocation,
    request: Annotated[str, typer.Argument(help="The objection or restriction, by its certificate's id.")],
    role: RoleName,
    reason: Annotated[
        str, typer.Option("--reason", help="The reasons, as the resident reads them; or in --says.", show_default=False)
    ] = "",
    says: Annotated[
        Path | None, typer.Option("--says", help='A JSON file with {"reasons": ...}; - for standard input.')
    ] = None,
    letter: Annotated[
        Path | None, typer.Option("--letter", help="A new file for the letter; by default overruled-REQUEST.html.")
    ] = None,
    safe_contact_checked: Annotated[
        bool, typer.Option("--safe-contact-checked", help="They said themselves how a letter may safely reach them.")
    ] = False,
) -> None:
    """Decide, in a role that may, that an objection or restriction does not stand; write the letter that says why.

    The letter has the reasons, who decided and how to complain. Send it first: whoever asked for a restriction is told
    before it ends (UK GDPR, article 18(3)). The next delivery counts again.
    """
    from fairness_reports.residents.overruling_letter import write_overruling
    from features.rights.asking import find_objection, overrule_request
    from sooner.erasure import list_rooms

    role = invocation.roles.find(role).id
    reasons = str((_read_words(says) if says else {}).get("reasons", reason)).strip()
    objection = find_objection(invocation, request, role=role)
    if not safe_contact_checked:
        raise CharterError(
            "no letter is made while it is unknown how it may safely reach them.",
            "Ask them themselves, and not by a letter to their home, then add --safe-contact-checked.",
        )
    place = write_overruling(invocation, objection, role, reasons, letter or Path(f"overruled-{request}.html"))
    certificate = overrule_request(invocation, request, role=role, rooms=list_rooms(invocation))
    _Log(invocation, role).record(
        {"action": "overrule", "request": request, "letter": file_digest(place), "checked": ["safe_contact"]}
    )
    invocation.report(
        asdict(certificate) | {"letter": str(place)}, f"{_in_words(certificate)} The letter to send is {place}."
    )


@verbs.add("replay", under="rights", example="sooner replay --workspace restored", locks=True)
def replay_requests(invocation: Invocation) -> None:
    """Carry out every request that this data has not honoured yet, such as those filed since it was backed up."""
    from charter.acts import COMMAND
    from sooner.erasure import replay_everything

    replayed = replay_everything(invocation)
    count = replayed.taken_off
    entry = {"action": "replay", "requests": sorted(replayed.certificates), "taken_off": count}
    _Log(invocation, COMMAND).record(entry)
    invocation.report(
        {
            "carried_out": [asdict(certificate) for certificate in replayed.certificates.values()],
            "retained": replayed.retained.name if replayed.retained else None,
            "taken_off": count,
        },
        replayed.sentence,
    )


@verbs.add("ask-again", under="rights", example="sooner ask-again --json")
def ask_again(invocation: Invocation) -> None:
    """List whose parents' permission lapsed when their own voice began to count, so that they are asked themselves."""
    from features.rights.held import list_lapsed_consents

    people = list_lapsed_consents(invocation)
    lines = [f"{person['person_id']}  {person['service']}  since {person['since']}" for person in people]
    invocation.report({"ask_again": people}, "\n".join([*lines, f"{len(people)} people to ask again."]))


def _require_stranger(invocation: Invocation, through: str, reference: str, role: str) -> None:
    """Raise CharterError where whoever types this said that they know the family."""
    from charter.vault.key import Key
    from features.rights.held import find_person
    from serving.asking_to_show import require_stranger

    person = find_person(invocation, Key.load(invocation.council, invocation.workspace), through, reference)
    require_stranger(invocation, person.person_id, role, "rights.file")


class _Log:
    """The command's chain of the audit log, in one role."""

    def __init__(self, invocation: Invocation, role: str) -> None:
        from charter.vault.command_log import CommandLog
        from serving.identity import identify_command

        self._log, self._role, self._user = (
            CommandLog.open(invocation.council, invocation.workspace),
            role,
            identify_command().user,
        )

    def anchor_request(self) -> None:
        """Say in an anchor how many requests there are by now."""
        self._log.anchor_parts()

    def record(self, entry: Mapping[str, object]) -> None:
        """Write one entry."""
        self._log.append(actor=self._user, role=self._role, action=str(entry["action"]), detail={**entry})


def _read_words(says: Path | None) -> dict[str, Any]:
    """Return the JSON object that a resident's words were written down as."""
    if says is None:
        raise UsageError("it is not said what is wrong.", "Add --says FILE, or --says - and type it.")
    try:
        words = json.loads(sys.stdin.read() if str(says) == "-" else says.read_text(encoding="utf-8"))
    except ValueError:
        words = None
    if not isinstance(words, dict):
        raise UsageError("what was said is not a JSON object.", 'Write it like {"surname": "Marsh"}.')
    return words


def _in_words(certificate: Certificate) -> str:
    removed = sum(sum(rows.values()) for rows in certificate.rows_removed.values())
    return (
        f"Certificate {certificate.request}: {certificate.action}, service {certificate.service}, "
        f"purpose {certificate.purpose}, filed {certificate.filed_at}. {removed:,} rows removed from "
        f"{len(certificate.rows_removed)} snapshots and {certificate.matrices_dropped} matrices dropped. "
        "Run `sooner build` and `sooner rank` again."
    )
