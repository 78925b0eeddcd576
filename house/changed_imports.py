"""Gives Python another text of a module as it is imported, in every process of a test run; no file is touched.

    SOONER_CHANGED=FILE      {"path": "charter/rules/gate.py", "source": "..."}: this module, with one wrong change
    SOONER_REACHED=FOLDER    each statement of the product's functions notes its line when it runs; a process leaves
                             what it noted in the folder when it ends (one that is killed leaves nothing)

    PYTHONPATH=.:house/mutated SOONER_CHANGED=FILE python -m pytest ...

Compiled functions are left as they are while lines are noted: a note inside them would not compile.
"""

from __future__ import annotations

import ast
import atexit
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["leave_reached", "start_changing", "take_reached"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("charter", "features", "training", "fairness_reports", "serving", "sooner")

_NOTE = "__reached__"
_reached: set[tuple[str, int]] = set()


def start_changing() -> None:
    """Import the product's modules changed, or noting what runs of them, from here on."""
    import builtins

    changed = {}
    if "SOONER_CHANGED" in os.environ:
        wrong = json.loads(Path(os.environ["SOONER_CHANGED"]).read_text(encoding="utf-8"))
        changed[wrong["path"]] = wrong["source"]
    if "SOONER_REACHED" in os.environ:
        setattr(builtins, _NOTE, _reached.add)
        atexit.register(leave_reached, Path(os.environ["SOONER_REACHED"]))
    sys.meta_path.insert(0, _Finder(changed, noting="SOONER_REACHED" in os.environ))


def take_reached() -> set[tuple[str, int]]:
    """Return the lines that this process noted since it was last asked."""
    lines = set(_reached)
    _reached.clear()
    return lines


def leave_reached(folder: Path) -> None:
    """Leave in `folder` what this process noted."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{os.getpid()}"
    beside.write_text(json.dumps(sorted(take_reached())), encoding="utf-8")
    beside.rename(folder / f"{os.getpid()}.json")


class _Finder:
    """Python's own finder, with another loader for the product's modules."""

    def __init__(self, changed: dict[str, str], *, noting: bool) -> None:
        self._changed = changed
        self._noting = noting

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in PACKAGES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not spec.origin or not spec.origin.startswith(f"{ROOT}/"):
            return None
        module = spec.origin.removeprefix(f"{ROOT}/")
        if module in self._changed or (self._noting and module.endswith(".py")):
            spec.loader = _Loader(name, spec.origin, self._changed.get(module), module if self._noting else "")
        return spec


class _Loader(SourceFileLoader):
    """Compiles a changed text, or one with notes, and leaves no compiled file behind."""

    def __init__(self, name: str, origin: str, source: str | None, noted_as: str) -> None:
        super().__init__(name, origin)
        self._source = source
        self._noted_as = noted_as

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the name is importlib's to give
        text = Path(self.path).read_text(encoding="utf-8") if self._source is None else self._source
        tree = ast.parse(text)
        if self._noted_as and "njit" not in text:
            tree = ast.fix_missing_locations(_Notes(self._noted_as).visit(tree))
        return compile(tree, self.path, "exec", dont_inherit=True)


class _Notes(ast.NodeTransformer):
    """Puts a note before each statement of a function, a docstring and declarations left out."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def _visit_function(self, node: ast.AST) -> ast.AST:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._inside:
            for name in ("body", "orelse", "finalbody"):
                statements = getattr(node, name, None)
                if isinstance(statements, list):
                    setattr(node, name, list(self._with_notes(statements)))
        return node

    def _with_notes(self, statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for number, statement in enumerate(statements):
            value = statement.value if isinstance(statement, ast.Expr) else None
            is_docstring = not number and isinstance(value, ast.Constant) and isinstance(value.value, str)
            if not is_docstring and not isinstance(statement, ast.Global | ast.Nonlocal):
                place = ast.Tuple([ast.Constant(self._module), ast.Constant(statement.lineno)], ast.Load())
                note = ast.Expr(ast.Call(ast.Name(_NOTE, ast.Load()), [place], []))
                yield ast.copy_location(note, statement)
            yield statement
