"""The documents as a site: `make docs` builds it into site/, offline, and fails on a link that leads nowhere.

The sources are the Markdown files as they stand in the repository, so every link works there and on the site alike. A
page is in the navigation because of the folder it lies in; nobody registers one.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = ("tutorial", "how-to", "reference", "explanation", "decisions")
"""The folders of docs/, in the order of the navigation; each has a README.md that says what is in it."""
BESIDE = ("GLOSSARY", "CONTRIBUTING", "DEVELOPERS", "SECURITY", "CHANGELOG", "benchmarks/README", "examples/README")
"""Pages outside docs/ that the site has too."""

project = "Sooner"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
root_doc = "README"
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
include_patterns = ["docs/**", "README.md", *(f"{name}.md" for name in BESIDE)]
# Sphinx walks every folder that is not excluded, and the environment and a workspace hold many thousand files.
exclude_patterns = [
    entry.name for entry in ROOT.iterdir() if entry.is_dir() and entry.name not in {"docs", "benchmarks", "examples"}
]
exclude_patterns += ["benchmarks/workspace", "benchmarks/peers"]
templates_path = ["theme"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Sooner {version}"
html_static_path = ["theme/pages.css"]
html_css_files = ["pages.css"]
html_copy_source = False
html_use_index = False
html_show_copyright = False
# Nothing is asked of another machine: the theme's fonts are the reader's own, and its scripts come with it.
html_theme_options = {"top_of_page_buttons": []}


def setup(app: Sphinx) -> None:
    """Connect what follows to Sphinx's events."""
    app.connect("source-read", write_as_markdown)
    app.connect("build-finished", copy_front_page)


def write_as_markdown(app: Sphinx, name: str, source: list[str]) -> None:
    """Turn a notebook into Markdown, and give the front page and each section the pages that lie below it."""
    if app.env.doc2path(name).suffix == ".ipynb":
        source[0] = notebook_as_markdown(source[0])
    if name == root_doc:
        pages = ["docs/README", *(f"docs/{section}/README" for section in SECTIONS), *BESIDE]
        source[0] += navigation(pages, hidden=True)
    for section in SECTIONS:
        if name == f"docs/{section}/README":
            # The index of decisions is a table of the same pages already.
            source[0] += navigation(["**"], hidden=section == "decisions")


def navigation(pages: list[str], *, hidden: bool) -> str:
    """Return the directive that puts pages, or every page that a pattern names, below the one it stands on."""
    options = ":titlesonly:\n:glob:\n" + (":hidden:\n" if hidden else "")
    rooted = [page if "*" in page else f"/{page}" for page in pages]
    return "\n\n```{toctree}\n" + options + "\n" + "\n".join(rooted) + "\n```\n"


def notebook_as_markdown(text: str) -> str:
    """Return the cells of a notebook, which holds no results, as Markdown."""
    cells = json.loads(text)["cells"]
    parts = ["".join(cell["source"]) for cell in cells]
    return "\n\n".join(
        part if cell["cell_type"] == "markdown" else f"```python\n{part}\n```"
        for cell, part in zip(cells, parts, strict=True)
    )


def copy_front_page(app: Sphinx, failure: Exception | None) -> None:
    """Leave the front page where a web server looks for it."""
    front = Path(app.outdir) / f"{root_doc}.html"
    if failure is None and front.exists():
        shutil.copyfile(front, front.with_name("index.html"))
