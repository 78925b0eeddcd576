"""How old a reader must be for a text: the Automated Readability Index, which counts letters and words, no syllables.

grade = 4.71 letters / words + 0.5 words / sentences - 21.43        Smith and Senter, 1967 (AMRL-TR-66-220)
age   = grade + 5                                                    a grade of 7 is read at 12
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["measure_reading_age"]

_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")


def measure_reading_age(blocks: Sequence[str]) -> float:
    """Return the reading age of paragraphs and headings, in years; each block ends a sentence, with a stop or without.

    A colon and a semicolon end none. Numbers are words, as they are to a reader. Raises ZeroDivisionError for no words.
    """
    sentences = [part for block in blocks for part in re.split(r"(?<=[.?!])\s+", block) if _WORD.search(part)]
    words = [word for sentence in sentences for word in _WORD.findall(sentence)]
    letters = sum(len(re.sub(r"[\W_]", "", word)) for word in words)
    return 4.71 * letters / len(words) + 0.5 * len(words) / len(sentences) - 21.43 + 5
