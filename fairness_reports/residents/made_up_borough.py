"""The made-up borough as open data: its catalogue and words, and the seal by which the site knows that it is whole.

published/borough/services/   what its services would send (borough/open_files.py), about.md, data.json (DCAT)
published/borough/truth/      the planted truth, a set of its own
published/borough/seal.json   the digest of every file of both, and how to make them again

A file that was changed, or that somebody put there, is not in the seal: the site is then refused, and goes nowhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, read_json, write_json, write_text
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.maps.open_data import LICENCE, describe_set, write_datasets

__all__ = ["MadeUp", "copy_borough", "find_borough", "list_borough", "seal_borough"]

_SETS = {"borough": "services", "borough-truth": "truth"}
_SEAL = "seal.json"
_UNFAIR = {
    "": "No group's contact with services is recorded differently from another's.",
    "signals": "On purpose, one group's contact with services is recorded less, at equal need.",
    "labels": "On purpose, one group's outcomes are recorded less, at equal need.",
    "both": "On purpose, one group's contact with services and its outcomes are recorded less, at equal need.",
}
_NOBODY = (
    "Every person, address, reference and event in it is made up by chance: nobody's record was read to make it, and"
    " a name that somebody has is one by chance."
)


@dataclass(frozen=True)
class MadeUp:
    """Of which borough the files are: its size and seed, what is planted in it, and which Sooner made it."""

    homes: int
    seed: int
    unfair: str
    version: str

    @property
    def command(self) -> str:
        """What anybody types to make the same files."""
        unfair = f" --unfair {self.unfair}" if self.unfair else ""
        return f"sooner publish borough --households {self.homes} --seed {self.seed}{unfair}"

    def say_made(self) -> str:
        """Return size, seed and version, and how to make the same again, in one sentence."""
        of = f"{self.homes:,} homes, seed {self.seed}, made by {self.version}"
        return f"{of}; anybody makes the same with: {self.command}."


def find_borough(invocation: Invocation) -> Path:
    """Return where the published borough lies, or would."""
    return invocation.workspace.root / "published" / "borough"


def list_borough(invocation: Invocation) -> list[tuple[str, Path]]:
    """Return the folder of each of its sets, by what it is called below `data/` of the site; none before it is made."""
    folder = find_borough(invocation)
    return [(name, folder / part) for name, part in _SETS.items()] if folder.exists() else []


def seal_borough(invocation: Invocation, folder: Path, made: MadeUp, files: Mapping[str, Sequence[Any]]) -> None:
    """Write words and catalogue beside the `files` of each set in `folder`, then the seal over all of them.

    `files` are, for `services` and `truth`, what was written there, each with `name`, `title` and `meaning`. Raises
    DataError for what breaks the catalogue's schema.
    """
    for part, words in _describe_parts(made).items():
        lines = [f"- `{file.name}`: {file.meaning}" for file in files[part]]
        write_text(
            folder / part / "about.md", _ABOUT.format(**words, made=made, licence=LICENCE, files="\n".join(lines))
        )
        listed = [
            *((file.name, "text/csv", file.title) for file in files[part]),
            ("dictionary.csv", "text/csv", "What each column says"),
            ("about.md", "text/markdown", "How it was made, and how to read it"),
        ]
        keywords = ["made up", "synthetic data", "hackathon", "record linkage", "early help"]
        said: dict[str, Any] = {key: words[key] for key in ("identifier", "title", "description")}
        said |= {"keyword": keywords, "modified": invocation.today.isoformat()}
        write_datasets(folder / part / "data.json", [describe_set(invocation.council, said, listed)])
    command = {"homes": made.homes, "seed": made.seed, "unfair": made.unfair, "version": made.version}
    write_json(folder / _SEAL, {**command, "files": _take_digests(folder)})
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def copy_borough(invocation: Invocation, name: str, target: Path) -> None:
    """Copy one of its sets to `target`. Raises DataError where that is not the set that was made, file by file."""
    folder = find_borough(invocation)
    part = _SETS[name]
    seal = read_json(folder / _SEAL)
    sealed = seal.get("files") if isinstance(seal, dict) else None
    expected = {path: digest for path, digest in dict(sealed or {}).items() if path.startswith(f"{part}/")}
    shutil.copytree(folder / part, target)
    # What was copied is compared, and not what it was copied of: between the two, a file could change.
    copied = {f"{part}/{path}": digest for path, digest in _take_digests(target).items()}
    if copied != expected:
        shutil.rmtree(target)
        strange = sorted(path for path in {*copied, *expected} if copied.get(path) != expected.get(path))
        raise DataError(
            f"published/borough/{strange[0]} is not the file that was made up; nothing of the borough goes out.",
            "See what it is and whose, take it away, and make the borough again with `sooner publish borough`.",
        )


def _take_digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def _describe_parts(made: MadeUp) -> Mapping[str, Mapping[str, str]]:
    """Return the words of each set: what the catalogue, the page and about.md say."""
    unfair = f"-unfair-{made.unfair}" if made.unfair else ""
    identifier = f"{made.homes}-homes-seed-{made.seed}{unfair}"
    nobody = f"{_NOBODY} {made.say_made()}"
    return {
        "services": {
            "identifier": f"made-up-borough-{identifier}",
            "title": "A made-up borough: what its services would send",
            "description": (
                f"{nobody} Ten years as twelve senders would write them, each with its own references, codes and dates."
                f" {_UNFAIR[made.unfair]} To try linking, fairness and lists with, before anybody's record is used."
            ),
            "reading": _READING,
        },
        "truth": {
            "identifier": f"made-up-borough-truth-{identifier}",
            "title": "A made-up borough: the truth behind it",
            "description": (
                f"{nobody} Who is whom in every service, who lived where, and the need that no service sees: to measure"
                " what was found in the made-up services' files. Nothing like it exists of a real borough."
            ),
            "reading": "Dates are YYYY-MM-DD.",
        },
    }


_READING = (
    "It says how each service writes its dates, too. A row that was corrected, or whose interval ended, is sent again\n"
    "with the same key and `corrected_on`; the service knew it from `corrected_on`, or else from `recorded_on`."
)
_ABOUT = """\
# {title}

{description}

    {made.command}

It says nothing about any real borough: groups are alike in it, mistakes fall alike on everybody, help does nothing, and
nothing passes between homes. What works here may not work on what people really recorded.

## How to read it

CSV in UTF-8 with a header; an empty field is not known. `dictionary.csv` says what every column is. {reading}
Addresses, postcodes (area FH), property references (from 9900) and areas (from E0199) are of no real place.

## Files

{files}

Licence: Open Government Licence, {licence}
"""
