"""The verbs that keep a copy of everything, and bring it back: `backup`, `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from sooner.backups.restoring import Restoration

__all__ = ["verbs"]

verbs = Verbs("A copy of everything, and its return.")

Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="A part alone, once for each: workspace, vault, database, signoffs, ledger, anchors. All without it.",
    ),
]


@verbs.add("backup", under="look after", example="sooner backup /srv/backups", locks=True)
def backup(
    invocation: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where backups are kept; each in a folder of its own.")],
    part: Parts = None,
) -> None:
    """Copy everything into a new folder of DIR while people work on: each part whole or absent, with digests, signed.

    The council's key is never in it, only its fingerprint: keep the key elsewhere. Backups there that are older than
    `backup_days` of council.toml are removed.
    """
    from charter.acts import COMMAND
    from charter.vault.command_log import CommandLog
    from serving.identity import identify_command
    from sooner.backups.ageing import drop_aged
    from sooner.backups.taking import choose_parts, take_backup

    chosen = choose_parts(part or ())
    # Before and not after: the entry is in the copy then, and no restore loses it.
    log = CommandLog.open(invocation.council, invocation.workspace)
    log.append(actor=identify_command().user, role=COMMAND, action="backup", detail={"parts": list(chosen)})
    place, manifest = take_backup(invocation, folder, chosen)
    aged = drop_aged(invocation, folder)
    sizes = {name: copied.bytes for name, copied in manifest.parts.items()}
    lines = [
        f"{name:<10} {len(copied.files):>7,} files {copied.bytes / 1e6:>11,.1f} MB"
        for name, copied in manifest.parts.items()
    ]
    lines += [f"left out: {what}" for what in manifest.left_out]
    lines.append(f"{place} is whole. It needs {manifest.key.sentence}, which is not in it.")
    if aged:
        lines.append(f"Removed, being older than {invocation.council.keeping.backup_days} days: {', '.join(aged)}.")
    document = {"backup": str(place), "parts": sizes, "left_out": list(manifest.left_out), "removed": aged}
    invocation.report(document, "\n".join(lines))


@verbs.add("restore", under="look after", example="sooner restore /srv/backups --why 'the disk failed'", locks=True)
def restore(
    invocation: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A backup, or the folder of backups: then the newest.")],
    why: Annotated[str, typer.Option("--why", help="Why, for the log.")] = "",
    part: Parts = None,
    accept_ledger: Annotated[
        bool,
        typer.Option("--accept-ledger", help="What residents asked since the backup is lost: go on without it."),
    ] = False,
) -> None:
    """Bring a backup back, all of it or parts; what was asked and removed since is carried out again, and said.

    Stop serving first. What was there is kept beside; the log says which acts went. Nobody who was erased or objected
    comes back.
    """
    from sooner.backups.restoring import restore_backup

    done = restore_backup(invocation, folder, why, part or (), accept_ledger=accept_ledger)
    document = {
        "backup": str(done.backup),
        "taken_at": done.manifest.taken_at,
        "parts": list(done.which),
        "lost": {chain: list(ends) for chain, ends in done.lost.items()},
        "acts": dict(done.acts),
        "kept": str(done.kept) if done.kept else None,
        "replayed": sorted(done.replayed.certificates) if done.replayed else [],
        "notes": list(done.notes),
    }
    invocation.report(document, "\n".join(_in_words(done)))


def _in_words(done: Restoration) -> list[str]:
    lines = [f"Restored from {done.backup.name}, of {done.manifest.taken_at}: {', '.join(done.which)}."]
    number = sum(last - first + 1 for first, last in done.lost.values())
    if number:
        acts = "; ".join(f"{count} {action}" for action, count in done.acts.items())
        lines.append(f"Logged since, and not in it: {number} acts{f' ({acts})' if acts else ''}.")
    else:
        lines.append("Nothing that was logged is missing from it.")
    lines += [done.replayed.sentence] if done.replayed else []
    lines += [f"{note}." for note in done.notes]
    if done.kept:
        lines.append(
            f"What was there before is in {done.kept}: nobody who asks to be erased is erased there. Remove it soon."
        )
    return lines
