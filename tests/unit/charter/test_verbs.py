"""What all verbs share where the machine gives up: one sentence each, and what was there is unchanged."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from charter.errors import DataError, UsageError
from charter.verbs import Verbs
from charter.voice import Voice


def run_raising(error: BaseException) -> BaseException | None:
    """Run a verb that raises `error`, and return what comes out of it."""
    verbs = Verbs("A room.")

    @verbs.add("try", example="sooner try", opens=False)
    def attempt(voice: Voice) -> None:
        """Try something."""
        voice.say("It begins.")
        raise error

    return CliRunner().invoke(verbs, ["try"]).exception


def test_a_file_that_cannot_be_written_is_named_without_its_folder() -> None:
    raised = run_raising(OSError(errno.EACCES, os.strerror(errno.EACCES), "/secret/place/list.json"))
    assert isinstance(raised, DataError)
    assert raised.message == (
        "the machine could not do it: Permission denied (list.json); what was there before is unchanged."
    )
    nameless = run_raising(OSError("the cable was pulled"))
    assert isinstance(nameless, DataError)
    assert "the cable was pulled; what was there" in nameless.message


def test_a_full_disk_is_said_whichever_library_met_it() -> None:
    raised = run_raising(sqlite3.OperationalError("database or disk is full"))
    assert isinstance(raised, DataError)
    assert raised.message.startswith("there is no room left on the disk")
    assert isinstance(raised.__cause__, sqlite3.OperationalError)


def test_our_own_errors_and_bugs_come_out_as_they_are_and_who_reads_no_further_is_told_nothing() -> None:
    for error in (UsageError("no such thing.", "Name another."), KeyError("bug")):
        assert run_raising(error) is error
    assert not isinstance(run_raising(BrokenPipeError(errno.EPIPE, "gone")), DataError)


@pytest.fixture
def group() -> Verbs:
    """Give a list of verbs under one name, of which none is the default."""
    verbs = Verbs("A room.")
    for name in ("see", "hear"):
        verbs.add(name, example=f"sooner room {name}", opens=False)(lambda voice: voice.report({}, "done"))
    return verbs


def test_a_name_without_a_verb_shows_what_there_is_and_leaves_as_a_wrong_use(group: Verbs) -> None:
    shown = CliRunner().invoke(group, [])
    assert shown.exit_code == UsageError.exit_code
    assert "see" in shown.stderr
    assert shown.stdout == ""
    assert CliRunner().invoke(group, ["see"]).stdout == "done\n"
    assert CliRunner().invoke(group, ["--help"]).exit_code == 0


def test_the_default_verb_is_the_one_that_options_alone_mean() -> None:
    verbs = Verbs("A room.", default="see")

    @verbs.add("see", example="sooner room --loud", opens=False)
    def see(voice: Voice, loud: bool = False) -> None:
        """See something."""
        voice.report({}, f"loud: {loud}")

    assert CliRunner().invoke(verbs, ["--loud"]).stdout == "loud: True\n"
    assert CliRunner().invoke(verbs, []).stdout == "loud: False\n"


def test_verbs_under_one_name_are_listed_with_what_makes_the_command(group: Verbs) -> None:
    verbs = Verbs("The house.")
    verbs.add_verbs("room", group, under="look")
    listed = verbs.listed["room"]
    assert (listed.name, listed.heading, listed.verbs) == ("room", "look", group.listed)
    assert sorted(listed.make().commands) == ["hear", "see"]
    assert verbs.listed["room"].verbs["see"].make().name == "see"
