"""What a case asks of whoever works it: words, Tabs, clicks, the page's weight and time, and seconds at the keyboard.

Counted in Chromium on every case of one of four teams of the fictional borough (3,000 homes), beside the page as it was
before a case became one screen (decision 171). Seconds are a scripted reader's: opening, filing and moving on by
keyboard alone; people think, and that is not timed. The page's time is over loopback, names out of a vault of 110,000
households.

About four minutes: `python -m benchmarks casework`, or two with SOONER_BENCH_CASEWORK naming a demo's workspace
(and SOONER_KEY its key).
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.bench_serving import Way, find_port, make_serve_command, run_server, turns
from benchmarks.results import Row
from benchmarks.serving_at_scale import HOUSEHOLDS, fill_borough
from charter.invocation import Invocation

__all__ = ["BEFORE", "run"]

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_LEAD = re.compile("amily help team: lead practitioner")
_COUNCIL = Path(__file__).resolve().parents[1] / "council"
"""The shipped council as it is: four teams, each with five places a week."""
_ASKED, _READ = 20, 3
BEFORE: Mapping[str, float] = {
    "words": 1258, "pixels": 4644, "tabs": 19, "clicks": 4, "weight": 206, "requests": 5, "half": 34,
}  # fmt: skip
"""The same figures of the page before, as they were counted then on the same kind of borough."""
_WORDS = """() => {
    const range = document.createRange();
    range.setStart(document.querySelector("main"), 0);
    range.setEndBefore(document.querySelector("#depth"));
    const words = range.cloneContents();
    words.querySelectorAll(".govuk-visually-hidden").forEach(hidden => hidden.remove());
    return words.textContent.trim().split(/\\s+/).length;
}"""


@dataclass(frozen=True)
class Asked:
    """What the cases of a list ask, the most of each; `seconds` of each case that was worked through."""

    cases: int
    words: int
    pixels: int
    tabs: int
    clicks: int
    seconds: tuple[float, ...]
    weight: float
    requests: int


def run() -> list[Row]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as scratch:
        invocation = _make_workspace(Path(scratch))
        fill_borough(invocation)
        port = find_port()
        with run_server(make_serve_command(invocation, port), port, "/readyz", OMP_NUM_THREADS="1") as (process, _):
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
                asked, path, cookie = _ask_browser(browser, f"http://127.0.0.1:{port}")
                browser.close()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            (times,) = turns([Way(process, connection, "GET", path, "", {"cookie": cookie})], _ASKED)
    return [
        *_write_rows(asked),
        Row("case page, p50", round(times.half, 1), "ms", "under 60 ms", times.half < 60,
            {"before, ms": BEFORE["half"], "processor ms": round(times.work, 1)},
            f"loopback, names out of a vault of {HOUSEHOLDS:,} households, each look at them written to the log first"),
    ]  # fmt: skip


def _make_workspace(folder: Path) -> Invocation:
    workspace, given = folder / "workspace", os.environ.get("SOONER_BENCH_CASEWORK")
    if given:
        shutil.copytree(given, workspace, ignore=shutil.ignore_patterns("extracts", "mlartifacts", "mlflow.db"))
        for beside in Path(given).parent.glob("workspace.*.jsonl"):
            shutil.copy2(beside, folder)
    else:
        words = ["demo", "--no-serve", "--households", "3000", "--workspace", str(workspace), "--quiet"]
        subprocess.run([sys.executable, "-m", "sooner", *words, "--council", str(_COUNCIL)], check=True)
    return Invocation.open(_COUNCIL, "early_help", workspace, quiet=True)


def _ask_browser(browser: Browser, address: str) -> tuple[Asked, str, str]:
    """Return what the cases ask, the path of one, and a session's cookie."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label(_LEAD).first.check()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklists/*")
    team = page.url.partition("?")[0]
    paths = [link.get_attribute("href") or "" for link in page.locator(".sooner-card h2 a").all()]
    words, pixels, tabs = [], [], []
    for path in paths:
        _open_case(page, path)
        words.append(int(page.evaluate(_WORDS)))
        box = page.locator("#decide").bounding_box()
        pixels.append(int(box["y"]) if box else 0)
        tabs.append(_count_tabs(page))
    weight, requests = _weigh(context, paths[0])
    clicks = _count_clicks(page, paths[0])
    seconds = tuple(_work_by_keyboard(page, team) for _ in range(min(_READ, len(paths) - 1)))
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in context.cookies())
    asked = Asked(len(paths), max(words), max(pixels), max(tabs), clicks, seconds, weight, requests)
    return asked, paths[-1], cookie


def _open_case(page: Page, path: str) -> None:
    page.goto(path)
    if page.get_by_role("heading", name="Your own view first").count():
        page.get_by_label("I can’t tell without the reasons").check()
        page.get_by_role("button", name="Save and show the reasons").click()
    page.locator("#depth").wait_for(state="attached")


def _count_tabs(page: Page) -> int:
    """Return how many Tabs lead to the first choice, the jump link taken with Enter when it comes."""
    page.goto(page.url.partition("?")[0].partition("#")[0])
    for number in range(1, 60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#decide li:first-child a')"):
            return number
        if page.evaluate("document.activeElement.textContent.trim() === 'Go to your decision'"):
            page.keyboard.press("Enter")
    return 60


def _count_clicks(page: Page, path: str) -> int:
    """File a decision with its reason by the mouse, and return how many clicks it took from the open case."""
    _open_case(page, path)
    targets = (
        page.locator("#decide").get_by_role("link", name="Set aside", exact=True),
        page.get_by_label("I looked and found no unmet need"),
        page.get_by_role("button", name="Record: Set aside"),
    )
    for number, target in enumerate(targets, start=1):
        target.click()
        if page.get_by_role("alert").filter(has_text="Recorded: ").count():
            return number
    page.get_by_role("alert").filter(has_text="Recorded: ").wait_for()
    return len(targets)


def _work_by_keyboard(page: Page, team: str) -> float:
    """Open the next case that waits, defer it and move on, by keyboard alone; return the seconds that it took."""
    page.goto(f"{team}?status=waiting")
    began = time.perf_counter()
    page.get_by_role("link", name=re.compile("^(Begin|Go on) with")).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    if page.get_by_role("heading", name="Your own view first").count():
        page.get_by_label("I can’t tell without the reasons").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Save and show the reasons").focus()
        page.keyboard.press("Enter")
    page.locator("#decide").get_by_role("link", name="Defer", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Waiting for information").focus()
    for key in ("Space", "Tab", "Space"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Record: Defer").focus()
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_role("link").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return time.perf_counter() - began


def _weigh(context: BrowserContext, path: str) -> tuple[float, int]:
    """Return the kilobytes that a cold page brings over the network, as it is packed, and its requests."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(path, wait_until="networkidle")
    page.close()
    return sum(sizes) / 1000, len([size for size in sizes if size])


def _write_rows(asked: Asked) -> list[Row]:
    of = f"the most of {asked.cases} cases of one team, 3,000 homes"
    longest = max(asked.seconds)
    return [
        Row("case page, words before the decision", asked.words, "words", "under 450", asked.words < 450,
            {"before": BEFORE["words"]}, of),
        Row("case page, pixels down to the decision", asked.pixels, "pixels", "under 900", asked.pixels < 900,
            {"before": BEFORE["pixels"]}, f"{of}, at 1280 x 900"),
        Row("case page, Tabs to the first choice", asked.tabs, "Tabs", "6 or fewer", asked.tabs <= 6,
            {"before": BEFORE["tabs"]}, f"{of}, with the jump link"),
        Row("case page, clicks for a decision with a reason", asked.clicks, "clicks", None, None,
            {"before": BEFORE["clicks"]}, "from the open case to the banner that says it was recorded"),
        Row("case page, cold and packed", round(asked.weight), "KB", "under 120 KB", asked.weight < 120,
            {"before": BEFORE["weight"]}, "all that a browser without a cache fetches"),
        Row("case page, requests when cold", asked.requests, "requests", "4 or fewer", asked.requests <= 4,
            {"before": BEFORE["requests"]}, "page, styles, script, and what they ask for"),
        Row("a case by keyboard, scripted reader", round(longest, 1), "s", "under 30 s", longest < 30,
            {"shortest, s": round(min(asked.seconds), 1)},
            f"the longest of {len(asked.seconds)}: opening, deferring and moving on; thinking is not timed"),
    ]  # fmt: skip
