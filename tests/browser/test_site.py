"""The documents as a site: built offline and strictly, every page reachable, nothing asked of another machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index.html",
    "docs/how-to/call-the-api.html",
    "docs/reference/notebooks.html",
    "docs/decisions/README.html",
    "search.html",
)


BESIDE = (
    "README",
    "GLOSSARY",
    "CONTRIBUTING",
    "DEVELOPERS",
    "SECURITY",
    "CHANGELOG",
    "benchmarks/README",
    "examples/README",
    "docs/README",
)
SECTIONS = ("tutorial", "how-to", "reference", "explanation", "decisions")


def build_site(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does, into a folder of the test's own."""
    words = ["-q", "-W", "--keep-going", "-c", str(root / "docs"), "-d", str(site.with_name("doctrees"))]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(root), str(site)], capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents") / "site"
    built = build_site(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


class Sources(HTMLParser):
    """What a page loads by itself, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(values.get("href", ""))
        elif tag in {"script", "link", "img", "source", "iframe", "use", "video", "audio", "object", "embed"}:
            self.loads += [values[name] for name in ("src", "href", "srcset", "data", "poster") if name in values]


def sources_of(page: Path) -> Sources:
    parser = Sources()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.mark.deep
def test_no_page_loads_anything_from_another_machine(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        assert [address for address in sources_of(page).loads if re.match(r"(https?:)?//", address)] == [], page
    styles = [*site.rglob("*.css"), *site.rglob("*.js")]
    assert styles
    for path in styles:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import\s+[\"'](https?:)?//|importScripts\(", text), path


@pytest.mark.deep
def test_every_page_of_docs_is_reachable_from_the_front_page(site: Path) -> None:
    front = site / "index.html"
    reached, waiting = {front}, [front]
    while waiting:
        page = waiting.pop()
        for link in sources_of(page).links:
            address = link.split("#")[0]
            if not address.endswith(".html") or "//" in address:
                continue
            target = (page.parent / address).resolve()
            assert target.exists(), f"{page} links to {link}"
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    sources = [path for path in (ROOT / "docs").rglob("*") if path.suffix in {".md", ".ipynb"}]
    assert len(sources) > 70
    for path in sources:
        assert site / path.relative_to(ROOT).with_suffix(".html") in reached, path


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    root = tmp_path / "small"
    for name in (*BESIDE, *(f"docs/{section}/README" for section in SECTIONS)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.md").write_text(f"# {name}\n", encoding="utf-8")
    for section in SECTIONS:
        (root / "docs" / section / "page.md").write_text("# A page\n", encoding="utf-8")
    # A folder in a section needs no page of its own: what lies in it stands in the section's navigation.
    (root / "docs" / "reference" / "files").mkdir()
    (root / "docs" / "reference" / "files" / "charter.md").write_text("# A file\n", encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "theme", root / "docs" / "theme")
    for name in ("docs/conf.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    links = ["no_page.md", "page.md#no-such-heading", "../../charter/no_module.py"]
    page = "\n".join(["# Broken", "[Good](page.md)", *(f"[Broken]({link})" for link in links)])
    (root / "docs" / "how-to" / "broken.md").write_text(page, encoding="utf-8")
    built = build_site(root, tmp_path / "site")
    assert built.returncode != 0
    warnings = [line for line in built.stderr.splitlines() if "WARNING" in line]
    assert len(warnings) == 3, built.stderr
    for name in ("no_page", "no-such-heading", "no_module"):
        assert name in built.stderr


@pytest.mark.deep
@pytest.mark.browser
@pytest.mark.parametrize(("name", "width"), [*((name, 320) for name in PAGES), (PAGES[0], 1280), (PAGES[3], 1280)])
def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, site: Path, name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if request.url.startswith("http") else None)
    page.goto((site / name).as_uri())
    violations = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in Axe().run(page).response["violations"]]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert outside == []
    page.close()


@pytest.mark.deep
@pytest.mark.browser
def test_a_page_is_read_and_left_without_javascript(browser: Browser, site: Path) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "docs/how-to/work-a-list.html").as_uri())
    assert page.get_by_role("heading", level=1).is_visible()
    page.locator("label.nav-overlay-icon").click()
    page.get_by_role("link", name="Reference", exact=True).click()
    assert page.url.endswith("docs/reference/README.html")
    context.close()
