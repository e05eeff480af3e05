"""The map of the cores: where each lies, how full it is, and what went over the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from talon.hw.report import amount, plural
from talon.hw.reporting.amounts import level, percent
from talon.hw.reporting.colours import FAMILIES
from talon.hw.reporting.figures import Core, Position, Report
from talon.hw.reporting.linkmap import drawn, legend
from talon.hw.reporting.markup import Html, element, join, section, text
from talon.hw.reporting.views import LETTERS, View, buttons, views_of
from talon.ir.drawing.svg import number, rectangle

ABOUT = (
    "Every square is a core at its place on the chip, every arrow a link in one direction. A core leads to its row in "
    "the table of cores; a dashed square is a core that is not used."
)
UNPLACED = (
    "Every square is a core in use, in order of number: the target does not say where cores are, nor how linked. "
    "A core leads to its row in the table of cores."
)
SIZES = ((8, 76.0, 34.0), (16, 38.0, 16.0), (1 << 30, 22.0, 10.0))
"""Of maps up to so many columns: the side of a core, and the gap between cores, in pixels."""
WHOLE = 1024
"""Meshes of more cores are shown only where something lies on them."""


@dataclass(frozen=True)
class Grid:
    """Where cores are drawn: the cells from `first` on, so many columns and rows, and their size in pixels."""

    first: Position
    columns: int
    rows: int
    side: float
    gap: float

    def corner(self, place: Position) -> tuple[float, float]:
        column, row = place[0] - self.first[0], place[1] - self.first[1]
        pitch = self.side + self.gap
        return self.gap / 2 + column * pitch, self.gap / 2 + row * pitch

    @property
    def size(self) -> tuple[float, float]:
        pitch = self.side + self.gap
        return self.columns * pitch, self.rows * pitch


def core_map(report: Report) -> Html:
    """The section with the map. Without script, buttons choose what the colours show."""
    placed = places(report.cores)
    known = all(core.position for core in report.cores)
    about = ABOUT if known else UNPLACED
    grid = grid_of(report, list(placed.values()))
    unused = free(grid, set(placed.values())) if known else ""
    views = list(views_of(report))
    layers = {layer.name: place for place, layer in enumerate(report.layers)}
    width, height = grid.size
    label = f"map of {plural(len(report.cores), 'core')} and {plural(len(report.links), 'link')}"
    drawing = Html(
        f'<svg viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}" '
        f'role="img" aria-label="{label}">'
        f"\n{unused}\n{drawn(report.links, grid.corner, grid.side)}"
        + "".join(
            core_cell(core, grid, placed[core.number], views, [layers[name] for name in core.layers if name in layers])
            for core in report.cores
        )
        + "</svg>"
    )
    return section(
        "map",
        "Core map",
        about,
        element(
            "fieldset",
            element("legend", text("Colour by")),
            *buttons([view.title for view in views] + ["layer"]),
            element(
                "div",
                element("div", drawing, class_="scroll", tabindex="0", role="region", aria_label="core map"),
                key(report),
                class_="map",
            ),
            legend(report.links),
            class_="views",
        ),
    )


def key(report: Report) -> Html:
    """The layers by the numbers that stand on the cores, with their colours."""
    items = (
        element(
            "li",
            element("i", class_=f"q{place % len(FAMILIES)}"),
            element("b", text(f"L{place + 1}")),
            text(f" {layer.name} "),
            element("small", text(plural(layer.cores, "core"))),
        )
        for place, layer in enumerate(report.layers)
    )
    return element("ul", *items, class_="key", aria_label="layers")


def places(cores: Sequence[Core]) -> dict[int, Position]:
    """The place of every core; a square in order of number where one has none."""
    if all(core.position is not None for core in cores):
        return {core.number: core.position for core in cores if core.position is not None}
    columns = max(1, round(len(cores) ** 0.5))
    return {core.number: (place % columns, place // columns) for place, core in enumerate(cores)}


def grid_of(report: Report, used: Sequence[Position]) -> Grid:
    ends = [place for link in report.links for place in (link.start, link.end)]
    mesh = report.target.mesh if all(core.position for core in report.cores) else None
    taken = [*used, *ends] or [(0, 0)]
    low: Position = (0, 0)
    high: Position = (max(x for x, _ in taken), max(y for _, y in taken))
    if mesh is not None and mesh[0] * mesh[1] <= WHOLE:
        high = (max(high[0], mesh[0] - 1), max(high[1], mesh[1] - 1))
    elif mesh is not None:
        low = (min(x for x, _ in taken), min(y for _, y in taken))
    columns, rows = high[0] - low[0] + 1, high[1] - low[1] + 1
    side, gap = next((side, gap) for most, side, gap in SIZES if max(columns, rows) <= most)
    return Grid(low, columns, rows, side, gap)


def core_cell(core: Core, grid: Grid, place: Position, views: Sequence[View], layers: Sequence[int]) -> str:
    """One core: a square with its number, how full it is in each view where there is room, and its layers."""
    (x, y), side = grid.corner(place), grid.side
    steps = [f"{letter}{level(view.shares.get(core.number))}" for letter, view in zip(LETTERS, views, strict=False)]
    names = " ".join([*steps, *(f"l{layer % len(FAMILIES)}" for layer in layers[:1])])
    lines = [f"core {core.number} ({core.kind}): {', '.join(core.layers) or 'no layer'}"]
    lines += [
        f"{use.resource}: {percent(use.share)}, {amount(use.need)} of {amount(use.have, use.unit)}" for use in core.uses
    ]
    lines += [f"{core.synops:,} synaptic events, {core.updates:,} updates, {core.spikes:,} spikes"]
    inside = [Html(f"<title>{text(chr(10).join(lines))}</title>"), Html(rectangle(x, y, side, side, side / 11))]
    if side > 70:
        inside.append(letters(x + 7, y + 16, str(core.number), "small"))
        for letter, view in zip(LETTERS, views, strict=False):
            shown = percent(view.shares.get(core.number)) if view.shares.get(core.number) is not None else "?"
            inside.append(letters(x + side / 2, y + side / 2 + 7, shown, f"share n{letter}"))
        inside.append(letters(x + side / 2, y + side - 8, marks(layers), "small mid"))
    elif side > 30:
        inside.append(letters(x + side / 2, y + side / 2 + 4, str(core.number), "small mid"))
    link = element(
        "a", *inside, href=f"#core-{core.number}", class_=f"core {names}", data_layers=" ".join(map(str, layers))
    )
    return link + "\n"


def marks(layers: Sequence[int]) -> str:
    """Layers by their numbers, as the table of layers has them."""
    shown = [f"L{layer + 1}" for layer in layers]
    return " ".join(shown) if len(shown) <= 3 else f"{shown[0]} +{len(shown) - 1}"


def letters(x: float, y: float, shown: str, names: str) -> Html:
    return Html(f'<text x="{number(x)}" y="{number(y)}" class="{names}">{text(shown)}</text>')


def free(grid: Grid, used: set[Position]) -> Html:
    """The cores that nothing lies on, as one path."""
    side, parts = number(grid.side - 1), []
    for row in range(grid.first[1], grid.first[1] + grid.rows):
        for column in range(grid.first[0], grid.first[0] + grid.columns):
            if (column, row) not in used:
                x, y = grid.corner((column, row))
                parts.append(f"M{number(x)} {number(y)}h{side}v{side}h-{side}z")
    return join([Html(f'<path class="free" d="{"".join(parts)}"/>')]) if parts else Html("")
