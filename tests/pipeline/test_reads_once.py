"""`sooner rank` reads each file of the council once, whatever happens to the folder meanwhile."""

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
from sooner import main
try:
    main()
finally:
    print(json.dumps(opened), file=sys.stderr)
"""


def test_rank_opens_each_file_of_the_council_once(demo_workspace: Path) -> None:
    council = shipped_council()
    words = ["rank", "--quiet", "--council", str(council), "--workspace", str(demo_workspace)]
    ran = subprocess.run([sys.executable, "-c", COUNTING, str(council), *words], capture_output=True, text=True)
    opened = json.loads(ran.stderr.strip().splitlines()[-1])
    assert {"council.toml", "charter.toml", "early_help/worklist.toml"} <= set(opened), ran.stderr
    assert {name: times for name, times in opened.items() if times > 1} == {}
