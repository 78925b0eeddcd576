"""`python -m benchmarks.peers.set_up [NAME ...]`: make the peers' environments and say which work.

Each peer has its own versions (`NAME/requirements.txt`, the whole environment pinned), so none can disturb another or
ours. Packages come from wherever pip is told to look; the pins name no registry. Installed without resolving, because
Triage 6 names packages that its feature generator never imports (PyTorch among them). `core` is Sooner itself with its
core dependencies alone, as a server has it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent
_IMPORTS = {
    "aequitas": "from aequitas.group import Group",
    "tables": "import duckdb, pandas, polars",
    "triage": "from triage.component.architect.feature_generators import FeatureGenerator",
    "timeseriesflattener": "import timeseriesflattener",
    "featuretools": "import featuretools",
    "pymc": "import arviz, pymc",
    "core": "import serving.web.service",
}


def make(name: str) -> bool:
    """Make one environment anew and return whether its peer can be imported."""
    folder = _FOLDER / ".venvs" / name
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    root = _FOLDER.parents[1]
    pins = ["--no-deps", "-r", str(_FOLDER / name / "requirements.txt")]
    if name == "core":
        pins = ["-c", str(root / "constraints.txt"), str(root)]
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *pins,
    ]
    if subprocess.run(install, check=False).returncode:
        return False
    return subprocess.run([str(python), "-W", "ignore", "-c", _IMPORTS[name]], check=False).returncode == 0


def main(names: list[str]) -> int:
    """Make the environments named, or all; return 1 where one does not work."""
    unknown = set(names) - set(_IMPORTS)
    if unknown:
        print(f"there is no peer {sorted(unknown)[0]!r}; there are: {', '.join(_IMPORTS)}", file=sys.stderr)
        return 2
    works = {name: make(name) for name in names or _IMPORTS}
    for name, good in works.items():
        print(f"{name}: {'ready' if good else 'DOES NOT WORK here; its rows will say that it was not run'}")
    return 0 if all(works.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
