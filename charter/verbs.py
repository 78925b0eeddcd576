"""What every verb of every room has in common: options, an opened invocation, the writer lock, errors, and help.

A room's `commands.py` lists its verbs, and says of each only what is its own:

    verbs = Verbs("What was known, when.")

    @verbs.add("pull", under="run", example="sooner pull --extracts deliveries", locks=True)
    def pull(invocation: Invocation, extracts: Extracts = None) -> None:
        '''Read every source of the register into a dated snapshot.'''

The decorated function stays as it is, so other modules call it with an invocation. What typer is given is a function
with the options `--council`, `--programme`, `--workspace`, `--json` and `--quiet` besides its own. Nothing heavy is
imported here, because every start of `sooner` waits for it.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from charter.errors import DataError, SoonerError, UsageError

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["HEADINGS", "Heading", "Verb", "VerbGroup", "Verbs"]

Heading = Literal["start", "look", "decide", "run", "rights", "look after"]
"""What one wants to do; `sooner --help` lists the verbs under it."""

HEADINGS: Mapping[Heading, str] = {
    "start": "Start",
    "run": "Run, from extracts to worklist",
    "look": "Look",
    "decide": "Decide, in a role",
    "rights": "Rights of residents",
    "look after": "Look after",
}

_Function = TypeVar("_Function", bound=Callable[..., None])

_SPEAKING: Mapping[str, tuple[Any, Any]] = {
    "as_json": (Annotated[bool, typer.Option("--json", help="Print the result as JSON, for a script.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")], False),
}
_OPENING: Mapping[str, tuple[Any, Any]] = {
    "council": (
        Annotated[
            Path | None,
            typer.Option(
                "--council", help="The council's folder; by default the one a demo left in the workspace, or council."
            ),
        ],
        None,
    ),
    "programme": (
        Annotated[str, typer.Option("--programme", help="The programme; by default the only or first one.")],
        "",
    ),
    "workspace": (Annotated[Path, typer.Option("--workspace", help="Where results are left.")], Path("workspace")),
}


@dataclass(frozen=True)
class Verb:
    """A verb, or a group of verbs, as the help lists it; `make` gives the command, when somebody asks for it.

    `way` is the way out (charter.rules.showing) by which it shows a household, '' where it shows none. `verbs` are
    those under its name.
    """

    name: str
    heading: Heading
    summary: str
    make: Callable[[], TyperCommand | TyperGroup]
    way: str = ""
    verbs: Mapping[str, Verb] = field(default_factory=dict)


class VerbGroup(TyperGroup):
    """Verbs under one name. Where there is a default verb, `sooner audit --run X` is `sooner audit run --run X`."""

    default: ClassVar[str] = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default verb where no verb was typed; where there is none, show the help and leave with 2."""
        bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        if self.default and bare and not ctx.resilient_parsing:
            args = [self.default, *args]
        elif not args and not ctx.resilient_parsing:
            print(ctx.get_help(), file=sys.stderr)
            raise typer.Exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs with the whole first paragraph of their help: a sentence that ends in dots says nothing."""
        commands = [self.commands[name] for name in self.list_commands(ctx)]
        with formatter.section("Verbs"):
            formatter.write_dl([(command.name, _first_paragraph(command.help or "")) for command in commands])


class Verbs(typer.Typer):
    """The verbs of a room, or those under one name: then `default` is the verb that the name alone stands for."""

    def __init__(self, summary: str, *, default: str = "", example: str = "") -> None:
        super().__init__(
            help=summary,
            epilog=_as_epilog(example) if example else None,
            cls=type("VerbGroup", (VerbGroup,), {"default": default}),
            add_completion=False,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
        )
        self.callback()(lambda: None)  # so that one verb alone is a group of one
        self.listed: dict[str, Verb] = {}

    def add(
        self,
        name: str,
        *,
        example: str,
        under: Heading = "run",
        locks: bool = False,
        opens: bool = True,
        way: str = "",
        shared: bool = False,
    ) -> Callable[[_Function], _Function]:
        """Make a function a verb: its first parameter is the Invocation, the others are its own options.

        With `locks` the workspace's writer lock is held while it runs. Without `opens` it needs no council and no
        workspace, and is given a Voice instead. `example` is one whole command line; its help ends with it. `way` is
        the way out by which it shows a household: it asks charter.rules.showing whether it may. A verb under "run" is
        refused once its programme was closed; one that is `shared` makes what all programmes use, until all are.
        """
        asks_open = opens and (under == "run" or way == "rows")

        def decorate(function: _Function) -> _Function:
            text = inspect.getdoc(function) or ""
            called = partial(_run_open, function, shared=shared) if asks_open else function
            self.command(name, help=text, epilog=_as_epilog(example))(
                _callback(function, called, locks=locks, opens=opens)
            )
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            alone.registered_commands.append(self.registered_commands[-1])
            self.listed[name] = Verb(name, under, _first_paragraph(text), partial(_command_of, alone), way)
            return function

        return decorate

    def add_verbs(self, name: str, verbs: Verbs, *, under: Heading = "run") -> None:
        """Add the verbs of another list under one name."""
        self.add_typer(verbs, name=name)
        self.listed[name] = Verb(name, under, str(verbs.info.help), partial(_command_of, verbs), verbs=verbs.listed)


def _as_epilog(example: str) -> str:
    return f"\b\nExample:\n  {example}"


def _command_of(app: typer.Typer) -> Any:
    return typer.main.get_command(app)


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def _run_open(function: Callable[..., None], invocation: Invocation, *, shared: bool, **options: Any) -> None:
    """Run a verb's function, unless its programme was closed."""
    from charter.signing.closures import require_open

    require_open(invocation.workspace, shared=shared)
    function(invocation, **options)


def _callback(
    function: Callable[..., None], called: Callable[..., None], *, locks: bool, opens: bool
) -> Callable[..., None]:
    """Return what typer calls: it opens the invocation, takes the lock, runs `called` and maps its errors."""

    def run_verb(as_json: bool, quiet: bool, **options: Any) -> None:
        with _errors_of_the_machine():
            if not opens:
                from charter.voice import Voice

                called(Voice(as_json=as_json, quiet=quiet), **options)
                return
            from charter.contracts.files import writer_lock
            from charter.invocation import Invocation

            council, programme, workspace = (options.pop(name) for name in _OPENING)
            invocation = Invocation.open(council, programme, workspace, as_json, quiet)
            if not locks:
                called(invocation, **options)
                return
            with writer_lock(invocation.workspace.root):
                called(invocation, **options)

    run_verb.__signature__ = _signature(function, opens=opens)  # type: ignore[attr-defined]  # what inspect reads
    run_verb.__annotations__ = {}
    return run_verb


def _signature(function: Callable[..., None], *, opens: bool) -> inspect.Signature:
    """Return the parameters that typer reads: the function's own, without its first, and the common ones."""
    first, *own = inspect.signature(function).parameters.values()
    # The first one's type is imported by a room only for its type checker: it would cost every start its time.
    types = typing.get_type_hints(function, localns={str(first.annotation): object}, include_extras=True)
    common = {**(_OPENING if opens else {}), **_SPEAKING}
    return inspect.Signature(
        [parameter.replace(annotation=types[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        + [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in common.items()
        ]
    )


@contextmanager
def _errors_of_the_machine() -> Iterator[None]:
    """Turn what the machine could not do into a sentence; each library says in its own way that a disk is full."""
    try:
        yield
    except (SoonerError, BrokenPipeError):  # typer leaves quietly where nobody reads on, as in `sooner ... | head`
        raise
    except OSError as error:
        what = f" ({Path(error.filename).name})" if error.filename else ""
        sentence = f"the machine could not do it: {error.strerror or error}{what}; what was there before is unchanged."
        raise DataError(sentence, "Make room or mend the permissions, then run it again.") from error
    except Exception as error:
        from charter.machine.disk import is_full

        if not is_full(error):
            raise
        sentence = "there is no room left on the disk; what was there before is unchanged."
        raise DataError(sentence, "Make room, then run it again.") from error
