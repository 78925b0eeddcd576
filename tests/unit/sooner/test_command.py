"""The command line as a whole: help under headings, examples that parse, old spellings, plain text, completion."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import sooner
from charter.contracts.files import writer_lock
from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.verbs import HEADINGS, Verbs
from sooner.command import list_verbs, make_command
from sooner.old_spellings import respell

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sooner", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """Give every verb as it is typed, those under another's name too."""
    for verb in list_verbs():
        command: Any = verb.make()
        yield verb.name, command
        yield from ((f"{verb.name} {name}", below) for name, below in getattr(command, "commands", {}).items())


COMMANDS = dict(every_command())


def parse(line: str) -> str:
    """Parse a command line as `sooner` does, and run nothing; return the verb that it would run."""
    program, *words = shlex.split(line)
    assert program == "sooner"
    command: Any = make_command()
    context, names = command.make_context("sooner", words), []
    while hasattr(context.command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        names.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(names)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_verbs_help_ends_with_an_example_that_parses(name: str) -> None:
    command = COMMANDS[name]
    context = command.make_context(name, [], resilient_parsing=True)
    example = command.get_help(context).rstrip().splitlines()[-1].strip()
    assert example.startswith(f"sooner {name.split()[0]}")
    assert parse(example).startswith(name.removesuffix(" run").removesuffix(" candidate"))


def test_the_parser_of_examples_refuses_what_the_command_refuses() -> None:
    assert parse("sooner audit --run r1") == "audit run"
    assert parse("sooner resident show --through housing --reference x") == "resident show"
    for wrong in ("sooner rank --as-of soon", "sooner audit tabel", "sooner link decide", "sooner clean --kept 3"):
        with pytest.raises(typer.TyperException):
            parse(wrong)


def test_every_verb_stands_under_one_heading_of_the_help() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    sections = re.split(r"^(\S.*):$", ran.stdout, flags=re.MULTILINE)
    texts = zip(sections[1::2], sections[2::2], strict=True)
    listed = {title: re.findall(r"^  ([a-z][a-z-]*)  ", text, re.MULTILINE) for title, text in texts}
    assert [title for title in listed if title != "Options"] == [HEADINGS[key] for key in HEADINGS]
    assert sorted(name for names in listed.values() for name in names) == sorted(verb.name for verb in list_verbs())
    names = [verb.name for verb in list_verbs()]
    assert len(names) == len(set(names))


def test_alone_it_prints_its_help_and_leaves_as_a_wrong_use() -> None:
    for words in ([], ["resident"]):
        ran = run(*words)
        assert ran.returncode == 2
        assert ran.stdout == ""
        assert "Usage: sooner" in ran.stderr


def test_it_says_its_version_and_its_commit() -> None:
    ran = run("--version")
    assert ran.returncode == 0
    assert re.fullmatch(r"sooner \d+\.\d+\.\d+( \(commit [0-9a-f]{12}\+?\))?\n", ran.stdout)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert head.stdout[:12] in ran.stdout


def test_brackets_in_help_and_messages_are_read_by_people_not_by_a_terminal_library() -> None:
    text = " ".join(run("train", "--help").stdout.split())
    assert "within the budget of [search]" in text
    ran = run("pull", "--programme", "[bold]x[/bold]")
    assert ran.returncode == 2
    assert "'[bold]x[/bold]'" in ran.stderr
    told = subprocess.run(
        [sys.executable, "-c", "from charter.voice import Voice; Voice().say('see [search] :house: [red]')"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stderr == "see [search] :house: [red]\n"


@pytest.mark.parametrize(
    ("old", "now", "verb"),
    [
        ("audit --live --quiet", "audit live --quiet", "audit live"),
        ("audit --plan", "audit plan", "audit plan"),
        ("audit --run r1 --compare ethnicity", "audit compare --run r1 ethnicity", "audit compare"),
        ("audit --compare=ethnicity", "audit compare ethnicity", "audit compare"),
        ("audit --scores t.csv --group sex --workspace w", "audit table t.csv --group sex", "audit table"),
        ("promote --live --workspace w", "promote live --workspace w", "promote live"),
        ("promote --rollback", "promote rollback", "promote rollback"),
        ("link --review --top 3", "link review --top 3", "link review"),
        ("link --review --of p1 --role dpo", "link review --of p1 --role dpo", "link review"),
        ("link --decide a-b=same --decide c-d=same", "link decide a-b=same c-d=same", "link decide"),
        ("rank --print north --workspace w", "print-list north --workspace w", "print-list"),
        ("suspend --role dpo --resume s1", "resume --role dpo s1", "resume"),
        ("resident --through h --reference x export", "resident export --through h --reference x", "resident export"),
    ],
)  # fmt: skip
def test_an_old_spelling_still_works_and_says_what_it_is_now(old: str, now: str, verb: str) -> None:
    words, note = respell(old.split())
    assert " ".join(words) == now
    assert f"is now `sooner {verb}" in note
    assert parse(f"sooner {now}") == verb


@pytest.mark.parametrize(
    "now", ["audit", "audit run --run r1", "rank --refresh", "resident show --through h", "sign --demo", ""]
)
def test_what_is_typed_as_it_is_now_is_left_alone(now: str) -> None:
    assert respell(now.split()) == (now.split(), "")


def test_the_note_is_one_line_of_standard_error(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("score,part\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(300)))
    words = [str(table), "--score", "score", "--group", "part", "--capacity", "50", "--json"]
    old, now = run("audit", "--scores", *words), run("audit", "table", *words)
    assert (old.returncode, now.returncode) == (0, 0)
    old_findings, findings = json.loads(old.stdout), json.loads(now.stdout)
    assert findings["findings"]
    assert old_findings["findings"] == findings["findings"]
    assert now.stderr == ""
    assert old.stderr == "sooner: `sooner audit --scores ...` is now `sooner audit table`.\n"


def test_a_table_after_audit_is_told_its_verb() -> None:
    ran = run("audit", "scored.csv", "--score", "score")
    assert (ran.returncode, ran.stdout) == (UsageError.exit_code, "")
    assert "next: A table of scores is audited by `sooner audit table FILE`." in ran.stderr
    assert "See `sooner --help`" in run("audit", "tabel").stderr


def test_the_shell_completes_verbs_and_their_options() -> None:
    def complete(line: str) -> list[str]:
        ran = run(_SOONER_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
        return ran.stdout.split()

    assert complete("sooner ver") == ["verify-log"]
    assert complete("sooner audit ta") == ["table"]
    assert "--as-of" in complete("sooner rank --a")
    assert "complete -o default -F" in run(_SOONER_COMPLETE="source_bash").stdout


def test_a_verb_opens_its_invocation_and_holds_the_lock_only_where_it_says_so(tmp_path: Path) -> None:
    verbs = Verbs("A test's own.")

    @verbs.add("write", example="sooner write", locks=True)
    def write(invocation: Invocation) -> None:
        invocation.report({"root": str(invocation.workspace.root)}, "written")

    @verbs.add("look", example="sooner look")
    def look(invocation: Invocation, fail: bool = False) -> None:
        if fail:
            raise PermissionError(13, "Permission denied", "secret/notes.txt")
        invocation.report({}, invocation.programme)

    where = ["--workspace", str(tmp_path), "--programme", "homelessness"]
    assert '"root"' in CliRunner().invoke(verbs, ["write", *where, "--json"]).stdout
    with writer_lock(tmp_path):
        assert isinstance(CliRunner().invoke(verbs, ["write", *where]).exception, DataError)
        assert CliRunner().invoke(verbs, ["look", *where]).stdout == "homelessness\n"
    assert CliRunner().invoke(verbs, ["look", *where, "--quiet"]).stdout == ""
    refused = CliRunner().invoke(verbs, ["look", "--fail", *where]).exception
    assert isinstance(refused, DataError)
    assert "Permission denied (notes.txt)" in refused.message


def test_where_nobody_reads_on_it_says_nothing() -> None:
    script = f"{shlex.quote(sys.executable)} -m sooner doctor --json | (exec 0<&-; sleep 3)"
    ran = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stderr == ""


def test_main_leaves_with_the_code_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["sooner", "trian"])
    with contextlib.redirect_stderr(told), pytest.raises(SystemExit) as left:
        sooner.main()
    assert left.value.code == 2
    assert "Did you mean 'trial', 'train'" in told.getvalue()
