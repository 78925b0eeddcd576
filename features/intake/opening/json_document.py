"""A JSON document as rows: each object under one key is a row, with what the objects around it say beside it.

    {"Children": [                                       element = "social_care_episodes" gives a row of
      {"la_child_id": "C1",                              Children_la_child_id    C1
       "child_details": {"sex": "F"},                    child_details_sex       F
       "social_care_episodes": [
         {"referral_date": "2024-10-24",                 referral_date           2024-10-24
          "factors": ["1C", "6B"]}]}]}                   factors                 1C 6B

The rules are those of XML (features.intake.opening.xml_rows): what stands in a row must be declared, of what stands
around it declared columns alone are taken. A key that is there twice, a list of both objects and values, and a document
deeper than 40 objects are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from charter.errors import DataError
from features.intake.opening.json_lines import parse_json
from features.intake.opening.text_rows import FetchedRows, write_cell
from features.intake.opening.xml_rows import Element, read_elements

__all__ = ["read_json_document"]

_DEEPEST = 40
_LARGEST = 1 << 30


def read_json_document(
    stream: BinaryIO, name: str, where: str, element: str, declared: Sequence[str]
) -> tuple[FetchedRows, list[int], int]:
    """Return the rows that objects under a key are, the number of each in place of a line, and 0.

    Raises DataError for what is no whole JSON, or has no such shape.
    """
    if not element:
        raise DataError(
            f"{where} is a JSON document.",
            'Say in register.toml under which key an object is a row: element = "social_care_episodes".',
        )
    content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise DataError(f"{where} is larger than a gigabyte.", "Ask for it in parts.")
    root = Element("", 0)
    numbers = iter(range(1, len(content) + 2))
    root.children.extend(_read_value("", parse_json(content.removeprefix(b"\xef\xbb\xbf"), where), where, numbers, 0))
    return read_elements(root, name, where, element, declared)


def _read_value(tag: str, value: Any, where: str, numbers: Iterator[int], depth: int) -> Iterator[Element]:
    """Yield what a key says: an element for each object of a list, one for an object, a leaf for values."""
    if depth > _DEEPEST:
        raise DataError(f"{where}: its objects lie too deep in each other.", "Ask the service what it is.")
    if isinstance(value, dict):
        made = Element(tag, next(numbers))
        for key, part in value.items():
            made.children.extend(_read_value(key, part, where, numbers, depth + 1))
        yield made
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        if not all(isinstance(part, dict) for part in value):
            raise DataError(f"{where}: a list of it holds both objects and values.", "Ask for a corrected file.")
        for part in value:
            yield from _read_value(tag, part, where, numbers, depth + 1)
    elif isinstance(value, list):
        yield Element(tag, next(numbers), " ".join(write_cell(part, where) for part in value))
    else:
        yield Element(tag, next(numbers), write_cell(value, where))
