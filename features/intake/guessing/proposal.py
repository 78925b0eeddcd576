"""`propose_sources`: rows for a new council's register, from what its services sent, for people to confirm.

Each sub-folder of the extracts is a service. Its files say what they are by the names of their columns and by a bounded
sample of their rows:

    names or a date of birth beside a reference    the people whom the service knows
    a reference of a property and from when        where they live
    a reference of a person and a day              something that happened: the signal `service.file`
    a property and its LSOA, and nobody            the gazetteer
    purpose, choice and status                     what people said about the use of their data

What comes out holds names of files and columns, and no value of a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb

from charter.council.register import ExtractFile, Signal, Source
from charter.errors import DataError, UsageError
from charter.purposes import CHECKS, PURPOSES
from charter.starting.new_council import NOTHING_YET, Months, ProposedSource, name_id
from features.intake.database import quote_name
from features.intake.exact_casts import NumberMarks
from features.intake.guessing.births import find_births
from features.intake.guessing.canonical_proposal import is_canonical, propose_canonical
from features.intake.guessing.column_kinds import DATES, MOMENTS, SampledFile, choose_form, open_sample
from features.intake.guessing.column_names import find_named, is_person_reference, says_end, split_words, starts_with
from features.intake.guessing.dialect import guess_dialect
from features.intake.guessing.number_marks import choose_marks, say_marks
from features.intake.opening.bounded import PACKED
from features.intake.opening.strict_csv import CsvDialect
from features.intake.opening.workbook import list_sheets

__all__ = ["find_deliveries", "holds_files", "propose_sources"]

_KINDS_OF_FILE = (".csv", ".parquet", ".xlsx", ".jsonl", ".ndjson", *PACKED)
_AUDITED = ("ethnicity", "sex", "disability")
_CHOICE = {
    "of_service": "reference_of",
    "service": "service",
    "purpose": "purpose",
    "choice": "kind",
    "status": "status",
    "start": "start",
}


def find_deliveries(extracts: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the sub-folders that are deliveries, and those that are none.

    Where any sub-folder has a `delivery.json`, one without is no delivery. Raises UsageError where there is no folder,
    DataError where none of its sub-folders has a file to read.
    """
    if not extracts.is_dir():
        raise UsageError(f"there is no folder {extracts}.", "Name the folder of the extracts with --extracts.")
    folders = [path for path in sorted(extracts.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    deliveries = [folder for folder in folders if _files_of(folder)]
    stated = [folder for folder in deliveries if (folder / "delivery.json").exists()]
    if not deliveries:
        raise DataError(
            f"{extracts} has no sub-folder with a CSV, Parquet, XLSX or JSON lines file.",
            "Put each service's files in a folder that is named after it. XML and JSON documents are not guessed at: "
            "`sooner pull rows all` names the formats whose rows are ready.",
        )
    chosen = stated or deliveries
    return tuple(chosen), tuple(folder for folder in folders if folder not in chosen)


def holds_files(folder: Path) -> bool:
    """Whether a folder is one service's: files that can be read lie in it."""
    return folder.is_dir() and bool(_files_of(folder))


def propose_sources(
    deliveries: Sequence[Path], about: Collection[str] = (), *, skips: bool = False
) -> tuple[ProposedSource, ...]:
    """Return a row for each delivery, where the columns of `about` say whom a row is about.

    Raises DataError for a file that can't be read, naming its line and cause, unless it `skips` such: then the row says
    why, and only a delivery of nothing else is refused. Raises UsageError for a column of `about`
    that no file has.
    """
    ready = [folder for folder in deliveries if is_canonical(folder)]
    canonical = [proposal for folder in ready for proposal in propose_canonical(folder)]
    deliveries = [folder for folder in deliveries if folder not in ready]
    services = [name_id(folder.name) for folder in deliveries]
    for folder, service in zip(deliveries, services, strict=True):
        if not service[:1].isalpha() or services.count(service) > 1:
            raise DataError(
                f"the folder {folder.name} has no service's name of its own.",
                "Call it by a name that no other has and that begins with a letter, such as housing.",
            )
    proposed = tuple(
        _propose_source(folder, service, about, skips=skips)
        for folder, service in zip(deliveries, services, strict=True)
    )
    columns = {name for proposal in proposed for file in proposal.source.files for name in file.columns}
    for name in about:
        if name not in columns:
            raise UsageError(f"no file has a column {name}.", "Name a column of the extracts with --reference.")
    return (*canonical, *(_remark_shared(proposal, proposed) for proposal in proposed))


def _remark_shared(proposal: ProposedSource, proposed: Sequence[ProposedSource]) -> ProposedSource:
    """Say which references are called alike in several services: one number or not, people have to know.

    It is never taken for one number by its name: two systems that both count from 1 would make strangers one person.
    """
    remarks = dict(proposal.remarks)
    for file in proposal.source.files:
        for record in file.records:
            if record.kind != "person":
                continue
            others = sorted(
                other.source.service
                for other in proposed
                if other is not proposal and record.reference in _people(other)
            )
            if others:
                remarks[file.name] = (
                    *remarks.get(file.name, ()),
                    f"Confirm: {record.reference} is also in {', '.join(others)}. If it is one number everywhere, add"
                    f' shared_key = "{record.reference}" to each person record; else records without names stay apart.',
                )
    return replace(proposal, remarks=remarks)


def _people(proposal: ProposedSource) -> frozenset[str]:
    return frozenset(
        record.reference for file in proposal.source.files for record in file.records if record.kind == "person"
    )


def _files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _KINDS_OF_FILE and path.is_file()]


def _is_text(path: Path) -> bool:
    kind = path.with_suffix("").suffix if path.suffix.lower() in PACKED else path.suffix
    return kind.lower() in (".csv", "")


def _open_samples(
    stack: ExitStack, folder: Path, dialect: CsvDialect, left_out: list[str], *, skips: bool
) -> Iterator[SampledFile]:
    """Yield a sample of each file, and of each sheet of a workbook that has several.

    A sheet that is no table is left out and said, and so is a file that can't be read where `skips`; raises DataError
    for any other, and where nothing is left.
    """
    refusal: DataError | None = None
    sampled: set[str] = set()
    for path in _files_of(folder):
        where = f"{folder.name}/{path.name}"
        sheets = list_sheets(path, where) if path.suffix.lower() == ".xlsx" else ()
        for place, sheet in enumerate(sheets if len(sheets) > 1 else ("",), start=1):
            part = f"{where}, sheet {place}" if sheet else where
            name = name_id(sheet) or f"sheet_{place}"
            name = name if name not in sampled else name_id(f"{path.stem} {name}")
            try:
                yield stack.enter_context(open_sample(path, part, dialect, sheet, name))
            except DataError as error:
                if not (sheet or skips):
                    raise
                refusal = error
                left_out.append(f"Left out: {error.message} {error.next_step}")
            else:
                sampled.add(name if sheet else path.name)
    if refusal is not None and not sampled:
        raise refusal


def _propose_source(folder: Path, service: str, about: Collection[str], *, skips: bool) -> ProposedSource:
    dialect = guess_dialect([path for path in _files_of(folder) if _is_text(path)])
    with ExitStack() as stack:
        left_out: list[str] = []
        samples = list(_open_samples(stack, folder, dialect, left_out, skips=skips))
        dates, moments = choose_form(samples, DATES), choose_form(samples, MOMENTS)
        marks = choose_marks(samples)
        drafts = [_Draft.of(service, sample, (dates, moments), about, marks) for sample in samples]
        proposals = _propose_files(drafts)
        months = [
            sample.find_months(proposal.happened, (dates, moments))
            for sample, proposal in zip(samples, proposals, strict=True)
            if proposal.happened
        ]
    signals = tuple(proposal.signal for proposal in proposals if proposal.signal is not None)
    remarks = {proposal.file.name: proposal.remarks for proposal in proposals}
    remarks[service] = (*left_out, *say_marks(marks))
    remarks |= {proposal.signal.name: proposal.doubts for proposal in proposals if proposal.signal is not None}
    if not (folder / "delivery.json").exists():
        remarks[service] = (
            *remarks[service],
            "This delivery does not say what it covers: ask the service for a delivery.json, or write here, with its",
            "own days: delivery = { covers_from = 2020-01-01, covers_to = 2026-01-01, received_at = 2026-01-01 }",
        )
    return ProposedSource(
        Source(
            service=service,
            title=_title(service),
            format="csv",
            folder=folder.name,
            encoding=dialect.encoding,
            delimiter=dialect.delimiter,
            dates=dates,
            datetimes=moments,
            decimal_mark=marks.decimal,
            thousands_mark=marks.thousands,
            basis="public task",
            conditions=("UK GDPR article 6(1)(e)",),
            purposes=frozenset(PURPOSES) - frozenset(CHECKS),
            retention_years=7,
            signals=signals,
            files=tuple(proposal.file for proposal in proposals),
            example=True,
        ),
        {name: lines for name, lines in remarks.items() if name and lines},
        _join_months([between for between in months if between is not None]),
    )


def _propose_files(drafts: Sequence[_Draft]) -> Sequence[_Proposal]:
    """Return what each file of a service is, once all of them are known."""
    if not any(draft.reference and draft.days for draft in drafts):
        # Two ways of naming somebody would make strangers one person where both count from 1: one is guessed for all.
        dated = [draft for draft in drafts if draft.days]
        repeated = [draft.repeated for draft in dated if draft.repeated]
        shared = {name: sum(name in draft.kinds for draft in dated) for name in repeated}
        if shared:
            guess = max(shared, key=lambda name: shared[name])
            drafts = [
                replace(draft, reference=guess if guess in draft.kinds else None, is_guess=True) for draft in drafts
            ]
    references = {draft.reference for draft in drafts if draft.describes_people and draft.reference}
    return [draft.propose(references) for draft in drafts]


def _join_months(found: Sequence[Months]) -> Months | None:
    if not found:
        return None
    return Months(min(between.first for between in found), max(between.last for between in found))


@dataclass(frozen=True)
class _Proposal:
    """A file's row, its signal where it has one, and what a person has to look at: of the file, and of the signal.

    `happened` is the column that says when the signal happened; empty where there is no signal.
    """

    file: ExtractFile
    signal: Signal | None
    happened: str
    remarks: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class _Draft:
    """A file whose columns have kinds: what it could be, before the service's other files are looked at.

    `reference` is the column that says whom a row is about, as far as the file itself shows: as told, by its name, else
    its key. `no_ends` are pairs of days of which the second would end what began with the first before it began.
    `forms` are those of columns that write days otherwise than the service, `few` the texts that could be a detail.
    `repeated` is the best guess (`is_guess`) where none of the service's files shows any.
    """

    service: str
    name: str
    kinds: Mapping[str, str]
    key: tuple[str, ...]
    versions: tuple[str, ...]
    known_too_early: frozenset[str]
    no_ends: frozenset[tuple[str, str]]
    empty_days: tuple[str, ...]
    forms: Mapping[str, str]
    few: tuple[str, ...]
    reference: str | None
    repeated: str | None
    births: tuple[str, ...] = ()
    is_guess: bool = False
    within: str = ""
    sheet: str = ""

    @classmethod
    def of(
        cls, service: str, sample: SampledFile, forms: tuple[str, str], about: Collection[str], marks: NumberMarks
    ) -> _Draft:
        """Look at a file once; nothing of its rows is needed after."""
        dates, moments = forms
        try:
            kinds = sample.kinds(dates, moments, marks)
            key, versions = sample.find_key(kinds)
            days = [name for name, kind in kinds.items() if kind in ("date", "datetime")]
            recorded = next((name for name in days if starts_with("recorded", name)), None)
            early = [name for name in days if recorded and sample.is_ever_before(recorded, name, forms)]
            spans = [(start, end) for end in days if says_end(end) for start in days if not says_end(start)]
            no_ends = frozenset(span for span in spans if sample.is_often_before(span[1], span[0], forms))
            repeated = sample.find_repeated(kinds)
            few = tuple(sample.find_few(kinds))
            stated = next((name for name in kinds if name in about), None)
            reference = stated or next((name for name in kinds if is_person_reference(name)), None)
            births = find_births(sample, days, reference or repeated, forms)
        except duckdb.Error:
            raise DataError(
                f"{service}/{sample.name} can't be read to its end.", "Ask the service for a corrected file."
            ) from None
        own = {name: sample.find_own_form(name, dates, moments) for name in days if sample.filled[name]}
        forms_apart = {name: form for name, form in own.items() if form}
        empty = tuple(name for name in days if name not in sample.typed and not sample.filled[name])
        says_who = _describes_people(kinds) or (births and set(births) == set(days))
        if reference is None and says_who and len(key) == 1:
            reference = key[0]
        return cls(
            service,
            sample.name,
            kinds,
            key,
            versions,
            frozenset(early),
            no_ends,
            empty,
            forms_apart,
            few,
            reference,
            repeated,
            births,
            within=sample.within,
            sheet=sample.sheet,
        )

    @property
    def _signal_name(self) -> str:
        kind = name_id(self.name.split(".")[0])
        # A kind begins with a letter: `2023_visits.csv` gives `file_2023_visits`.
        return f"{self.service}.{kind if kind[:1].isalpha() else f'file_{kind}'.rstrip('_')}"

    @property
    def describes_people(self) -> bool:
        """Whether it says who somebody is, and not only that something happened to them."""
        return _describes_people(self.kinds) or bool(self.births)

    @property
    def days(self) -> list[str]:
        """The columns that say when, without births, deaths and when a row was recorded or corrected."""
        apart = {*self.births, find_named("birth_date", self.kinds), find_named("death_date", self.kinds)}
        return [
            name
            for name, kind in self.kinds.items()
            if kind in ("date", "datetime")
            and name not in apart
            and not starts_with("recorded", name)
            and not starts_with("corrected", name)
            and not {"birth", "dob", "death"} & set(split_words(name))
        ]

    def propose(self, references: Collection[str]) -> _Proposal:
        """Return the file's row and signal, where `references` are the columns by which the service knows people."""
        records, signal = [*self._records(references)], None
        event = next((record for record in records if record["kind"] == "event"), None)
        if event is not None:
            signal = Signal(
                name=self._signal_name,
                title=_title(self._signal_name),
                interval="end_at" in event,
                example=True,
            )
        file = ExtractFile.model_validate(
            {
                "name": self.name,
                **({"within": self.within, "sheet": self.sheet} if self.sheet else {}),
                "columns": dict(self.kinds),
                "key": self.key,
                "versions": self.versions,
                **({"forms": self.forms} if self.forms else {}),
                "record": tuple({**record, "example": True} for record in records),
                "example": True,
            }
        )
        doubts = () if event is None else tuple(self._doubts(event))
        happened = next((name for name in self.days if not says_end(name)), "") if event else ""
        return _Proposal(file, signal, happened, tuple(self._remarks(records)), doubts)

    def _records(self, references: Collection[str]) -> Iterator[dict[str, str]]:
        reference = next((name for name in self.kinds if name in references), None) or self.reference
        uprn = find_named("uprn", self.kinds)
        if set(_CHOICE.values()) <= set(self.kinds) and "reference" in self.kinds:
            choice = {field: _sql(name) for field, name in _CHOICE.items()}
            yield {"kind": "permission", "reference": _sql("reference"), **choice, **self._known("start")}
        elif reference is None:
            area = next((name for name in self.kinds if any(w.startswith("lsoa") for w in split_words(name))), None)
            if uprn and area:
                yield {"kind": "place", "uprn": _sql(uprn), "area": _sql(area), "home": "'home'", **self._named_home()}
        else:
            yield from self._records_of_people(reference, uprn, references)

    def _records_of_people(
        self, reference: str, uprn: str | None, references: Collection[str]
    ) -> Iterator[dict[str, str]]:
        if self.describes_people:
            fields = ("forename", "surname", "birth_date", "death_date", "uprn", "postcode")
            columns = {field: _sql(name) for field in fields if (name := find_named(field, self.kinds))}
            if self.births:
                columns.setdefault("birth_date", _sql(self.births[0]))
            yield {"kind": "person", "reference": _sql(reference), **columns, **self._known()}
        elif not references:
            yield {"kind": "person", "reference": _sql(reference), **self._known()}
        start = next((name for name in self.days if not says_end(name)), None)
        ends = [name for name in self.days if says_end(name) and start and (start, name) not in self.no_ends]
        end = next(iter(ends), None)
        ended = {} if end is None else {"end": _sql(end)}
        lives_there = uprn is not None and (self.describes_people or not self._has_own_number(reference))
        if uprn is not None and start is not None and lives_there:
            where = f"{_sql(uprn)} IS NOT NULL AND {_sql(start)} IS NOT NULL"
            span = {"start": _sql(start), **ended}
            yield {
                "kind": "address",
                "reference": _sql(reference),
                "uprn": _sql(uprn),
                **span,
                "where": where,
                **self._known(),
            }
        elif start is not None:
            yield {
                "kind": "event",
                "signal": f"'{self._signal_name}'",
                "reference": _sql(reference),
                "key": self._key_sql(),
                "valid_at": _sql(start),
                **({} if end is None else {"end_at": _sql(end)}),
                "where": f"{_sql(start)} IS NOT NULL",
                **self._known(start),
            }
        if self.describes_people:
            for name in self.kinds:
                if name.lower() in _AUDITED:
                    group = {"characteristic": f"'{name.lower()}'", "value": _sql(name)}
                    yield {"kind": "protected", "reference": _sql(reference), **group, **self._known()}

    def _has_own_number(self, reference: str) -> bool:
        """Whether its key names something that happened, beside the person and the property."""
        about = {reference, find_named("uprn", self.kinds)}
        return any(name not in about and self.kinds[name] in ("text", "integer") for name in self.key)

    def _named_home(self) -> dict[str, str]:
        return {field: _sql(name) for field in ("address", "postcode") if (name := find_named(field, self.kinds))}

    def _known(self, valid: str = "") -> dict[str, str]:
        """Return when a row was known: when it was corrected, else recorded; nothing where that contradicts `valid`."""
        recorded = next((name for name in self.kinds if starts_with("recorded", name)), None)
        if recorded is None or self.kinds[recorded] not in ("date", "datetime") or valid in self.known_too_early:
            return {}
        if self.versions and self.kinds[self.versions[0]] == self.kinds[recorded]:
            return {"known_at": f"coalesce({_sql(self.versions[0])}, {_sql(recorded)})"}
        return {"known_at": _sql(recorded)}

    def _key_sql(self) -> str:
        if not self.key:
            return "_row"
        return _sql(self.key[0]) if len(self.key) == 1 else f"concat_ws('/', {', '.join(map(_sql, self.key))})"

    def _doubts(self, event: Mapping[str, str]) -> Iterator[str]:
        yield f"Confirm: in each row of {self.name}, this happened to {event['reference']} on {event['valid_at']}."
        used = {event["valid_at"], event.get("end_at", ""), event["reference"]}
        others = [name for name in self.days if _sql(name) not in used]
        if others:
            yield f"Confirm: it did not happen on another day of the row: {', '.join(others)}."
        if "known_at" not in event:
            yield "Confirm: no column's name says when a row was known. What came before the first delivery counts as"
            yield "known `arrival_lag_days` after it happened (0 days until the source says how late its rows come)."
            if others:
                yield f'If one of these days is when it was entered, write known_at = "COLUMN": {", ".join(others)}.'
        numbers = [
            name for name, kind in self.kinds.items() if kind in ("decimal", "integer") and _sql(name) not in used
        ]
        if numbers:
            yield f'It may give an amount (amount = "COLUMN"), with the signal\'s `unit`: {", ".join(numbers)}.'
        few = [name for name in self.few if _sql(name) not in used]
        if few:
            yield 'It may give a detail (detail = "COLUMN"), with the signal\'s `details`, all that the column may say:'
            yield f"{', '.join(few)}. A row that is another thing by such a column is a signal of its own, by `where`."

    def _remarks(self, records: Sequence[Mapping[str, str]]) -> Iterator[str]:
        if records and self.is_guess:
            yield f"Confirm: rows are about whom {self.reference} names; no column's name says whom, and it repeats."
        if not self.key:
            yield "Confirm: no column was found that tells its rows apart; a row's key is its place in the file."
        for name in self.births:
            if not find_named("birth_date", [name]):
                yield f"Confirm: {name} is a date of birth, and no day on which something happened."
        for name in self.empty_days:
            yield f"Confirm: {name} is empty in the rows looked at; a date by its name."
        if any(record["kind"] == "protected" for record in records):
            yield "Confirm: each service writes characteristics in its own codes; give them the words that all share."
        if any(record["kind"] == "place" for record in records):
            yield "Confirm: every place is read as a home; say which are communal or protected."
        kinds = {record["kind"] for record in records}
        if not self.describes_people and not kinds & {"event", "address", "place", "permission"}:
            yield f"{NOTHING_YET}: {self._say_why_nothing()}"

    def _say_why_nothing(self) -> str:
        if not self.days:
            return "no column was read as a day (a form of its own goes into `forms`)."
        return (
            f"no name of a column says whom they are about: `--reference COLUMN` does (days: {', '.join(self.days)})."
        )


def _describes_people(columns: Iterable[str]) -> bool:
    names = list(columns)
    return any(find_named(field, names) for field in ("forename", "surname", "birth_date"))


def _title(name: str) -> str:
    """Return an id as a title. Of people we write need and likelihood: another word for them is left out."""
    words = [word for word in re.split(r"[._]", name) if not word.startswith("risk")]
    return " ".join(words).capitalize() or "Records"


def _sql(column: str) -> str:
    """Return a column as an expression of the register: bare where DuckDB takes it so."""
    return (
        column if column.isidentifier() and column.islower() and column not in _reserved_words() else quote_name(column)
    )


@cache
def _reserved_words() -> frozenset[str]:
    with duckdb.connect() as database:
        rows = database.execute(
            "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)
