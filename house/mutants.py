"""Small wrong changes of the product's code, one at a time: what a test run must notice.

mutmut's operators make them: a comparison turned, a number one higher, an argument left out or None, a text changed.
Two things differ from its own run. Functions with a decorator are changed too: every fifth of charter's has one.
And a text with a space in it stays as it is: what sentences say is held by tests of their own, by the figures in them.

    mutant = make_mutant("charter/rules/choice_margin.py", 7)
    mutant.line, mutant.change, mutant.source      where, what, and the whole module with it

Nothing is written into the tree: house/mutated gives the changed text to Python as the module is imported.
"""

from __future__ import annotations

import ast
import difflib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

__all__ = ["Mutant", "count_mutants", "make_mutant"]

ROOT = Path(__file__).resolve().parents[1]

_STRUCTURE = {"__getattribute__", "__setattr__", "__new__"}


@dataclass(frozen=True)
class Mutant:
    """One wrong change of one module."""

    path: str
    number: int
    """Which change of the module, in the order that the operators make them."""
    line: int
    """Where the changed words begin."""
    source: str
    """The module's text with the change."""
    text: str
    """The module's text."""

    @property
    def change(self) -> str:
        """The changed lines, before and after."""
        lines = difflib.unified_diff(self.text.splitlines(), self.source.splitlines(), n=0, lineterm="")
        kept = (line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"})
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in kept)

    @property
    def is_different(self) -> bool:
        """Whether the changed text is Python, and means something else."""
        try:
            return ast.dump(ast.parse(self.source)) != ast.dump(ast.parse(self.text))
        except SyntaxError:
            return False


def count_mutants(path: str, root: Path = ROOT) -> int:
    """Return how many changes a module has, those that mean nothing among them."""
    _, visitor, _ = _find_changes((root / path).read_text(encoding="utf-8"))
    return len(visitor.places)


def make_mutant(path: str, number: int, root: Path = ROOT) -> Mutant:
    """Return a module's change of this number, in the order that the operators make them."""
    text = (root / path).read_text(encoding="utf-8")
    module, visitor, starts = _find_changes(text)
    line, place = visitor.places[number]
    start = starts[place.start.line - 1] + place.start.column
    end = starts[place.end.line - 1] + place.end.column
    words = module.code_for_node(visitor.mutations[number].mutated_node)
    return Mutant(path, number, line, text[:start] + words + text[end:], text)


def _find_changes(text: str) -> tuple[libcst.Module, _Changes, list[int]]:
    """Return the parsed module, its changes, and where each line of its text starts."""
    visitor = _Changes(mutation_operators, IgnoredCode(set(), set(), set()))
    module = MetadataWrapper(libcst.parse_module(text)).visit(visitor)
    starts = [0, *itertools.accumulate(len(line) for line in text.splitlines(keepends=True))]
    return module, visitor, starts


class _Changes(MutationVisitor):  # type: ignore[misc]
    """Collects changes with the line that each begins at, and the span of text that it replaces."""

    METADATA_DEPENDENCIES = (*MutationVisitor.METADATA_DEPENDENCIES, WhitespaceInclusivePositionProvider)

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.places: list[tuple[int, CodeRange]] = []

    def _create_mutations(self, node: libcst.CSTNode) -> None:
        super()._create_mutations(node)
        added = len(self.mutations) - len(self.places)
        if added:
            line = self.get_metadata(PositionProvider, node).start.line
            self.places += [(line, self.get_metadata(WhitespaceInclusivePositionProvider, node))] * added

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.FunctionDef):
            return node.name.value in _STRUCTURE
        if isinstance(node, libcst.SimpleString):
            return " " in node.value
        if isinstance(node, libcst.Assign):
            name = node.targets[0].target
            if isinstance(name, libcst.Name) and name.value == "__all__":
                return True
        return bool(super()._skip_node_and_children(node))
