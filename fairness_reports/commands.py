"""The audit's verbs: audit (run, table, plan, compare, live), publish (record, site, ...), trial (effect, ...)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.voice import Voice

__all__ = ["verbs"]

verbs = Verbs("Who it treats how: audits, board packs, public records, trials.")
audit_verbs = Verbs(
    "Measure how a run, a scored table or what was issued treats each group: findings.json and the board pack.",
    default="run",
    example="sooner audit",
)
verbs.add_verbs("audit", audit_verbs, under="run")

trial_verbs = Verbs(
    "Does it help: plan a trial, fix its question, check its lots, give its answer.",
    default="effect",
    example="sooner trial",
)
verbs.add_verbs("trial", trial_verbs, under="look")

exchange_verbs = Verbs(
    "What councils tell each other of audited lists: sealed counts, never rows. Off until exchange.toml is signed.",
    default="show",
    example="sooner exchange",
)
verbs.add_verbs("exchange", exchange_verbs, under="look")

publish_verbs = Verbs(
    "What residents and the public read: records, the residents' site, letters.",
    default="record",
    example="sooner publish site",
)
verbs.add_verbs("publish", publish_verbs, under="look")

_CHARTER = "A charter whose questions are asked of it."
_INTO = "The folder for findings, verdict and report."
Run = Annotated[str, typer.Option("--run", help="The training run; the newest by default.")]


@audit_verbs.add("run", example="sooner audit", locks=True)
def audit_training_run(
    invocation: Invocation,
    run: Run = "",
    full: Annotated[
        bool, typer.Option("--full", help="Print every figure of a group, with the list it is of.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Audit even where nothing changed since the run's audit.")
    ] = False,
) -> None:
    """Measure how a training run (the newest by default) treats each group: what `sooner audit` alone does."""
    from fairness_reports.publish.summary import summarise_findings
    from fairness_reports.unchanged_audit import find_unchanged_audit

    unchanged = None if again else find_unchanged_audit(invocation, run)
    if unchanged is not None:
        folder, document = unchanged
        invocation.say(f"Nothing changed since the audit of run {folder.name}: it stands. Audit anew with --again.")
    else:
        from fairness_reports.whole_audit import audit_run

        folder, document = audit_run(invocation, run or None)
    invocation.report(
        document, f"{summarise_findings(document, full=full)}\nThe board pack is {folder / 'report.html'}."
    )


@audit_verbs.add(
    "table",
    example="sooner audit table scored.csv --score likelihood --label happened --group sex --capacity 200",
    opens=False,
)
def audit_scored_table(
    voice: Voice,
    scores: Annotated[Path, typer.Argument(help="The scored table: CSV with a header, an XLSX sheet, or Parquet.")],
    score: Annotated[str | None, typer.Option("--score", help="Its column of scores.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Its column of outcomes, 0 or 1; or COLUMN=VALUE, where it happened.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help='Whose groups: "sex", "age: 0-17, 18+", "sex and age"; may be repeated.'),
    ] = None,
    threshold: Annotated[
        list[float] | None, typer.Option("--threshold", help="Chosen: scores of this and more; may be repeated.")
    ] = None,
    capacity: Annotated[
        list[int] | None, typer.Option("--capacity", help="Chosen: so many of the largest; may be repeated.")
    ] = None,
    selected: Annotated[
        list[str] | None,
        typer.Option("--selected", help="Chosen: where this column is 1, or COLUMN=VALUE; may be repeated."),
    ] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Rows with the same value are one draw.")] = None,
    weight: Annotated[str | None, typer.Option("--weight", help="How much each row counts.")] = None,
    each: Annotated[
        str | None, typer.Option("--each", help="Each value of this column (a week) is a list of its own.")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option("--reference", help="Compare with one group too: sex=male; may be repeated."),
    ] = None,
    charter: Annotated[Path | None, typer.Option("--charter", help=_CHARTER)] = None,
    into: Annotated[Path | None, typer.Option("--into", help=_INTO)] = None,
    full: Annotated[bool, typer.Option("--full", help="Print every group and gap, however long that is.")] = False,
) -> None:
    """Measure how any scored table treats each group, with none of our files; with a charter, give a verdict too."""
    from fairness_reports.audit.tables.scored_table import audit_table
    from fairness_reports.audit.tables.table_question import Selection, TableQuestion, read_references
    from fairness_reports.publish.table_page import report_table_audit

    selections = (
        *(Selection(capacity=places) for places in capacity or ()),
        *(Selection(threshold=least) for least in threshold or ()),
        *(Selection(column=name) for name in selected or ()),
    )
    references = read_references(reference or ())
    question = TableQuestion(scores, tuple(group or ()), selections, score, label, cluster, weight, each, references)
    report_table_audit(voice, scores, audit_table(question), charter, into, full=full)


@audit_verbs.add(
    "rates",
    example="sooner audit rates published.csv --group ethnicity --size people --share reached --measure recall",
    opens=False,
)
def audit_published_rates(
    voice: Voice,
    rates: Annotated[Path, typer.Argument(help="The published table: one row a group.")],
    group: Annotated[str, typer.Option("--group", help="Its column of groups.")],
    size: Annotated[str, typer.Option("--size", help="Its column of how many people the rate is of.")],
    share: Annotated[str, typer.Option("--share", help='Its column of rates: "24.4 %" or 0.244.')],
    measure: Annotated[
        str, typer.Option("--measure", help="What it is a rate of, as a charter's gate names it.")
    ] = "selection_rate",
    charter: Annotated[Path | None, typer.Option("--charter", help=_CHARTER)] = None,
    into: Annotated[Path | None, typer.Option("--into", help=_INTO)] = None,
) -> None:
    """Say how sure the gaps of a published table of percentages are; with a charter, give a verdict too."""
    from fairness_reports.audit.tables.published_rates import RatesQuestion, audit_rates
    from fairness_reports.publish.table_page import report_table_audit

    document = audit_rates(RatesQuestion(rates, group, size, share, measure))
    report_table_audit(voice, rates, document, charter, into)


@audit_verbs.add("plan", example="sooner audit plan")
def plan_audit(invocation: Invocation) -> None:
    """Say before anything is signed which questions could be answered, with what power, and the best there could be."""
    from fairness_reports.audit.audit_plan import describe_plan, plan_borough, read_newest
    from fairness_reports.audit.shadow_plan import describe_shadow, plan_shadow, read_reviewing

    borough = read_newest(invocation)
    rows, reviewing = plan_borough(invocation, borough), read_reviewing(invocation, borough)
    shadow = plan_shadow(invocation.policy.asked("shadow"), borough, reviewing, invocation.policy.not_recorded)
    words = f"{describe_plan(rows)}\n\n{describe_shadow(shadow, reviewing)}"
    invocation.report({"plan": rows, "shadow": {"weeks": reviewing.weeks, "questions": shadow}}, words)


@audit_verbs.add("compare", example="sooner audit compare ethnicity", locks=True)
def compare_mitigations(
    invocation: Invocation,
    characteristic: Annotated[str, typer.Argument(help="Whose gaps are to be smaller.")],
    run: Run = "",
) -> None:
    """Compare ways to make a characteristic's gaps smaller, with what each costs."""
    from fairness_reports.publish.comparison import write_comparison

    page, document = write_comparison(invocation, characteristic, run or None)
    invocation.report(document, f"The comparison is {page}; to use one of them is the board's recorded decision.")


@audit_verbs.add("live", example="sooner audit live", locks=True)
def audit_issued(invocation: Invocation) -> None:
    """Measure what the current release issued, and what came of it."""
    from fairness_reports.publish.live_page import write_live_page

    page, document = write_live_page(invocation)
    invocation.report(document, f"What was issued is audited: {page}. Next: `sooner decide --live`.")


@publish_verbs.add("record", under="look", example="sooner publish", locks=True)
def publish(invocation: Invocation, run: Run = "") -> None:
    """Write the public record of an audited run: what it is, how it treats each group, what cannot be seen.

    What `sooner publish` alone does.
    """
    from fairness_reports.publish.record import publish_record

    folder, document = publish_record(invocation, run)
    prompts = len(document["left_to_write"])
    invocation.report(
        document, f"{folder / 'record.md'} is written; {prompts} of {len(document['fields'])} fields are yours."
    )


@publish_verbs.add("records", under="look", example="sooner publish records", locks=True)
def publish_records(invocation: Invocation) -> None:
    """Write every record of each released programme: transparency, model card, both assessments and three more.

    From released bytes, findings, decision, charter and register; records.toml answers what only people know.
    """
    from fairness_reports.records.record_files import write_records

    names = write_records(invocation)
    count = sum(len(files) for files in names.values())
    invocation.report(
        {"records": names},
        f"{count} files are in published/ of {', '.join(names)}. Next: `sooner publish check`.",
    )


@publish_verbs.add("check", under="look", example="sooner publish check")
def check_publications(invocation: Invocation) -> None:
    """Say what is wrong with the published records: missing, old, unanswered, edited, or past their review."""
    from charter.errors import DataError
    from fairness_reports.records.record_lint import check_records

    faults = check_records(invocation)
    lines = [f"{row.programme}, {row.record}: {row.sentence} {row.next_step}" for row in faults]
    if faults:
        raise DataError("\n".join([f"{len(faults)} faults in the published records:", *lines]), "Then check again.")
    invocation.report({"faults": []}, "Every record is there, in date, answered, and as the files say.")


@publish_verbs.add("letters", under="look", example="sooner publish letters", locks=True)
def publish_letters(invocation: Invocation) -> None:
    """Write letters with blanks for one person's part: first contact, access, challenge, complaint.

    Each explains the use of data in the ICO's six ways, from what is released now. No fact about anybody is in it.
    """
    from fairness_reports.residents.letters import write_letters

    paths = write_letters(invocation)
    folder = invocation.workspace.root / "letters"
    invocation.report(
        {"letters": [str(path) for path in paths]},
        f"{len(paths)} letters are in {folder}/; an officer fills the blanks, from one person's records alone.",
    )


@publish_verbs.add("answers", under="look", example="sooner publish answers", locks=True)
def publish_answers(invocation: Invocation) -> None:
    """Write what families said of our contact, by quarter, team and group, with small numbers hidden.

    Of every quarter whose cards can't be answered any more; the counts come from the casework pages.
    """
    from fairness_reports.residents.family_words import publish_family_answers

    page, quarters = publish_family_answers(invocation)
    invocation.report(
        {"page": str(page), "quarters": quarters}, f"{page} has what families said in {quarters} quarters."
    )


@publish_verbs.add("counts", under="look", example="sooner publish counts", locks=True)
def publish_counts(invocation: Invocation) -> None:
    """Write every table of counts that everybody may read as JSON and CSV, for programs: `published/counts/`.

    Also lets out how many households each team's lists held in a quarter that is over, with small numbers hidden.
    """
    from fairness_reports.residents.public_counts import publish_counts

    folder, tables = publish_counts(invocation)
    invocation.report(
        {"folder": str(folder), "tables": tables},
        f"Tables of counts in {folder}/: {tables}. Next: `sooner publish site`, which takes them into data/counts/.",
    )


@publish_verbs.add("register", under="look", example="sooner publish register", locks=True)
def publish_register(invocation: Invocation) -> None:
    """Write the data-sharing register for everybody: HTML, CSV, JSON; article 30 records; a draft privacy notice.

    Each service with what its row does not say yet. What only people know stands as a blank in square brackets.
    """
    from fairness_reports.residents.register_files import write_register

    folder, names = write_register(invocation)
    invocation.report(
        {"folder": str(folder), "files": names},
        f"{len(names)} files are in {folder}/; read register.html, and fill the blanks of the two drafts.",
    )


@publish_verbs.add("savvi", under="look", example="sooner publish savvi", locks=True)
def publish_savvi(invocation: Invocation) -> None:
    """Write SAVVI's logical model with our tables, programmes and register beside it: `published/savvi/`, JSON and CSV.

    From what is released, the register and public.toml; no row of a person is read. `publish site` takes it along.
    """
    from fairness_reports.residents.savvi_model import publish_savvi

    folder, entities = publish_savvi(invocation)
    invocation.report(
        {"folder": str(folder), "entities": entities},
        f"{entities} entities of SAVVI's model are in {folder}/. Next: `sooner publish site`, which takes them into"
        " data/savvi/.",
    )


@publish_verbs.add("site", under="look", example="sooner publish site", locks=True)
def publish_site(invocation: Invocation) -> None:
    """Write the pages that residents read, of all programmes, as a folder for any web server: `site/`.

    What is used, why, by whom, whether it was shown to help; rights, complaints, asking for help; every point.
    """
    from fairness_reports.residents.site import write_site

    folder, pages = write_site(invocation)
    invocation.report(
        {"folder": str(folder), "pages": pages},
        f"{len(pages)} pages are in {folder}/; read {folder / 'index.html'}, then put the folder on a web server.",
    )


@trial_verbs.add("effect", example="sooner trial --json", under="look", locks=True)
def answer_trial(invocation: Invocation) -> None:
    """Give the registered trial's answer, at its planned looks; without one, what was issued by arm, as far as it goes.

    Between two looks nothing is compared. "Helps", "harms", "no effect" and "cannot be told" are said alike.
    """
    from fairness_reports.impact.registering import choose_registration

    registration = choose_registration(invocation)
    if registration is None:
        from fairness_reports.impact.trial import measure_trial

        result = measure_trial(invocation)
        invocation.report(result, result["sentence"])
        return
    from fairness_reports.publish.effect_page import write_effect_page

    if registration.trial.design == "stepped":
        from fairness_reports.impact.stepped.stepped_trial import answer_stepped as answer
    else:
        from fairness_reports.impact.effect import answer_registered as answer

    document, sentence = answer(invocation, registration)
    page = write_effect_page(invocation, document, sentence)
    invocation.report(document, f"{sentence}\nThe same for the board: {page}")


@trial_verbs.add("plan", example="sooner trial plan", under="look")
def plan(invocation: Invocation) -> None:
    """Say of each design what the council's trial could tell, when, and who would wait, at the council's own rates."""
    from fairness_reports.impact.trial_plan import plan_trial, say_plan
    from fairness_reports.publish.trial_page import write_plan_page

    document = plan_trial(invocation)
    words = say_plan(document)
    page = write_plan_page(invocation, document, words)
    invocation.report(document, f"{words}\n\nThe same for the board: {page}")


@trial_verbs.add("register", example="sooner trial register", under="decide", locks=True)
def register(invocation: Invocation) -> None:
    """Fix the question and analysis of the council's signed trial.toml, by their sha256, before its first lot."""
    from fairness_reports.impact.registering import register_planned_trial

    registration = register_planned_trial(invocation)
    invocation.report(
        {
            "trial": registration.name,
            "trial_sha256": registration.trial_sha256,
            "analysis_sha256": registration.analysis_sha256,
            "seed_sha256": registration.seed_sha256,
        },
        f"The trial {registration.name} is registered: design {registration.trial_sha256[:16]}, analysis"
        f" {registration.analysis_sha256[:16]}, seed {registration.seed_sha256[:16]}. From {registration.trial.starts}"
        " `sooner rank` draws its lots.",
    )


@trial_verbs.add("lots", example="sooner trial lots", under="look")
def check_trial_lots(invocation: Invocation) -> None:
    """Draw every lot of the trial again from its seed, and say how alike the arms are; compares no outcomes."""
    from fairness_reports.impact.registering import describe_lots

    document, sentence = describe_lots(invocation)
    invocation.report(document, sentence)


@trial_verbs.add("line", example="sooner trial line", under="look", locks=True)
def look_at_line(invocation: Invocation) -> None:
    """Say what changes at the line of lists, where no trial is: families just above it beside those just below it.

    It refuses where families are sorted around the line. "Cannot be told" is said as large as "helps".
    """
    from fairness_reports.evidence.line_page import write_line_page
    from fairness_reports.impact.line import measure_line, say_line

    document = measure_line(invocation)
    words = say_line(document)
    page = write_line_page(invocation, document, words)
    invocation.report(document, f"{words}\nThe same for the board: {page}")


@trial_verbs.add("history", example="sooner trial history", under="look", locks=True)
def look_at_history(invocation: Invocation) -> None:
    """Say what changed where lists began, less what changed meanwhile where they had not (starts.toml); no trial.

    It assumes parallel trends, and refuses where places moved differently before. "Cannot be told" is said as large.
    """
    from fairness_reports.evidence.history_page import write_history_page
    from fairness_reports.impact.stepped.start_history import measure_history
    from fairness_reports.impact.stepped.start_words import say_history

    document = measure_history(invocation)
    words = say_history(document)
    page = write_history_page(invocation, document, words)
    invocation.report(document, f"{words}\nThe same for the board: {page}")


@exchange_verbs.add("show", example="sooner exchange", under="look", locks=True)
def show_exchange(invocation: Invocation) -> None:
    """Say what other councils' figures make of this council's intervals, and how much of it is borrowed.

    What `sooner exchange` alone does. It decides nothing: the charter's questions ask for the council's own figures.
    """
    from fairness_reports.evidence.exchange_page import write_exchange_page
    from fairness_reports.exchange.strength import measure_strength, say_strength

    document = measure_strength(invocation)
    words = say_strength(document)
    page = write_exchange_page(invocation, document, words)
    invocation.report(document, f"{words}\nThe same for the board, with each group: {page}")


@exchange_verbs.add("write", example="sooner exchange write --key seal.key", under="look", locks=True)
def tell_councils(
    invocation: Invocation,
    key: Annotated[Path | None, typer.Option("--key", help="The key of this council's seal: of `role-key`.")] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="The seal's Ed25519 signature, made elsewhere.")
    ] = None,
) -> None:
    """Write what other councils are told of the newest audit: counts through disclosure control, sealed; never rows."""
    from charter.errors import UsageError
    from charter.signing.role_proof import read_proof
    from fairness_reports.exchange.telling import write_exchange

    proof = read_proof(key, signature, lambda: str(typer.prompt("The key's passphrase", hide_input=True, err=True)))
    if proof is None:
        raise UsageError("what is told is sealed, and no key was named.", "Add --key FILE, or --signature FILE.")
    path, document = write_exchange(invocation, proof)
    invocation.report(document, f"{path} may be given to the councils that exchange.toml names. Nobody's row is in it.")


@exchange_verbs.add("read", example="sooner exchange read norbury.json", under="look", locks=True)
def read_councils(
    invocation: Invocation,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="What another council told; several may be.")],
) -> None:
    """Take in what other councils told: sealed by a peer of exchange.toml, of the same outcome, or refused."""
    from fairness_reports.exchange.telling import read_told

    titles = read_told(invocation, files)
    invocation.report({"councils": titles}, f"Read: {', '.join(titles)}. Next: `sooner exchange`.")


@verbs.add("value", under="look", example="sooner value", locks=True)
def price_lists(invocation: Invocation) -> None:
    """Say what lists cost for what they reach, by scenario, at the council's own costs: for budgeting by outcomes.

    From replayed lists and costs.toml; what help averts is stated and varied there, and not measured.
    """
    from fairness_reports.evidence.value_page import write_value_page
    from fairness_reports.impact.value import measure_value, say_value

    document = measure_value(invocation)
    words = say_value(document)
    page = write_value_page(invocation, document, words)
    invocation.report(document, f"{words}\nThe same on one page: {page}; as a table: {page.with_suffix('.csv')}")


@verbs.add("map", under="look", example="sooner map food", locks=True)
def draw_map(
    invocation: Invocation,
    topic: Annotated[str, typer.Argument(help="Which need: the folder of map/ that holds its counts.")] = "food",
) -> None:
    """Draw where need is and which help is near: for partners by small area, for the public by MSOA."""
    from datetime import datetime

    from fairness_reports.maps.whole_map import draw_maps

    folder = draw_maps(invocation, topic, datetime.now(invocation.council.time_zone).date())
    invocation.report(
        {"folder": str(folder)},
        f"{folder / 'partners' / 'map.html'} is for partners who pledged; {folder / 'public' / 'map.html'} is for all.",
    )
