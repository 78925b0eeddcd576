"""What the council calls its services, records and pieces of data: a paper for people has no code for any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charter.council.register import Register
from features.grammar.words import name_piece

__all__ = ["CouncilWords"]

_CODE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9_]*)?\b")


@dataclass(frozen=True)
class CouncilWords:
    """The register's titles by service and by signal (`service.kind`), and each feature's words by its name."""

    services: Mapping[str, str]
    signals: Mapping[str, str]
    pieces: Mapping[str, str]

    @classmethod
    def of(cls, register: Register, definition: Mapping[str, Any]) -> CouncilWords:
        """Collect the words of the register and of `definition.json`."""
        return cls(
            {source.service: source.title for source in register.sources},
            {signal.name: signal.title for signal in register.signals},
            {feature["name"]: name_piece(feature) for feature in definition["features"]},
        )

    def name(self, component: object) -> str:
        """Return what a finding's component is called; one that the council has no word for, with spaces."""
        code = str(component)
        for words in (self.pieces, self.signals, self.services):
            if code in words:
                return words[code]
        return code.replace(".", ": ").replace("_", " ")

    def put_into(self, text: str) -> str:
        """Return a sentence with the council's words in place of names of features and signals."""

        def word(match: re.Match[str]) -> str:
            code = match.group()
            title = self.signals.get(code) or (self.pieces.get(code) if "_" in code else None)
            return f"\u201c{title}\u201d" if title else code

        return _CODE.sub(word, text)
