"""The council of a made-up borough: the shipped one, with teams, places and lists for as many homes as there are.

    homes      teams   families a year   a team's places   its lists
    3,000      1       30                0.58 a week       every four weeks, 2 families
    10,000     1       100               1.92              every four weeks, 7
    30,000     4       300               1.44              every four weeks, 5
    110,000    4       1,100             5.29              every week, 5

Rates and where they come from: `[help]` of borough.toml. It is left in the workspace, where every verb finds it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from borough.rates import Rates
from charter.contracts.files import new_folder
from charter.council.council import Council, Team
from charter.invocation import Invocation, shipped_council
from charter.starting.toml_rows import toml_value, write_row

__all__ = ["size_council", "write_sized_council"]

_SIGN_IN = "sign_in.toml"
_WEEKS_A_YEAR = 365.25 / 7
_SPARSE = 4
"""Weeks between the lists of a team whose places of one week are too few to look at."""

_RATES: Mapping[str, str] = {"early_help": "families", "homelessness": "tenancies"}
"""The rate of borough.toml that says how many households each programme's teams help."""

_HEADING = """\
# The fictional borough's council, for {homes:,} homes: made by `sooner demo` or `synth`, made again by the next one.
# Teams, places and lists follow the size (`[help]` of borough/borough.toml says from where); the rest is as shipped.
"""


def size_council(invocation: Invocation, homes: int) -> Invocation:
    """Return the invocation with a council for so many homes, left in the workspace; somebody's own stays theirs.

    Own is a council that was named with --council, and one in `council` that is not the shipped one.
    """
    shipped, sized = shipped_council(), invocation.workspace.council
    if invocation.named or invocation.council.folder.resolve() not in (shipped.resolve(), sized.resolve()):
        return invocation
    write_sized_council(Council.load(shipped), homes, sized)
    where = invocation.workspace
    opened = Invocation.open(sized, invocation.programme, where.root, invocation.as_json, invocation.quiet)
    teams, lists = opened.council.teams, opened.settings.worklist.list.days // 7
    capacity = sum(opened.settings.capacity(opened.council, Rates.load().last_day).values())
    often = "each week" if lists == 1 else f"every {lists} weeks"
    invocation.say(f"  council  {sized}/: {len(teams)} team{'s' * (len(teams) > 1)}, {capacity} places {often}")
    return opened


def write_sized_council(shipped: Council, homes: int, folder: Path) -> None:
    """Write a copy of the `shipped` council into `folder`, in place of an earlier one, for a borough of so many homes.

    `shipped` has the teams of every programme.
    """
    rates = Rates.load()
    teams, weeks = [], {}
    for programme in shipped.programmes:
        serving = [team for team in shipped.teams if programme in team.programmes]
        if homes < rates.of("help", "one_team_below") and len(serving) > 1:
            serving = [_merge_teams(serving)]
        yearly = rates.of("help", _RATES[programme]) * homes / 10_000
        # A list has one place at the least, however few homes there are.
        places = max(round(yearly / _WEEKS_A_YEAR / len(serving), 2), 1 / _SPARSE)
        weeks[programme] = 1 if places >= rates.of("help", "worth_a_list") else _SPARSE
        teams += [_give_places(team, places) for team in serving]
    council = shipped.model_copy(update={"teams": tuple(teams)})
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as beside:
        # No provider signs made-up people in, and the teams of the shipped sign_in.toml may not be these.
        left = shutil.ignore_patterns("__pycache__", _SIGN_IN)
        shutil.copytree(shipped.folder, beside, dirs_exist_ok=True, ignore=left)
        for path in (
            beside,
            *beside.rglob("*"),
        ):  # a copy keeps the modes of what was installed; a workspace is its owner's alone
            path.chmod(0o700 if path.is_dir() else 0o600)
        (beside / "council.toml").write_text("\n".join(_council_lines(council, homes)), encoding="utf-8")
        for programme, apart in weeks.items():
            _space_lists(beside / programme / "worklist.toml", apart)


def _merge_teams(teams: list[Team]) -> Team:
    """Return one team for the whole borough in place of teams of wards."""
    return teams[0].model_copy(
        update={
            "id": "family_help",
            "title": "Family help team",
            "contact": "family-help@fernhill.example",
            "wards": (),
            "offers": (teams[0].offers[0].model_copy(update={"by": "Family help team"}),),
        }
    )


def _give_places(team: Team, places: float) -> Team:
    offer = team.offers[0].model_copy(update={"places": places})
    return team.model_copy(update={"offers": (offer, *team.offers[1:])})


def _council_lines(council: Council, homes: int) -> Iterator[str]:
    yield _HEADING.format(homes=homes)
    for key in ("name", "time_zone", "contact"):
        yield f"{key} = {toml_value(str(getattr(council, key)))}"
    yield "example = true\n"
    for name, rows in (("team", council.teams), ("area", council.areas)):
        for row in rows:
            yield from write_row(name, row)
            yield ""


def _space_lists(path: Path, weeks: int) -> None:
    """Write into a worklist.toml that a list holds the places of so many weeks, and lasts as long."""
    text = path.read_text(encoding="utf-8")
    for old, new in (("weeks = 1\n", f"weeks = {weeks}\n"), ("days = 7\n", f"days = {7 * weeks}\n")):
        before, found, after = text.partition(f"\n{old}")
        if not found:
            raise AssertionError(f"the shipped worklist.toml of {path.parent.name} lacks {old.strip()}")
        text = f"{before}\n{new}{after}"
    path.write_text(text, encoding="utf-8")
