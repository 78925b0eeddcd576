"""The rules a row must keep, by id; what breaks one is quarantined, never silently dropped."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LONGEST_TEXT", "MESSAGES", "TOLERANCE_OF"]

LONGEST_TEXT = 4_000
"""How many characters a cell may have: no name, address or code has so many, and a free text has no place in a feed."""

MESSAGES: Mapping[str, str] = {
    "value.type": "The value is not of the column's type.",
    "value.error": "A spreadsheet left an error, or a formula without its result, in place of the value.",
    "id.form": "A spreadsheet cut the digits of the id (1.23E+11): nobody can tell whose it is.",
    "value.range": "The date is before 1850 (register: `earliest`) or after 2200.",
    "value.control": "The text holds a control character, or one that was lost when the file was saved.",
    "value.long": f"The text is longer than {LONGEST_TEXT:,} characters.",
    "id.long": "The id is longer than 32 bytes.",
    "key.missing": "A column of the key is empty.",
    "key.duplicate": "Another row has the same key and version.",
    "key.placeholder": "The key says that there is none, or is one that everybody is given.",
    "key.form": "The key is not of its form, or its check letter or digit is wrong.",
    "uprn.form": "The UPRN is not 1 to 12 digits; a spreadsheet may have changed it.",
    "reference.missing": "The row names no person.",
    "time.missing": "The row does not say when it happened or began.",
    "time.known_before_valid": "The row was known before it happened.",
    "time.end_before_start": "The row ends before it begins.",
    "time.future": "The row happened, or was known, after the delivery was received.",
    "person.dates": "The person was born after the delivery was received, or died before they were born.",
    "area.unknown": "The area is not one of the council's, nor an LSOA code of 2021.",
    "detail.unknown": "The code is not on the signal's stated list.",
    "code.unknown": "The word is not one that the contract allows.",
}
"""What each rule says, in words that hold no value of any row; a cause stands before what follows from it."""

TOLERANCE_OF: Mapping[str, str] = {
    "key.duplicate": "duplicate_key",
    "time.known_before_valid": "known_before_valid",
}
"""Which tolerance of the register applies to a rule; all others count towards `bad_value`."""
