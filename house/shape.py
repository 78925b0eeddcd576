"""`python -m house.shape`: the code's shape in figures, each beside its goal, as docs/explanation/house.md shows it.

What drifts unnoticed is measured: how long modules and functions are, how much one must know to call a function, and
whether a name can be searched. Read are the packages that the wheel carries, migrations left out, as syntax trees; so
a figure is of the code as it stands, and anybody can draw it again. A goal that is missed is shown as missed.
tests/unit/house/test_shape.py holds what is met, and lets what is missed get no worse (house/limits.toml).

    one-word name        a function or method without an underscore inside its name; dunder methods are left out
    participle local     a local variable called `found`, `made`, `one`, `own`, ...: what happened, not what it is
    parameter            any but `self` and `cls`, those after `*` too; a verb of the command line is left out, because
                         each is an option with its own help
    renamed on import    a name of ours, imported under another one
    same name in reach   a module called like another one that its room may import; each room has its own `commands`
                         and `forget`
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Figure", "House", "as_markdown", "figures_of", "house_at", "limits", "list_modules"]

ROOT = Path(__file__).resolve().parents[1]
LIMITS = Path(__file__).with_name("limits.toml")

# fmt: off
PARTICIPLES = frozenset((
    "asked", "done", "drawn", "found", "given", "held", "kept", "known", "left", "listed",
    "made", "named", "one", "own", "read", "said", "seen", "shown", "taken", "told",
))
# fmt: on
LAYERS = (("training", "fairness_reports", "serving", "borough"), ("features",), ("charter",))
"""Which rooms see which: each those below it, never one beside it. `sooner` only mounts them."""

_IN_EVERY_ROOM = frozenset({"__init__", "__main__", "commands", "forget"})


@dataclass(frozen=True)
class Function:
    """A function or method: where it is, how long, how many parameters, and the names of its local variables."""

    module: str
    name: str
    lines: int
    parameters: int
    is_verb: bool
    stored: frozenset[str]

    @property
    def one_word(self) -> bool:
        """Whether its name is one word."""
        return "_" not in self.name.strip("_")

    @property
    def place(self) -> str:
        """Where it is, for a reader."""
        return f"`{self.name}` in {self.module}"


@dataclass(frozen=True)
class Module:
    """A module: its path, how long, its functions, and the names of ours that it imports under another one."""

    path: str
    lines: int
    functions: tuple[Function, ...]
    renamed: tuple[str, ...]

    @property
    def room(self) -> str:
        """The room it is in."""
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def name(self) -> str:
        """Its own name."""
        return Path(self.path).stem


@dataclass(frozen=True)
class House:
    """All modules of the packages that the wheel carries."""

    modules: tuple[Module, ...]

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function and method."""
        return tuple(function for module in self.modules for function in module.functions)

    @cached_property
    def rooms(self) -> Mapping[str, tuple[Module, ...]]:
        """The modules of each room."""
        rooms: dict[str, list[Module]] = defaultdict(list)
        for module in self.modules:
            rooms[module.room].append(module)
        return {room: tuple(modules) for room, modules in sorted(rooms.items())}

    def same_names(self) -> Iterator[tuple[str, str]]:
        """Give each pair of modules of one name of which a room sees both."""
        for number, layer in enumerate(LAYERS):
            below = [
                module for deeper in LAYERS[number + 1 :] for room in deeper for module in self.rooms.get(room, ())
            ]
            for room in layer:
                inside = self.rooms.get(room, ())
                for place, module in enumerate(inside):
                    for other in (*inside[place + 1 :], *below):
                        if module.name == other.name and module.name not in _IN_EVERY_ROOM:
                            yield module.path, other.path


@dataclass(frozen=True)
class Figure:
    """One figure of the shape: its value, the goal that it must stay under (None: shown alone), where it is worst."""

    id: str
    title: str
    value: float
    unit: str = ""
    under: float | None = None
    worst: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is met; a figure without one always is."""
        return self.under is None or self.value < self.under

    def said(self, value: float) -> str:
        """Return a value with its unit; a share is whole, but within 2 of its goal one decimal tells."""
        if self.unit != "%":
            return f"{value:,.0f}"
        close = self.under is not None and value != self.under and abs(value - self.under) < 2
        return f"{value:.{1 if close else 0}f} %"


def house_at(root: Path = ROOT) -> House:
    """Read the packages that pyproject.toml in `root` puts into the wheel."""
    rooms = frozenset(name.removesuffix(".py") for name in _included(root))
    return House(tuple(_module(path, path.relative_to(root).as_posix(), rooms) for path in list_modules(root)))


def list_modules(root: Path = ROOT) -> list[Path]:
    """Return the modules of the packages that the wheel carries, migrations left out, in order of their paths."""
    paths = [
        path
        for name in _included(root)
        for path in ([root / name] if name.endswith(".py") else (root / name).rglob("*.py"))
    ]
    return sorted(path for path in paths if "migrations" not in path.parts)


def _included(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])


def _module(path: Path, name: str, rooms: frozenset[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = tuple(
        _function(node, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__")
    )
    return Module(name, len(text.splitlines()), functions, tuple(_renamed(tree, rooms)))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, module: str) -> Function:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    stored = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    return Function(
        module=module,
        name=node.name,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        parameters=sum(argument.arg not in {"self", "cls"} for argument in every),
        is_verb=any(_is_verb(decorator) for decorator in node.decorator_list),
        stored=frozenset(stored),
    )


def _is_verb(decorator: ast.expr) -> bool:
    """Whether a decorator makes a verb: `@verbs.add(...)` or typer's own `@verbs.command(...)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (
        isinstance(called, ast.Attribute)
        and called.attr in {"add", "command"}
        and isinstance(called.value, ast.Name)
        and called.value.id.endswith(("verbs", "app"))
    )


def _renamed(tree: ast.Module, rooms: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in rooms:
            yield from (
                f"{alias.name} as {alias.asname}" for alias in node.names if alias.asname not in {None, alias.name}
            )
        elif isinstance(node, ast.Import):
            yield from (
                f"{alias.name} as {alias.asname}"
                for alias in node.names
                if alias.asname and alias.name.split(".")[0] in rooms
            )


def figures_of(house: House) -> tuple[Figure, ...]:
    """Measure a house; goals are the project's own (docs/explanation/house.md says why)."""
    functions, modules = house.functions, house.modules
    plain = [function for function in functions if not function.is_verb]
    longest = max(functions, key=lambda function: function.lines)
    largest = max(modules, key=lambda module: module.lines)
    widest = max(plain, key=lambda function: function.parameters)
    renamed = [f"{name} in {module.path}" for module in modules for name in module.renamed]
    folder, most = Counter(module.path.rpartition("/")[0] for module in modules).most_common(1)[0]
    twins = list(house.same_names())
    module_lines = [module.lines for module in modules]
    function_lines = [function.lines for function in functions]
    return (
        Figure("module_lines_median", "Lines of a module, median", _quantile(module_lines, 50)),
        Figure("module_lines_p90", "Lines of a module, nine of ten at most", _quantile(module_lines, 90)),
        Figure("module_lines_most", "Lines of the longest module", largest.lines, worst=largest.path),
        Figure("function_lines_median", "Lines of a function, median", _quantile(function_lines, 50)),
        Figure("function_lines_p90", "Lines of a function, nine of ten at most", _quantile(function_lines, 90)),
        Figure("function_lines_most", "Lines of the longest function", longest.lines, worst=longest.place),
        Figure("modules_in_a_folder", "Modules in a folder, most", most, under=25, worst=f"{folder}/"),
        Figure(
            "same_names",
            "Modules of one name in a room's reach",
            len(twins),
            under=1,
            worst=_first(map(" and ".join, twins)),
        ),
        Figure("one_word_functions", "Function names of one word", one_word_share(functions), "%", 45),
        Figure("participle_locals", "Locals that are a participle or pronoun", participle_share(functions), "%", 2),
        Figure("renamed_imports", "Names of ours renamed on import", len(renamed), under=5, worst=_first(renamed)),
        Figure("over_8_parameters", "Functions of over 8 parameters", _over(plain, 8), under=10),
        Figure(
            "over_12_parameters",
            "Functions of over 12 parameters",
            _over(plain, 12),
            under=1,
            worst=f"{widest.place}: {widest.parameters}",
        ),
    )


def one_word_share(functions: Sequence[Function]) -> float:
    """Return of a hundred functions how many have a name of one word."""
    return 100 * sum(function.one_word for function in functions) / max(len(functions), 1)


def participle_share(functions: Sequence[Function]) -> float:
    """Return of a hundred names that functions store into, each counted once a function, how many are participles."""
    stored = sum(len(function.stored) for function in functions)
    return 100 * sum(len(function.stored & PARTICIPLES) for function in functions) / max(stored, 1)


def _over(functions: Sequence[Function], number: int) -> int:
    return sum(function.parameters > number for function in functions)


def _quantile(values: Sequence[int], percent: int) -> int:
    """Return the smallest value that `percent` of a hundred values do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]


def _first(names: Iterator[str] | Sequence[str]) -> str:
    return next(iter(names), "")


def limits(path: Path = LIMITS) -> Mapping[str, float]:
    """Read how bad each figure that misses its goal may be: it was so bad when it was last written down."""
    return {name: float(value) for name, value in tomllib.loads(path.read_text(encoding="utf-8"))["at_most"].items()}


def as_markdown(house: House) -> str:
    """Return the two tables of docs/explanation/house.md: all figures, and what varies by room."""
    lines = ["| figure | now | goal | | where most |", "|---|--:|--:|---|---|"]
    for figure in figures_of(house):
        goal = "" if figure.under is None else f"under {figure.said(figure.under)}" if figure.under > 1 else "none"
        verdict = "" if figure.under is None else "met" if figure.met else "**missed**"
        lines.append(f"| {figure.title} | {figure.said(figure.value)} | {goal} | {verdict} | {figure.worst} |")
    lines += ["", "| room | modules | one-word names | participle locals | longest function |", "|---|--:|--:|--:|--:|"]
    for room, modules in house.rooms.items():
        functions = [function for module in modules for function in module.functions]
        longest = max((function.lines for function in functions), default=0)
        shares = f"{one_word_share(functions):.0f} % | {participle_share(functions):.0f} %"
        lines.append(f"| {room} | {len(modules)} | {shares} | {longest} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the tables; leave with 1 where a figure is worse than house/limits.toml lets it be."""
    house = house_at()
    print(as_markdown(house), end="")
    worse = [figure for figure in figures_of(house) if not figure.met and figure.value > limits().get(figure.id, 0)]
    for figure in worse:
        print(f"{figure.title}: {figure.said(figure.value)} is worse than {LIMITS.name} allows.", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
