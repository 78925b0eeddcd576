"""Identifiers have forms: what fails its form, says that there is none, or is everybody's is no key at all.

    upn         letter, three digits of an authority, nine more; the letter is a check. A temporary one ends in a letter
    nhs_number  ten digits, the last a check (modulus 11)
    uln         ten digits, the last a check (weights 10 to 2); 9999999999 is one not yet given
    nino        two letters, six digits, A to D; TN and some other pairs are never given
    a pattern   a council's own, as a regular expression that the whole must match

Sources: DfE, Unique pupil numbers: guide; NHS Data Dictionary, NHS number; Learning Records Service, ULN; HMRC,
National Insurance manual 39110.
"""

from __future__ import annotations

from features.intake.database import quote_text

__all__ = ["FORMS", "breaks_form", "fold_key", "is_no_key", "looks_like_upn"]

FORMS = ("upn", "nhs_number", "uln", "nino")
NO_KEYS = (
    "UN1", "UN2", "UN3", "UN4", "UN5", "UN6", "UN7", "UNKNOWN", "UNK", "NOTKNOWN", "NOTRECORDED", "NK", "NA", "NONE",
    "NULL", "NAN", "NIL", "TBC", "TBA", "PENDING", "MISSING", "TEMP", "TEMPORARY", "TEST", "X", "XX", "XXX",
    "1234567890",
    "0123456789", "123456789", "12345678", "1234567", "123456", "12345",
)  # fmt: skip
"""DfE: UN1 to UN7 say why a child has no UPN; the rest is typed where a number must be."""
_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_UPN = "[A-Z][0-9]{11}[0-9A-Z]"
_NINO = "(?:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])[0-9]{6}[A-D]"
_NEVER_GIVEN = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def fold_key(key: str) -> str:
    """Return SQL for a key in capitals without blanks and marks; `.0` that a spreadsheet added is taken off."""
    return (
        f"nullif(upper(regexp_replace(regexp_replace({key}, '^([0-9]+)[.]0+$', '\\1'), '[^0-9A-Za-z]', '', 'g')), '')"
    )


def is_no_key(key: str) -> str:
    """Return SQL that is true where a folded key is a word for none, or one character over and over."""
    words = ", ".join(map(quote_text, NO_KEYS))
    return f"coalesce({key} in ({words}) or replace({key}, left({key}, 1), '') = '', false)"


def looks_like_upn(key: str) -> str:
    """Return SQL that is true where a folded key is written as a UPN is, right or wrong."""
    return f"regexp_full_match({key}, {quote_text(_UPN)})"


def breaks_form(key: str, form: str) -> str:
    """Return SQL that is true where a folded key is not of the form: one of FORMS, or a pattern."""
    if form == "upn":
        return f"not coalesce({looks_like_upn(key)} and {_has_check_letter(key)}, false)"
    if form == "nhs_number":
        rest = f"(11 - ({_weigh_digits(key, range(10, 1, -1))}) % 11) % 11"
        return f"not coalesce(regexp_full_match({key}, '[0-9]{{10}}') and {rest} = {_digit(key, 10)}, false)"
    if form == "uln":
        rest = f"10 - ({_weigh_digits(key, range(10, 1, -1))}) % 11"
        return f"not coalesce(regexp_full_match({key}, '[0-9]{{10}}') and {rest} = {_digit(key, 10)}, false)"
    if form == "nino":
        never = ", ".join(map(quote_text, _NEVER_GIVEN))
        return f"not coalesce(regexp_full_match({key}, {quote_text(_NINO)}) and left({key}, 2) not in ({never}), false)"
    return f"not coalesce(regexp_full_match({key}, {quote_text(form)}), false)"


def _digit(key: str, place: int) -> str:
    return f"try_cast(substr({key}, {place}, 1) as integer)"


def _weigh_digits(key: str, weights: range) -> str:
    return " + ".join(f"{weight} * {_digit(key, place)}" for place, weight in enumerate(weights, start=1))


def _has_check_letter(key: str) -> str:
    """Return SQL: the first letter is that of the sum of places times digits; a last letter has its own value."""
    last = f"coalesce({_digit(key, 13)}, strpos({quote_text(_LETTERS)}, substr({key}, 13, 1)) - 1)"
    total = " + ".join(f"{place} * {_digit(key, place)}" for place in range(2, 13))
    return f"substr({quote_text(_LETTERS)}, ({total} + 13 * {last}) % 23 + 1, 1) = left({key}, 1)"
