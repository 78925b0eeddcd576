"""`sooner publish borough`: the one verb of publishing that makes a borough, and so needs both rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fairness_reports.commands import publish_verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["publish_borough"]


@publish_verbs.add("borough", under="look", example="sooner publish borough --households 3000 --seed 2", locks=True)
def publish_borough(
    invocation: Invocation,
    households: Annotated[int, typer.Option(help="How many homes.")] = 3_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same borough, byte for byte.")] = 1,
    unfair: Annotated[str, typer.Option(help="Record less of one group at equal need: signals, labels or both.")] = "",
) -> None:
    """Make a borough and write it as open data, for hackathons and other councils: `published/borough/`, CSV.

    It is made anew, with the areas that ship with Sooner; `extracts/` is not read. `publish site` takes it along.
    """
    from borough.open_files import write_open_files
    from borough.synth import count_steps
    from charter.contracts.files import renew_folder
    from charter.council.council import Council
    from charter.invocation import shipped_council
    from fairness_reports.maps.open_data import require_contact
    from fairness_reports.residents.made_up_borough import MadeUp, find_borough, seal_borough
    from sooner.version import describe_version

    require_contact(invocation.council)
    folder = find_borough(invocation)
    which = MadeUp(households, seed, unfair, describe_version())
    with renew_folder(folder) as beside, invocation.progress("Making a borough", count_steps()) as progress:
        files = write_open_files(beside, Council.load(shipped_council()), households, seed, unfair, progress)
        seal_borough(invocation, beside, which, files)
    rows = sum(file.rows for part in files.values() for file in part)
    invocation.report(
        {"folder": str(folder), "homes": households, "seed": seed, "unfair": unfair or None, "rows": rows},
        f"{folder}/ holds a made-up borough of {households:,} homes, {rows:,} rows, and the truth behind it. Next:"
        " `sooner publish site`, which takes both into data/.",
    )
