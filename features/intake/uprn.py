"""A Unique Property Reference Number has a form: 1 to 12 digits. What has another is no home, and never hashed as one.

    100023336958       100023336958
    000100023336958    100023336958    leading zeros are padding
    100023336958.0     100023336958    written by a spreadsheet, and nothing is lost
    1.00023E+11        no form         a spreadsheet has lost digits: strangers would share it
    0, UNKNOWN, NULL   no address      what services write where they know none

Source: GeoPlace's definition of the UPRN, an integer of at most 12 digits.
"""

from __future__ import annotations

from features.intake.database import quote_text

__all__ = ["has_no_form", "is_no_address", "read_uprn"]

_FORM = "0*[1-9][0-9]{0,11}([.]0+)?"
_PLACEHOLDERS = (
    "unknown", "not known", "notknown", "n/k", "nk", "null", "none", "nan", "n/a", "na", "nfa", "tbc", "x", "-", ".",
    "no uprn", "not recorded", "missing",
)  # fmt: skip
_ONE_DIGIT = "0+([.]0+)?|1{8,}|2{8,}|3{8,}|4{8,}|5{8,}|6{8,}|7{8,}|8{8,}|9{8,}"


def read_uprn(uprn: str) -> str:
    """Return SQL for the UPRN without padding, or null where the text is none."""
    padding = "'^0+|[.]0+$'"
    whole = f"regexp_full_match({uprn}, {quote_text(_FORM)}) and not ({is_no_address(uprn)})"
    return f"case when {whole} then regexp_replace({uprn}, {padding}, '', 'g') end"


def is_no_address(uprn: str) -> str:
    """Return SQL that is true where a service says in its way that it knows no UPRN; null counts."""
    words = ", ".join(quote_text(word) for word in _PLACEHOLDERS)
    return (
        f"coalesce(trim({uprn}) = '' or lower(trim({uprn})) in ({words}) "
        f"or regexp_full_match({uprn}, {quote_text(_ONE_DIGIT)}), true)"
    )


def has_no_form(uprn: str) -> str:
    """Return SQL that is true where something is written that is neither a UPRN nor a word for none."""
    return f"{read_uprn(uprn)} is null and not ({is_no_address(uprn)})"
