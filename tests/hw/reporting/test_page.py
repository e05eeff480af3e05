"""The page: safe with any names, the same bytes for the same figures, of a size that opens at once, and accessible."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from talon.hw.report import Use
from talon.hw.reporting import colours, page
from talon.hw.reporting.amounts import LEVELS, energy, level, percent
from talon.hw.reporting.figures import Report
from tests.hw.reporting import example
from tests.hw.reporting.test_figures import bare

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&</style>\u202e\x00"


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def evil() -> Report:
    """The example with a hostile name wherever a stranger names something."""
    report = example.example()
    names = {layer.name: f"{EVIL}{place}" for place, layer in enumerate(report.layers)}
    layers = tuple(replace(layer, name=names[layer.name], nodes=(EVIL,)) for layer in report.layers)
    cores = tuple(
        replace(
            core,
            kind=EVIL,
            layers=tuple(names[name] for name in core.layers),
            uses=tuple(Use(EVIL + use.resource, use.need, use.have, EVIL) for use in core.uses),
        )
        for core in report.cores
    )
    assert report.energy is not None
    assert report.quantisation is not None
    assert report.divergence is not None
    lines = tuple(replace(line, what=EVIL, row=EVIL) for line in report.energy.lines)
    found = replace(report.quantisation.layers[0], node=EVIL)
    (node,) = (node for node in report.divergence.nodes.values() if node.first)
    return replace(
        report,
        title=EVIL,
        target=replace(report.target, id=EVIL, summary=EVIL),
        versions={EVIL: EVIL},
        cores=cores,
        layers=layers,
        energy=replace(report.energy, lines=lines, citations={EVIL: EVIL}),
        quantisation=replace(report.quantisation, layers=(found,)),
        divergence=replace(report.divergence, nodes={EVIL: replace(node, path=EVIL, kind=EVIL)}, a=EVIL, b=EVIL),
        ledger=(dict.fromkeys(("pass", "node", "field", "before", "after", "why"), EVIL),),
        warnings=tuple(replace(one, message=EVIL, help=EVIL) for one in report.warnings),
    )


def test_names_of_strangers_are_text() -> None:
    plain, hostile = Elements(example.example().to_html()), Elements(evil().to_html())
    assert "alert(1)" in evil().to_html()
    assert not hostile.named("img")
    assert len(hostile.named("script")) == len(plain.named("script")) == 2
    assert len(hostile.named("style")) == 1
    allowed = {key for _, attributes in plain.found for key in attributes}
    assert {key for _, attributes in hostile.found for key in attributes} <= allowed
    assert not any(key.startswith("on") for key in allowed)
    assert "\u202e" not in evil().to_html()


def test_the_page_has_the_same_bytes_for_the_same_figures() -> None:
    assert example.example().to_html() == example.example().to_html()


@pytest.mark.parametrize("made", [example.example, example.many_links, evil])
def test_nothing_points_out_of_the_page(made: Callable[[], Report]) -> None:
    found = Elements(made().to_html())
    ids = [attributes["id"] for _, attributes in found.found if "id" in attributes]
    assert not [name for name, count in Counter(ids).items() if count > 1]
    for tag, attributes in found.found:
        assert not {"src", "srcset", "action", "data", "poster", "xlink:href"} & set(attributes), tag
        if "href" in attributes:
            assert tag == "a"
            assert (attributes["href"] or "")[:1] == "#"
            assert (attributes["href"] or "")[1:] in ids
    assert not found.named("link")
    (policy,) = [meta["content"] or "" for meta in found.named("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "url(" not in page.sheet(made())
    assert "@import" not in page.sheet(made())


@pytest.mark.parametrize(
    ("made", "most"), [(example.example, 200_000), (example.large, 750_000), (example.many_links, 1 << 20)]
)
def test_size(made: Callable[[], Report], most: int) -> None:
    assert len(made().to_html().encode()) < most


def test_what_is_not_known_is_said() -> None:
    html = bare(example.example()).to_html()
    found = Elements(html)
    assert "of unknown on the chip" in html
    assert "the target does not say how much there is" in html
    assert "the target does not say where cores are" in html
    for words in ("Not priced", "Not compared", "the work of single steps was not counted", "how cores are linked"):
        assert words in html
    assert len([1 for _, attributes in found.found if "unknown" in (attributes.get("class") or "")]) > 100
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL))


def test_a_build_without_anything_is_shown() -> None:
    nothing = replace(bare(example.example()), cores=(), layers=(), steps=0)
    assert "0 cores in use" in nothing.to_html()


def test_counts_that_differ_look_like_an_error() -> None:
    report = example.example()
    assert 'role="alert"' not in report.to_html()
    wrong = replace(report, engine={**report.engine, "spikes": 1})
    assert 'role="alert"' in wrong.to_html()
    assert "Counts do not agree: spikes." in wrong.to_html()
    assert "\N{BALLOT X} not equal" in wrong.to_html()


def test_a_core_that_holds_too_much_looks_so() -> None:
    report = example.example()
    first = report.cores[0]
    wrong = replace(report, cores=(replace(first, uses=(Use("neurons", 300, 256, "neurons"),)), *report.cores[1:]))
    assert 'class="core ao bo' in wrong.to_html()
    assert 'class="bad"><span>fullest</span><b>117%</b>' in wrong.to_html()


def test_tables_can_be_read_aloud() -> None:
    found = Elements(example.example().to_html())
    assert len(found.named("table")) == len(found.named("caption")) > 8
    assert all(head.get("scope") in ("col", "row") for head in found.named("th"))
    drawings = found.named("svg")
    assert drawings
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in drawings)
    labels = {label["for"] for label in found.named("label")}
    assert {button["id"] for button in found.named("input")} == labels
    assert [attributes for tag, attributes in found.found if tag == "html"] == [{"lang": "en"}]


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_read_on_every_colour(dark: bool) -> None:
    for name in colours.SCALES:
        scale = colours.scale(name, dark)
        assert len(scale) == LEVELS + 1
        assert all(colours.contrast(fill, ink) >= 4.5 for fill, ink in scale)
    families = dict(part.split(":") for line in colours.variables(dark) for part in line.split(";"))
    for place in range(len(colours.FAMILIES)):
        assert colours.contrast(families[f"--f{place}"], families[f"--on-f{place}"]) >= 4.5


@pytest.mark.parametrize(
    ("share", "step", "words"),
    [
        (None, "u", "unknown"),
        (0.0, "0", "0%"),
        (1e-9, "1", "<1%"),
        (0.999, "9", "99%"),
        (1.0, "10", "100%"),
        (1.2, "o", "120%"),
    ],
)
def test_what_is_little_is_not_nothing_and_what_is_nearly_full_not_full(
    share: float | None, step: str, words: str
) -> None:
    assert (level(share), percent(share)) == (step, words)


@pytest.mark.parametrize(
    ("picojoules", "words"),
    [(None, "unknown"), (0.0, "0 pJ"), (12.3456, "12.3 pJ"), (999_999.0, "1 \N{MICRO SIGN}J"), (2.5e12, "2.5 J")],
)
def test_energies_have_the_unit_that_fits(picojoules: float | None, words: str) -> None:
    assert energy(picojoules) == words
