"""What only people know for the pages that residents read: `public.toml`, a file that a council may have.

    site, door, phone, post   where the pages are, where their forms go, and how else to reach somebody
    own_page_days             for how many days a code opens one person's released copy at the door
    groups_asked              groups that families may name when asked how contact was
    [[help]]                  how to ask for help oneself, which never goes through a list
    [[format]]                the pages in another form: a language, sign language, easy read, sound
    [[use]]                   each use of data, in plain words, with the charter's principles that it is held to
    [[promise]]               what the council promised, by when, and what shows that it was kept
    [[recommendation]]        what a residents' panel said, and what became of it
    [[question]]              what a panel asked, and the answer
    [[pledge]]                partners who signed up to the charter
    [[data_request]]          data that somebody asked to have published, and the answer
    [[month]]                 complaints and breaches, month by month

A council without the file has pages that say what is not known yet.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.council.connections import require_address
from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken

__all__ = [
    "ANSWERS",
    "DATA_ANSWERS",
    "FORMATS",
    "RECORDS_SHOWN",
    "DataRequest",
    "Format",
    "HelpWay",
    "Month",
    "Pledge",
    "Promise",
    "PublicFile",
    "PublicQuestion",
    "PublicUse",
    "Recommendation",
]

FORMATS = ("language", "sign language", "easy read", "audio", "large print")
ANSWERS = ("open", "accepted", "partly accepted", "not accepted")
DATA_ANSWERS = ("open", "published", "partly published", "not published")
RECORDS_SHOWN = ("register", "transparency", "data_protection", "equality", "annual_report", "site")
"""What `sooner publish` makes, and a promise can point to: it is kept while that is there and in date."""

_FILE = "public.toml"


def _address(text: str) -> str:
    return require_address(text) if text else text


_Address = Annotated[str, AfterValidator(_address)]


class HelpWay(MarkedRow):
    """A way to ask for help oneself; nobody who asks is put through a list."""

    title: Annotated[PlainText, Field(min_length=1, description="Whom one asks.", examples=["Family help line"])]
    how: Annotated[
        PlainText,
        Field(min_length=1, description="How, in a sentence.", examples=["Ring 01632 960300, Monday to Friday."]),
    ]


class Format(MarkedRow):
    """The pages in another form: a file that the council had made, below its folder."""

    title: Annotated[Text, Field(description="What a reader of that form calls it.", examples=["Polski"])]
    kind: Annotated[str, OneOf(FORMATS), Field(description="Which kind of form.", examples=["language"])]
    language: Annotated[
        str,
        Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="Its language (BCP 47).", examples=["pl"]),
    ] = "en"
    file: Annotated[
        str,
        Field(description="The file, below the council's folder; empty: not made yet.", examples=["public/pl.html"]),
    ] = ""

    @model_validator(mode="after")
    def _below_the_folder(self) -> Self:
        if self.file and (self.file.startswith("/") or ".." in self.file.split("/")):
            raise broken("is not below the council's folder", "Write its name alone.", key="file")
        return self


class PublicUse(MarkedRow):
    """One use of data in plain words, with the principles that it is held to."""

    identity = "id"

    id: Annotated[
        str,
        RefersTo("use", "the council's programmes and the checks of register.toml"),
        Field(min_length=1, description="A programme, or the purpose of a [[check]].", examples=["early_help"]),
    ]
    title: Annotated[
        PlainText, Field(min_length=1, description="What residents call it.", examples=["Offering help early"])
    ]
    why: Annotated[
        PlainText,
        Field(
            min_length=1,
            description="Why the council does it, in a sentence or two.",
            examples=["So that help comes while ordinary help is still enough."],
        ),
    ]
    principles: Annotated[
        Listed[Annotated[str, RefersTo("principle", "charter.toml")]],
        Field(min_length=1, description="The charter's promises that it is held to.", examples=[["public_good"]]),
    ]


class Promise(MarkedRow):
    """What the council promised, by when, and what shows that it was kept."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["panel_each_year"])]
    principle: Annotated[
        str,
        RefersTo("principle", "charter.toml"),
        Field(description="The principle that it serves.", examples=["accountability"]),
    ]
    text: Annotated[
        PlainText,
        Field(min_length=1, description="The promise.", examples=["A residents' panel meets every year."]),
    ]
    due: Annotated[
        date | None, Field(description="By when; none: it holds at all times.", examples=[date(2027, 3, 31)])
    ] = None
    kept_on: Annotated[date | None, Field(description="When it was last kept.", examples=[date(2026, 6, 20)])] = None
    months: Annotated[
        int, Field(ge=0, le=120, description="It must be kept again within so many months; 0: once.", examples=[12])
    ] = 0
    evidence: Annotated[
        PlainText, Field(description="The minute or page that shows it.", examples=["Minutes of 20 June 2026"])
    ] = ""
    record: Annotated[
        str,
        OneOf(("", *RECORDS_SHOWN)),
        Field(description="What `sooner publish` makes that keeps it; then no day is written.", examples=["register"]),
    ] = ""

    @model_validator(mode="after")
    def _shown(self) -> Self:
        if self.kept_on is not None and not self.evidence.strip():
            raise broken("is said to be kept and nothing shows it", "Name the minute or page.", key="evidence")
        if self.record and self.kept_on is not None:
            raise broken("is kept by a record and has a day too", "Leave the day out.", key="kept_on")
        return self


class Recommendation(MarkedRow):
    """What a residents' panel said, and what the council did."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["easy_read_first"])]
    on: Annotated[date, Field(description="When the panel said it.", examples=[date(2026, 6, 20)])]
    said: Annotated[
        PlainText, Field(min_length=1, description="You said.", examples=["Every letter has an easy-read side."])
    ]
    answer: Annotated[str, OneOf(ANSWERS), Field(description="What the council answered.", examples=["accepted"])] = (
        "open"
    )
    did: Annotated[PlainText, Field(description="We did, or why not.", examples=["Letters have one since July."])] = ""
    done_on: Annotated[date | None, Field(description="When it was done.", examples=[date(2026, 7, 15)])] = None

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.answer != "open" and not self.did.strip():
            raise broken("is answered without a word of what was done, or why not", "Write `did`.", key="did")
        return self


class PublicQuestion(MarkedRow):
    """What a panel asked, and the answer that everybody can read."""

    on: Annotated[date, Field(description="When it was asked.", examples=[date(2026, 6, 20)])]
    asked: Annotated[PlainText, Field(min_length=1, description="The question.", examples=["Who sees the list?"])]
    answered_on: Annotated[date | None, Field(description="When it was answered.", examples=[date(2026, 6, 29)])] = None
    answer: Annotated[PlainText, Field(description="The answer.", examples=["The help team of your ward alone."])] = ""


class Pledge(MarkedRow):
    """A partner who signed up to the charter."""

    partner: Annotated[Text, Field(description="Who.", examples=["Fernhill Food Bank"])]
    charter_version: Annotated[Text, Field(description="Which version of the charter.", examples=["2026-1"])]
    on: Annotated[date, Field(description="When.", examples=[date(2026, 5, 11)])]


class DataRequest(MarkedRow):
    """Data that somebody asked to have published, and the answer that everybody can read; never who asked."""

    on: Annotated[date, Field(description="When it was asked.", examples=[date(2026, 6, 20)])]
    asked: Annotated[
        PlainText, Field(min_length=1, description="Which data.", examples=["Offers of help made, by month."])
    ]
    answer: Annotated[
        str, OneOf(DATA_ANSWERS), Field(description="What the council answered.", examples=["published"])
    ] = "open"
    why: Annotated[
        PlainText,
        Field(description="Why, or what of it can't be published.", examples=["Counts under six are hidden."]),
    ] = ""
    answered_on: Annotated[date | None, Field(description="When it was answered.", examples=[date(2026, 7, 6)])] = None
    link: Annotated[
        _Address, Field(description="Where it is, if it was published.", examples=["https://www.fernhill.example/data"])
    ] = ""

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.answer != "open" and not (self.why.strip() and self.answered_on):
            raise broken("is answered without a reason or a day", "Write `why` and `answered_on`.", key="why")
        if self.answered_on and self.answered_on < self.on:
            raise broken("is answered before it was asked", "Write a later day.", key="answered_on")
        return self


class Month(MarkedRow):
    """Complaints about data and breaches of a month, as the council counted them."""

    month: Annotated[date, Field(description="The month's first day.", examples=[date(2026, 6, 1)])]
    complaints: Annotated[int, Field(ge=0, description="Complaints about data.", examples=[3])]
    breaches: Annotated[int, Field(ge=0, description="Breaches of personal data.", examples=[0])]

    @model_validator(mode="after")
    def _first_day(self) -> Self:
        if self.month.day != 1:
            raise broken("is no first day of a month", "Write it like 2026-06-01.", key="month")
        return self


class PublicFile(File):
    """All of public.toml; an absent file says nothing."""

    heading = "What only people know for the pages that residents read"
    signed_by = "Nobody signs it: whoever answers for each line keeps it true."

    site: Annotated[
        _Address,
        Field(description="The public address of the pages; posters and letters show it as a QR code.",
              examples=["https://www.fernhill.example/your-data"]),
    ] = ""  # fmt: skip
    door: Annotated[
        _Address,
        Field(description="The service's public address, which takes the forms; none: pages name phone and post alone.",
              examples=["https://sooner.fernhill.example"]),
    ] = ""  # fmt: skip
    phone: Annotated[str, Field(description="Where residents can ring about data.", examples=["01632 960300"])] = ""
    post: Annotated[str, Field(description="Where they can write to.", examples=["Data team, Town Hall, Fernhill"])] = (
        ""
    )
    own_page_days: Annotated[
        int,
        Field(ge=0, le=31, description="For how many days a code opens a released copy as a page; 0: on paper alone.",
              examples=[14]),
    ] = 0  # fmt: skip
    groups_asked: Annotated[
        Listed[Text],
        Field(description="Groups that families may name when asked whether contact was all right; none: not asked.",
              examples=[["Asian", "Black", "Mixed", "White", "Another group"]]),
    ] = ()  # fmt: skip
    help_ways: Annotated[
        Listed[HelpWay], Field(validation_alias="help", description="How to ask for help oneself.")
    ] = ()
    formats: Annotated[Listed[Format], Field(validation_alias="format", description="The pages in another form.")] = ()
    uses: Annotated[Listed[PublicUse], Field(validation_alias="use", description="Each use of data.")] = ()
    promises: Annotated[Listed[Promise], Field(validation_alias="promise", description="What was promised.")] = ()
    recommendations: Annotated[
        Listed[Recommendation], Field(validation_alias="recommendation", description="What residents' panels said.")
    ] = ()
    questions: Annotated[
        Listed[PublicQuestion], Field(validation_alias="question", description="What a panel asked.")
    ] = ()
    pledges: Annotated[Listed[Pledge], Field(validation_alias="pledge", description="Partners who signed up.")] = ()
    data_requests: Annotated[
        Listed[DataRequest], Field(validation_alias="data_request", description="Data that somebody asked for.")
    ] = ()
    months: Annotated[Listed[Month], Field(validation_alias="month", description="Complaints and breaches.")] = ()

    @classmethod
    def load(cls, folder: Path, uses: Collection[str], principles: Collection[str]) -> PublicFile:
        """Read the public.toml of a council's folder, if there is one; raise DataError with every slip in it.

        `uses` and `principles` are the ids that its rows may name.
        """
        path = folder / _FILE
        return cls.read(path, {"use": uses, "principle": principles}) if path.exists() else cls()

    def describe_use(self, use: str) -> PublicUse | None:
        """Return what is said of a use of data; None where nobody wrote it."""
        return next((row for row in self.uses if row.id == use), None)
