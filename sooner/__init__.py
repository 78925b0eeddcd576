"""The `sooner` command: mounts each room's verbs; `run`, `demo` and `doctor` only put them in order.

Exit codes: 0 done, 2 usage, 10 definition, 11 data, 12 charter or permission, 13 blocked, 14 sign-off missing or
expired, 15 referred to the board; 130 stopped by Ctrl-C, as in every shell.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["main"]

# Quiet, offline and pickle-free, whoever runs it and however.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "BENTOML_DO_NOT_TRACK": "True",
}

_STOPPED = 130
_TABLES = (".csv", ".parquet", ".xlsx", ".gz", ".zip")
_NOT_HERE = 11
"""As for a full disk: the machine can't do it as it is."""


def main() -> None:
    """Run the command line; print one clear sentence and leave with its exit code when something is refused."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    stops: list[int] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        code = _answer(sys.argv[1:])
    except Exception:
        # A library may turn Ctrl-C into an error of its own, as DuckDB does.
        if not stops:
            raise
        code = _STOPPED
    # What is done is done: a Ctrl-C while Python tidies up changes nothing any more.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == _STOPPED:
        _refuse("stopped before the end; what was there before is unchanged.", "Run it again.", code)
        # Where the interrupt came through an exec of text (a library being imported), Python remembers it and dies of
        # the signal instead of leaving with our code; so leave at once.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _leave_nothing_unsaid()
    sys.exit(code)


def _leave_nothing_unsaid() -> None:
    """Write what is still to be written; where nobody reads on (`sooner ... | head`), that is no error of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends; it must find somebody who takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _answer(words: list[str]) -> int:
    """Run the command line and return its exit code; what is refused on purpose has been said by then."""
    # Here and not above: an interrupt while a library is imported is an interrupt of the command.
    try:
        if clash := _find_clash():
            return _refuse(*clash, code=_NOT_HERE)
        import typer

        from charter.errors import SoonerError, UsageError
        from charter.machine.private_files import keep_files_private
        from sooner.command import make_command
        from sooner.old_spellings import respell

        keep_files_private()
        line, note = respell(words)
        if note:
            print(f"sooner: {note}", file=sys.stderr)
        try:
            code = make_command().main(line, prog_name="sooner", standalone_mode=False)
        except SoonerError as error:
            return _refuse(error.message, error.next_step, error.exit_code)
        except typer.Abort:
            return _STOPPED
        except typer.TyperException as error:
            hint = "See `sooner --help`, or `sooner VERB --help`."
            if line[:1] == ["audit"] and line[1:] and line[1].lower().endswith(_TABLES):
                hint = "A table of scores is audited by `sooner audit table FILE`."
            return _refuse(error.format_message(), hint, UsageError.exit_code)
    except KeyboardInterrupt:
        return _STOPPED
    return code if isinstance(code, int) else 0


def _find_clash() -> tuple[str, str] | None:
    """Return what to say where another's package stands in for one of ours; `charter` finds all but itself."""
    own = Path(__file__).resolve().parent.parent
    try:
        import charter
    except ImportError as error:
        sentence, _, step = str(error).partition("\n  next: ")
        return sentence, step
    if Path(charter.__file__).resolve().parent.parent == own:
        return None
    sentence = f"another distribution's `charter` ({Path(charter.__file__).parent}) comes before Sooner's own."
    return sentence, "Install Sooner in an environment of its own (python3 -m venv), or take it off PYTHONPATH."


def _refuse(sentence: str, next_step: str, code: int) -> int:
    # Here and not above, as an import may be what was interrupted; where it can't be had nothing of ours is quoted.
    lines = [f"sooner: {sentence}", f"  next: {next_step}"][: 2 if next_step else 1]
    with suppress(ImportError):
        from charter.plain_text import clean_text

        lines = [clean_text(line) for line in lines]
    print(*lines, sep="\n", file=sys.stderr)
    return code
