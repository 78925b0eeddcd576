"""The data-sharing register: every source, why it may be used, how it is read and what it says (`register.toml`).

    [[source]]                        one delivery of one service
      service, title, contact         who sends it
      format, folder                  canonical | csv | parquet, relative to the extracts (or an absolute folder)
      basis, conditions, gateway      why it may be used at all; `purposes`: what for
      arrival_lag_days, ...           how late it comes, how long it is kept, who may not hear of it
      [[source.signal]]               the kinds of event it records, named `service.kind`
      [[source.file]]                 for csv and parquet: each file with its STRICT columns
        [[source.file.record]]        how its rows become canonical rows: DuckDB SQL expressions over the columns
    [[check]]                         a question that other services may ask: purpose, who asks, why they may

Read by every room that asks "may this service be used for that purpose?"; only `pull` reads the files' mappings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from charter.council.connections import Connection, FolderConnection
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, Words, broken
from charter.council.record_kinds import RECORD_FIELDS, Record
from charter.council.shape import toml_text
from charter.council.slips import choose
from charter.errors import CharterError
from charter.purposes import CHECKS, PURPOSES

__all__ = [
    "RECORD_FIELDS",
    "Check",
    "ExtractFile",
    "Record",
    "Register",
    "Signal",
    "Source",
    "StatedDelivery",
    "Tolerance",
]

_CONSENT = "consent"
_, AGE, _, ENTITLEMENT = CHECKS
_TYPES = ("text", "integer", "decimal", "boolean", "date", "datetime")

_Days = Annotated[int, Field(ge=0, le=3660)]
_Age = Annotated[int, Field(ge=0, le=120)]
_Purposes = Words[Annotated[str, OneOf(PURPOSES)]]


class Signal(MarkedRow):
    """A kind of event that a source records."""

    identity = "name"

    name: Annotated[
        Text,
        Field(description="`service.kind`; `kind` alone is read as one of the source.", examples=["housing.notice"]),
    ]
    title: Annotated[Text, Field(description="What it is called.", examples=["Notice served on a tenancy"])]
    details: Annotated[
        Listed[str],
        Field(
            description="The values that its detail can have; none named: any.", examples=[["section_8", "section_21"]]
        ),
    ] = ()
    unit: Annotated[str, Field(description="What its amount counts; empty where it has none.", examples=["GBP"])] = ""
    system_response: Annotated[
        bool,
        Field(description="Whether it is what a service did, rather than what happened to somebody.", examples=[True]),
    ] = False
    identifies_worker: Annotated[
        bool,
        Field(
            description="Whether it tells which worker or team acted: an order that moves by it is a question to the "
            "board.",
            examples=[True],
        ),
    ] = False
    interval: Annotated[bool, Field(description="Whether it lasts, from one day until another.", examples=[True])] = (
        False
    )
    weekly: Annotated[
        bool,
        Field(description="Whether its day stands for the week that begins then: pages say the week.", examples=[True]),
    ] = False


def _format(text: str) -> str:
    if "%" not in text:
        raise broken(f"is {text!r}, which is no form of a date", 'Write it like "%d/%m/%Y".')
    return text


_DateForm = Annotated[str, AfterValidator(_format)]


class ExtractFile(MarkedRow):
    """One file of a delivery: its strict columns, its unique key, and what its rows become."""

    identity = "name"

    name: Annotated[Text, Field(description="The file, as it is sent.", examples=["arrears.csv"])]
    columns: Annotated[
        Mapping[str, Annotated[str, OneOf(_TYPES)]],
        Field(
            description="Its columns and their types; a column that is missing or not named here refuses the delivery.",
            examples=[{"arrears_id": "text", "balance": "decimal"}],
        ),
    ]
    key: Annotated[
        Listed[str], Field(description="The columns that tell its rows apart.", examples=[["arrears_id"]])
    ] = ()
    versions: Annotated[
        Listed[str],
        Field(
            description="The columns that tell the versions of one row apart: with the key they are unique.",
            examples=[["corrected_on"]],
        ),
    ] = ()
    records: Annotated[
        Listed[Annotated[Record, Field(discriminator="kind")]],
        Field(validation_alias="record", description="What its rows become."),
    ] = ()
    optional: Annotated[bool, Field(description="Whether a delivery may come without it.", examples=[True])] = False
    query: Annotated[
        str,
        Field(
            description="What is asked of the source's connection: SQL of a database, a path of a server.",
            examples=["select id, person_ref, day, balance from rents.arrears"],
        ),
    ] = ""
    cursor: Annotated[
        str,
        Field(
            description='The column by which only newer rows are asked for; needs `deliveries = "incremental"`.',
            examples=["changed_at"],
        ),
    ] = ""
    within: Annotated[
        str,
        Field(
            description="The file, or its pattern, in which it lies, where one holds several: a workbook, XML or JSON.",
            examples=["annex_a.xlsx"],
        ),
    ] = ""
    element: Annotated[
        str,
        Field(
            description="Of XML, the element of which each is a row; of a JSON document, the key of such objects.",
            examples=["CINdetails"],
        ),
    ] = ""
    sheet: Annotated[
        str,
        Field(description="The sheet of a workbook; left out where it has but one.", examples=["List 1"]),
    ] = ""
    header_line: Annotated[
        int, Field(ge=1, le=100, description="The line of a sheet that names the columns.", examples=[3])
    ] = 1
    forms: Annotated[
        Mapping[str, _DateForm],
        Field(
            description="How single columns write a day or a time, where not as the source says.",
            examples=[{"born": "%Y-%m-%d"}],
        ),
    ] = {}

    @model_validator(mode="after")
    def _forms_are_of_days(self) -> Self:
        days = [name for name, kind in self.columns.items() if kind in ("date", "datetime")]
        for column in self.forms:
            if column not in days:
                raise broken(f"names {column!r}, which is no date or datetime", choose(column, days), key="forms")
        return self

    @model_validator(mode="after")
    def _keys_are_columns(self) -> Self:
        for name in ("key", "versions"):
            for column in getattr(self, name):
                if column not in self.columns:
                    raise broken(f"names {column!r}, which is no column", choose(column, self.columns), key=name)
        return self


def _moment(value: Any) -> date:
    if not isinstance(value, date):
        raise broken(f"is {toml_text(value)}, not a date or a time", "Write it like 2026-09-28, without quotes.")
    return value


_Moment = Annotated[date, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date"})]


class StatedDelivery(MarkedRow):
    """What a delivery that has no `delivery.json` covers; a date means its midnight, a time without zone is UTC."""

    covers_from: Annotated[_Moment, Field(description="From when.", examples=[date(2013, 1, 1)])]
    covers_to: Annotated[_Moment, Field(description="Until when.", examples=[date(2015, 7, 1)])]
    received_at: Annotated[_Moment, Field(description="When it came.", examples=[date(2015, 7, 2)])]
    synthetic: Annotated[bool, Field(description="Whether all of it is made up.", examples=[True])] = False


_Share = Annotated[float, Field(ge=0, lt=1)]


class Tolerance(MarkedRow):
    """Shares of a file's rows that may break each rule before the whole delivery is refused."""

    bad_value: Annotated[_Share, Field(description="Values that are not of their type.", examples=[0.02])] = 0.02
    known_before_valid: Annotated[_Share, Field(description="Rows known before they happened.", examples=[0.0])] = 0.0
    duplicate_key: Annotated[_Share, Field(description="Rows with the key of another.", examples=[0.0])] = 0.0
    unknown_reference: Annotated[
        _Share, Field(description="Rows about somebody whom no file of the service describes.", examples=[0.2])
    ] = 0.2
    vanished_rows: Annotated[
        _Share, Field(description="Rows of the delivery before that this one lacks.", examples=[0.1])
    ] = 0.1

    def of(self, rule: str) -> float:
        """Return the share that may break a rule, by its key."""
        return float(getattr(self, rule))


def _some(basis: str) -> str:
    if not basis.strip():
        raise broken("is empty: without a lawful basis nothing may be used", _BASIS, forbidden=True)
    return basis.strip()


_BASIS = "Write `basis = ...` with its conditions, or remove the row."
_Basis = Annotated[
    str,
    AfterValidator(_some),
    Field(
        description="The lawful basis; `consent` lets a row count for those alone who gave it.",
        examples=["public task"],
        json_schema_extra={"missing": "gives no lawful basis", "remedy": _BASIS},
    ),
]
_Conditions = Annotated[
    Listed[str], Field(description="The conditions of that basis.", examples=[["UK GDPR article 6(1)(e)"]])
]
_Gateway = Annotated[
    str, Field(description="The law that lets it be shared.", examples=["Children Act 2004 section 10"])
]


_ENCODINGS = ("utf-8", "windows-1252", "iso-8859-1", "iso-8859-15", "utf-16")
_DELIMITERS = (",", ";", "\t", "|")
_THOUSANDS = ("", ",", ".", " ", "'")


class Source(MarkedRow):
    """One delivery of one service: why it may be used, what for, how late it comes and how it is read."""

    identity = "service"

    service: Annotated[Text, Field(description="The service; its signals are `service.kind`.", examples=["housing"])]
    title: Annotated[Text, Field(description="What it is called.", examples=["Housing management"])]
    contact: Annotated[
        str, Field(description="Who answers for the data.", examples=["housing-data@fernhill.example"])
    ] = ""
    phone: Annotated[
        str, Field(description="Where a worker can ring the service about a family.", examples=["01632 960101"])
    ] = ""
    format: Annotated[
        Literal["canonical", "csv", "parquet"], Field(description="What its files are.", examples=["csv"])
    ] = "csv"
    folder: Annotated[
        str,
        Field(
            description="Where its deliveries lie, below the extracts; one that begins with a dot, below the council's "
            "folder. Left out: the service's name.",
            examples=["housing"],
        ),
    ] = ""
    deliveries: Annotated[
        Literal["full", "incremental"],
        Field(
            description="full: what is in a delivery no more was taken back; incremental: it stays as it was.",
            examples=["incremental"],
        ),
    ] = "full"
    connection: Annotated[
        Annotated[Connection, Field(discriminator="kind")] | None,
        Field(description="Where its rows are asked for, if no file is sent."),
    ] = None
    encoding: Annotated[
        str,
        OneOf(_ENCODINGS),
        Field(description="How its CSV files are encoded.", examples=["windows-1252"]),
    ] = "utf-8"
    delimiter: Annotated[
        str,
        OneOf(_DELIMITERS),
        Field(description="What stands between the cells of its CSV files.", examples=[";"]),
    ] = ","
    decimal_mark: Annotated[
        str, OneOf((".", ",")), Field(description="What stands before the decimals of its numbers.", examples=[","])
    ] = "."
    thousands_mark: Annotated[
        str,
        OneOf(_THOUSANDS),
        Field(description="What stands between the thousands of its numbers; empty: nothing.", examples=["."]),
    ] = ""
    dates: Annotated[
        _DateForm, Field(description="How its CSV files write a day of the council's.", examples=["%d/%m/%Y"])
    ] = "%Y-%m-%d"
    datetimes: Annotated[
        _DateForm, Field(description="How its CSV files write a time, in UTC.", examples=["%Y-%m-%dT%H:%M:%SZ"])
    ] = "%Y-%m-%dT%H:%M:%SZ"
    earliest: Annotated[
        date,
        Field(
            description="Days before this are slips; people of the past were born before.", examples=[date(1500, 1, 1)]
        ),
    ] = date(1850, 1, 1)
    basis: _Basis
    conditions: _Conditions = ()
    gateway: _Gateway = ""
    disabled: Annotated[
        bool,
        Field(description="Whether nothing is pulled from it; the next snapshot holds nothing of it.", examples=[True]),
    ] = False
    restriction: Annotated[
        str,
        Field(
            description="What a law restricts about it, in words; it stays `disabled` until `restriction_met` says by "
            "which record somebody answered for that.",
            examples=["Welfare Reform Act 2012 sections 130 to 132"],
        ),
    ] = ""
    restriction_met: Annotated[
        str,
        Field(
            description="The record by which the restriction is met: an assessment's, an agreement's.",
            examples=["DPIA 2026/14, section 3"],
        ),
    ] = ""
    purposes: Annotated[_Purposes, Field(description="What it may be used for.", examples=[["link", "train"]])]
    arrival_lag_days: Annotated[_Days, Field(description="How late a row usually comes.", examples=[7])] = 0
    promised_lag_days: Annotated[
        _Days, Field(description="How late it may come at most; later, the feed is stale.", examples=[35])
    ] = 0
    retention_years: Annotated[
        int, Field(ge=0, le=150, description="For how many years its rows are kept once they are over.", examples=[7])
    ]
    review_by: Annotated[
        _Moment | None,
        Field(
            description="The last day on which the row stands as agreed; after it nothing is pulled until somebody has "
            "reviewed it.",
            examples=[date(2027, 3, 31)],
        ),
    ] = None
    assessment: Annotated[
        str, Field(description="The data protection impact assessment that covers it.", examples=["DPIA 2026/14"])
    ] = ""
    confidential_from_household: Annotated[
        bool,
        Field(description="Whether others in the household may not hear that it knows somebody.", examples=[True]),
    ] = False
    own_voice_age: Annotated[
        _Age, Field(description="From which age somebody speaks for themselves.", examples=[16])
    ] = 16
    one_reference_each: Annotated[
        bool,
        Field(description="Whether no two of its references are one person, so that twins stay two.", examples=[True]),
    ] = False
    youngest_age: Annotated[
        _Age,
        Field(description="Nobody is younger when it last says that they live somewhere (tenants).", examples=[16]),
    ] = 0
    intrusiveness: Annotated[
        int, Field(ge=1, le=5, description="How much it intrudes, from 1 (least) to 5.", examples=[2])
    ] = 3
    display: Annotated[
        bool, Field(description="Whether a worker is told at all that it knows the household.", examples=[True])
    ] = True
    details_to: Annotated[
        Words[Annotated[str, RefersTo("role", "charter.toml")]],
        Field(
            description="The roles that are shown each record's kind and day; others see only that there was something "
            "in a month.",
            examples=[["family_worker", "duty_desk"]],
        ),
    ] = frozenset()
    delivery: Annotated[
        StatedDelivery | None, Field(description="What a delivery covers that has no `delivery.json`.")
    ] = None
    tolerance: Annotated[Tolerance, Field(description="How many bad rows a delivery may have.")] = Tolerance()
    signals: Annotated[
        Listed[Signal], Field(validation_alias="signal", description="The kinds of event that it records.")
    ] = ()
    files: Annotated[Listed[ExtractFile], Field(validation_alias="file", description="Its files.")] = ()

    @model_validator(mode="before")
    @classmethod
    def _full(cls, raw: Any) -> Any:
        """Name the signals in full and the folder, of whatever can be read."""
        service = raw.get("service") if isinstance(raw, dict) else None
        if not isinstance(service, str):
            return raw
        rows = raw.get("signal")
        signals = [_in_full(row, service) for row in rows] if isinstance(rows, list) else rows
        return {"folder": service, **raw} | ({"signal": signals} if rows is not None else {})

    @model_validator(mode="after")
    def _places_come_in_full(self) -> Self:
        kinds = {record.kind for file in self.files for record in file.records}
        if self.deliveries == "incremental" and (self.format == "canonical" or "place" in kinds):
            raise broken(
                "is incremental, of canonical tables or places", "Let them come whole: full.", key="deliveries"
            )
        return self

    @model_validator(mode="after")
    def _answers_for_its_restriction(self) -> Self:
        if self.restriction.strip() and not self.disabled and not self.restriction_met.strip():
            remedy = "Name the record that answers for it in `restriction_met`, or write disabled = true."
            raise broken("has a restriction that nobody answered for", remedy, key="restriction", forbidden=True)
        return self

    @model_validator(mode="after")
    def _asks_for_each_file(self) -> Self:
        for file in self.files:
            if bool(file.query) != self.is_asked:
                remedy = "Give each of its files a `query`, and a source with queries a [source.connection]."
                raise broken(f"has the file {file.name!r} whose query and connection do not go together", remedy)
            if file.cursor and (file.cursor not in file.columns or self.deliveries != "incremental"):
                remedy = 'Name a column of the file, and write deliveries = "incremental".'
                raise broken(f"has the file {file.name!r} whose cursor does not fit", remedy)
        return self

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal_mark == self.thousands_mark:
            raise broken("is the decimal mark too", "Leave `thousands_mark` out, or correct it.", key="thousands_mark")
        return self

    @model_validator(mode="after")
    def _own_signals(self) -> Self:
        for signal in self.signals:
            if signal.name.split(".", 1)[0] != self.service:
                raise broken(f"has the signal {signal.name!r}, which is not of this service", "Name it `service.kind`.")
        return self

    @property
    def left_open(self) -> tuple[str, ...]:
        """What its row does not say of all that a data-sharing register should, by key, in the row's order."""
        shown_to = not (self.bears_people and self.display) or "details_to" in self.model_fields_set
        said: Mapping[str, object] = {
            "contact": self.contact.strip(),
            "conditions": self.conditions,
            "purposes": self.purposes,
            "arrival_lag_days": "arrival_lag_days" in self.model_fields_set,
            "promised_lag_days": self.promised_lag_days,
            "retention_years": self.retention_years,
            "review_by": self.review_by,
            "assessment": self.assessment.strip(),
            "details_to": shown_to,
        }
        return tuple(key for key, value in said.items() if not value)

    @property
    def is_asked(self) -> bool:
        """Whether each file is asked for by its query; a folder elsewhere has files."""
        return self.connection is not None and not isinstance(self.connection, FolderConnection)

    @property
    def bears_people(self) -> bool:
        """Whether it records people at all: a gazetteer does not."""
        return bool(self.signals) or any(record.kind != "place" for file in self.files for record in file.records)


def _in_full(row: Any, service: str) -> Any:
    name = row.get("name") if isinstance(row, dict) else None
    return {**row, "name": f"{service}.{name}"} if isinstance(name, str) and name and "." not in name else row


class Check(MarkedRow):
    """A question that other services may ask under a purpose of its own: which of them, and why they may."""

    identity = "purpose"

    purpose: Annotated[
        str, OneOf(CHECKS), Field(description="The purpose that it is asked for.", examples=["residence_check"])
    ]
    title: Annotated[Text, Field(description="The question.", examples=["Is this person resident at this address?"])]
    asked_by: Annotated[
        Listed[str], Field(description="The services that may ask.", examples=[["parking", "libraries"]])
    ]
    roles: Annotated[
        Listed[Annotated[str, RefersTo("role", "charter.toml")]],
        Field(
            description="The roles whose people may ask it, signed in themselves; left out: all that may ask at all.",
            examples=[["desk"]],
        ),
    ] = ()
    told_no: Annotated[
        Listed[str] | None,
        Field(
            description="The services and roles that are told no; all others hear that it can't be told. Left out: "
            "whoever may ask.",
            examples=[["school_admissions"]],
        ),
    ] = None
    ages: Annotated[
        Listed[Annotated[int, Field(ge=1, le=120)]],
        Field(description="Of an age_check, the ages that may be asked about.", examples=[[18]]),
    ] = ()
    signals: Annotated[
        Listed[str],
        Field(
            description="Of an entitlement_check, the signals that say so while they are open.",
            examples=[["council_tax.support"]],
        ),
    ] = ()
    basis: _Basis
    conditions: _Conditions = ()
    gateway: _Gateway = ""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if (self.purpose == AGE) != bool(self.ages):
            raise broken("asks about no age" if not self.ages else "asks about ages for another purpose",
                         "Write `ages` of an age_check alone.", key="ages")  # fmt: skip
        if (self.purpose == ENTITLEMENT) != bool(self.signals):
            raise broken("asks about nothing" if not self.signals else "names signals for another purpose",
                         "Write `signals` of an entitlement_check alone.", key="signals")  # fmt: skip
        return self

    def tells_no(self, name: str) -> bool:
        """Whether a service, or a role, is told no."""
        return self.told_no is None or name in self.told_no


def _each_signal_once(sources: Sequence[Source]) -> Sequence[Source]:
    names = [signal.name for source in sources for signal in source.signals]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise broken(f"names the signal {twice!r} twice", "Keep one of the two rows.")
    return sources


class Register(File):
    """The register as read; `sha256` is that of the file."""

    heading = "The data-sharing register"
    signed_by = "Nobody signs it here: whoever answers for a source agrees its row, and every matrix names its sha256."

    sources: Annotated[
        Listed[Source],
        AfterValidator(_each_signal_once),
        Field(validation_alias="source", min_length=1, description="One row for each delivery of a service."),
    ]
    checks: Annotated[Listed[Check], Field(validation_alias="check", description="What other services may ask.")] = ()
    complete: Annotated[
        bool,
        Field(
            description="Whether a row that leaves open who answers for it, its conditions, delays, review, assessment "
            "or who is shown what is refused; rows marked `example`, and disabled ones, are still to be filled.",
            examples=[True],
        ),
    ] = False

    @model_validator(mode="after")
    def _leaves_nothing_open(self) -> Self:
        rows = [source for source in self.enabled if source.left_open and not source.example and self.complete]
        if rows:
            others = f"; {len(rows) - 1} more leave something open" if len(rows) > 1 else ""
            raise broken(
                f"is true, and the row of {rows[0].service!r} leaves open {', '.join(rows[0].left_open)}{others}",
                "Let whoever answers for the source say it, or write disabled = true in the row.",
                key="complete",
                forbidden=True,
            )
        return self

    @classmethod
    def load(cls, path: Path, roles: Collection[str] | None = None) -> Register:
        """Read `register.toml`; raise DataError for its slips, CharterError where a basis is missing.

        `roles` are the ids that `details_to` may name; where they are not given, any may stand there.
        """
        return cls.read(path, None if roles is None else {"role": roles})

    @cached_property
    def _by_service(self) -> Mapping[str, Source]:
        return {source.service: source for source in self.sources}

    @cached_property
    def enabled(self) -> tuple[Source, ...]:
        """The sources that are pulled, in the register's order."""
        return tuple(source for source in self.sources if not source.disabled)

    @cached_property
    def _by_signal(self) -> Mapping[str, Signal]:
        return {signal.name: signal for source in self.sources for signal in source.signals}

    def source(self, service: str) -> Source:
        """Return the row of `service`; raise CharterError for one that is not in the register."""
        if service not in self._by_service:
            raise CharterError(
                f"the register has no source {service!r}.", f"Choose one of: {', '.join(sorted(self._by_service))}."
            )
        return self._by_service[service]

    def signal(self, name: str) -> Signal:
        """Return the signal `service.kind`; raise CharterError for one that no source declares."""
        if name not in self._by_signal:
            raise CharterError(
                f"no source of the register declares the signal {name!r}.",
                "Add a [[source.signal]] row to register.toml, or use a declared one.",
            )
        return self._by_signal[name]

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """All declared signals, in the register's order."""
        return tuple(self._by_signal.values())

    def check(self, purpose: str) -> Check:
        """Return the check of a purpose; raise CharterError where the register has none."""
        for check in self.checks:
            if check.purpose == purpose:
                return check
        raise CharterError(
            f"the register has no check for the purpose {purpose}.",
            "Agree it and add a [[check]] row to register.toml.",
        )

    def permits(self, service: str, purpose: str) -> bool:
        """Whether the lawful basis of `service` covers `purpose`; an unknown or disabled one permits none."""
        source = self._by_service.get(service)
        return source is not None and not source.disabled and purpose in source.purposes

    def consent_based(self, service: str) -> bool:
        """Whether `service` may be used for a person only with that person's consent."""
        return service in self._by_service and self._by_service[service].basis == _CONSENT
