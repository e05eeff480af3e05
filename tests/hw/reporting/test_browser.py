"""The page as a browser shows it: figures are in the DOM, scripts run, nothing is asked of the network."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from talon.hw.reporting.amounts import percent
from talon.hw.reporting.figures import Report
from tests.hw.reporting import browser, builds, example
from tests.hw.reporting.browser import MISSING, WITHOUT, Visit

pytestmark = pytest.mark.skipif(os.environ.get(WITHOUT) == "1", reason=f"{WITHOUT}=1 says that there is no browser")

Open = Callable[[str], Visit]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Write a page and open it."""

    def visit(page: str) -> Visit:
        file = tmp_path / "report.html"
        file.write_text(page, encoding="utf-8")
        return browser.visit(file, tmp_path)

    return visit


def shown(dom: str) -> str:
    """The text of a page, markup apart."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", dom.partition("<body")[2], flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def check(found: Visit, report: Report) -> None:
    text = shown(found.dom)
    assert f"{len(report.cores)} of {report.target.cores}" in text
    for number in (*report.engine.values(), report.deliveries):
        assert f"{number:,}" in text
    for layer in report.layers:
        assert layer.name in text
        assert f"{sum(layer.spikes):,}" in text
    for fact in (report.graph, report.build, report.target.hash):
        assert fact in text
    assert found.dom.count('class="core ') == len(report.cores)


def test_a_browser_is_here() -> None:
    assert browser.find(), MISSING


@pytest.mark.parametrize(
    "made", [example.example, example.large, lambda: builds.digits().report(), lambda: builds.detector().report()]
)
def test_figures_are_in_the_dom_and_nothing_is_fetched(opened: Open, made: Callable[[], Report]) -> None:
    """Of reports made by hand, and of real builds: 5 cores, and 148 cores that run 43 layers."""
    report = made()
    found = opened(report.to_html())
    check(found, report)
    assert found.console == ()
    assert found.requests == ()


def test_the_golden_detector_is_a_page_that_opens_at_once(opened: Open) -> None:
    """What its chip does not say is not shown as if it were known."""
    report = builds.detector().report(graph=None)
    html = report.to_html()
    assert len(html) < 500_000
    assert (len(report.cores), len(report.layers), report.agrees) == (148, 43, True)
    text = shown(opened(html).dom)
    assert "the target does not say where cores are" in text
    assert "over a link" not in text
    for node in report.host:
        assert f"{node['node']} {node['type']}" in text
    assert {node["type"] for node in report.host} >= {"DFLDecode", "Dist2BBox", "NMS"}
    assert all(key in text for key in report.assumed)


def test_the_script_ran(opened: Open) -> None:
    """Its policy lets it: heads of tables became buttons."""
    found = opened(example.example().to_html())
    assert found.dom.count('<button type="button">') > 20
    assert "<button" not in example.example().to_html()


def test_what_a_page_asks_for_is_seen_by_these_tests(opened: Open) -> None:
    """The same checks on a page that does what ours may not."""
    page = '<body><img src="http://127.0.0.1:9/seen.png"><script>console.error("heard")</script></body>'
    found = opened(page)
    assert found.requests == ("http://127.0.0.1:9/seen.png",)
    assert any("heard" in line for line in found.console)


def test_the_policy_stops_what_is_put_into_the_page(opened: Open) -> None:
    """Were something not escaped, it could neither run nor fetch."""
    planted = '<img src="http://127.0.0.1:9/seen.png"><script>document.title = "taken"</script>'
    page = example.example().to_html().replace("<main>", f"<main>{planted}")
    found = opened(page)
    assert found.requests == ()
    assert "<title>taken" not in found.dom
    assert sum("Content Security Policy" in line for line in found.console) == 2


def probed(folder: Path, html: str, script: str, width: int = 1200) -> str:
    """What a script finds on a page that lets it run."""
    policy = re.search(r"<meta http-equiv[^>]*>", html)
    assert policy
    page = folder / "report.html"
    probe = f"<script>document.body.dataset.found = (() => {{{script}}})();</script></body>"
    page.write_text(html.replace(policy[0], "").replace("</body>", probe), encoding="utf-8")
    found = re.search('data-found="([^"]*)"', browser.visit(page, folder, size=(width, 900)).dom)
    assert found
    return found[1]


WIDER = """
const loose = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, nav"));
return innerWidth + ":" + loose.filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.tagName);
"""


@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    """Wide tables and maps scroll in boxes of their own."""
    assert probed(tmp_path, example.large().to_html(), WIDER, width) == f"{width}:"


COLOURS = """
const seen = (core) => getComputedStyle(document.querySelectorAll(".core rect")[core]).fill;
const read = () => [...document.querySelectorAll(".core .share")].filter((e) => getComputedStyle(e).display !== "none");
return [...document.querySelectorAll(".views label")].map((label) => {
  label.click();
  return [label.textContent, seen(0), seen(44), read()[0]?.textContent ?? "-"].join("|");
}).join("\\n");
"""


def test_buttons_colour_the_map(tmp_path: Path) -> None:
    report = example.example()
    lines = [line.split("|") for line in probed(tmp_path, report.to_html(), COLOURS).split("\n")]
    titles = ["fullest", *(use.resource for use in report.cores[0].uses), "events", "layer"]
    assert [line[0] for line in lines] == titles
    for title, first, last, words in lines:
        uses = {use.resource: use.share for core in report.cores[:1] for use in core.uses}
        if title in uses:
            assert words == percent(uses[title])
        # The first core is a convolution's, the last one the readout's.
        assert first.startswith("rgb(")
        assert first != last or title in ("events", "weight memory", "state memory"), title
    assert lines[-1][3] == "-"


SORTED = """
const rows = () => [...document.querySelectorAll("#cores tbody th")].map((head) => head.textContent).join(" ");
const head = [...document.querySelectorAll("#cores thead th")].find((head) => head.textContent === "spikes");
head.firstChild.click();
const down = rows() + "|" + head.getAttribute("aria-sort");
head.firstChild.click();
return down + "|" + rows() + "|" + head.getAttribute("aria-sort");
"""


def test_tables_are_sorted_by_a_click(tmp_path: Path) -> None:
    report = example.example()
    down, how, up, back = probed(tmp_path, report.to_html(), SORTED).split("|")
    spikes = {core.number: core.spikes for core in report.cores}
    assert [spikes[int(number)] for number in down.split()] == sorted(spikes.values(), reverse=True)
    assert [spikes[int(number)] for number in up.split()] == sorted(spikes.values())
    assert (how, back) == ("descending", "ascending")


def test_a_picture_of_it_is_made(tmp_path: Path) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(example.example().to_html(), encoding="utf-8")
    browser.visit(page, tmp_path, picture, (1200, 900))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
