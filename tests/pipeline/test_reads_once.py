"""`sooner rank` reads what the council decided once, whatever happens to the folder meanwhile.

Lists that stand are told by one look at each file; where lists are made, a file's bytes are digested beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from charter.invocation import shipped_council

COUNTING = """
import collections, json, os, sys
opened = collections.Counter()
council = os.path.realpath(sys.argv.pop(1))
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith(".toml"):
        path = os.path.realpath(arguments[0])
        if path.startswith(council + os.sep):
            opened[os.path.relpath(path, council)] += 1
sys.addaudithook(note)
from charter.council.reading import Origin
understood, of = collections.Counter(), Origin.of.__func__
def read(cls, path):
    understood[os.path.relpath(os.path.realpath(path), council)] += 1
    return of(cls, path)
Origin.of = classmethod(read)
from sooner import main
try:
    main()
finally:
    print(json.dumps([opened, understood]), file=sys.stderr)
"""


def count_reads(workspace: Path, *more: str) -> tuple[dict[str, int], dict[str, int]]:
    """Rank, and return how often each file of the council was opened, and how often it was read as what it says."""
    council = shipped_council()
    words = ["rank", "--quiet", "--council", str(council), "--workspace", str(workspace), *more]
    ran = subprocess.run([sys.executable, "-c", COUNTING, str(council), *words], capture_output=True, text=True)
    opened, understood = json.loads(ran.stderr.strip().splitlines()[-1])
    assert {"council.toml", "charter.toml", "early_help/worklist.toml"} <= set(opened), ran.stderr
    return opened, understood


def test_lists_that_stand_open_each_file_of_the_council_once(own_workspace: Path) -> None:
    count_reads(own_workspace)
    opened, _ = count_reads(own_workspace)
    assert {name: times for name, times in opened.items() if times > 1} == {}


def test_making_lists_reads_what_the_council_decided_once(own_workspace: Path) -> None:
    _, understood = count_reads(own_workspace, "--refresh")
    assert {"council.toml", "charter.toml", "register.toml", "early_help/worklist.toml"} <= set(understood)
    assert {name: times for name, times in understood.items() if times > 1} == {}
