"""Layer by time: how much of each layer fires in each step, and all spikes together above it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from talon.hw.report import plural
from talon.hw.reporting.amounts import level
from talon.hw.reporting.figures import Layer, Report
from talon.hw.reporting.markup import Html, element, section, text
from talon.hw.reporting.ramps import ramp
from talon.ir.drawing.lettering import shorten
from talon.ir.drawing.svg import number

COLUMNS = 500
"""Of the picture: longer runs show the mean of several steps in one."""
WIDTH, ROW, LABELS, CURVE, BOTTOM = 720.0, 22.0, 180.0, 56.0, 24.0
"""In pixels: of the cells, a row, the names left of them, the curve above, the axis below."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def raster(report: Report) -> Html:
    """The section with the picture; a small script says what is under the pointer."""
    counts, pooled = columns(report)
    shown = spiking(report)
    rates = counts / np.maximum(np.array([[layer.neurons * report.samples] for _, layer in shown]).reshape(-1, 1), 1)
    most = float(rates.max(initial=0.0))
    about = "Darker cells fire more; the curve above is all layers together."
    if pooled > 1:
        about += f" A column is the mean of {pooled} steps."
    return section(
        "raster",
        "Spikes by layer and step",
        about,
        element(
            "div",
            picture(report, counts, rates, most, pooled),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="spikes by layer and step",
        ),
        element("p", ramp("load", "0", f"{most:.3g} spikes a neuron and step"), class_="legend"),
        element("p", id="under", class_="about", aria_live="polite"),
        data(report, counts, pooled),
    )


def spiking(report: Report) -> list[tuple[int, Layer]]:
    """The layers that have spikes, with their places among all."""
    return [(place, layer) for place, layer in enumerate(report.layers) if layer.spiking]


def columns(report: Report) -> tuple[np.ndarray, int]:
    """Spikes by layer and column, and how many steps a column stands for."""
    shown = [layer.spikes for _, layer in spiking(report)]
    counts = np.array(shown, np.float64).reshape(len(shown), report.steps)
    pooled = -(-counts.shape[1] // COLUMNS) if counts.shape[1] else 1
    starts = np.arange(0, counts.shape[1], pooled)
    if pooled > 1:
        sizes = np.minimum(starts + pooled, counts.shape[1]) - starts
        counts = np.add.reduceat(counts, starts, axis=1) / sizes
    return counts, pooled


def picture(report: Report, counts: np.ndarray, rates: np.ndarray, most: float, pooled: int) -> Html:
    shown = spiking(report)
    height = CURVE + ROW * len(shown) + BOTTOM
    wide = LABELS + WIDTH + 12
    wanted = counts.shape[1]
    size = WIDTH / max(wanted, 1)
    label = f"{plural(len(shown), 'layer')}, {plural(report.steps, 'step')}"
    parts = [
        f'<svg viewBox="0 0 {number(wide)} {number(height)}" width="{number(wide)}" height="{number(height)}" '
        f'role="img" aria-label="{label}" id="raster-svg">',
        curve(counts.sum(axis=0), size),
    ]
    for line, (place, layer) in enumerate(shown):
        y = CURVE + line * ROW
        name = f"L{place + 1} {layer.name}"
        parts.append(
            f'<g><title>{text(layer.name)}</title><text x="{number(LABELS - 8)}" y="{number(y + 15)}" class="end">'
            f"{text(shorten(name, LABELS - 12, 12))}</text></g>"
        )
        parts.append(f'<g transform="translate({number(LABELS)} {number(y + ROW / 2)}) scale({size:.6g} 1)">')
        parts += cells([level(rate / most) if most else "0" for rate in rates[line]])
        parts.append("</g>")
    parts += axis(report.steps, pooled, size, CURVE + ROW * len(shown))
    return Html("\n".join(parts) + "</svg>")


def cells(levels: Sequence[str]) -> Iterator[str]:
    """One path for each level of a row: equal neighbours are one stroke."""
    paths: dict[str, str] = {}
    at = 0
    ends: dict[str, int] = {}
    for step, run in groupby(levels):
        length = len(list(run))
        move = f"m{at - ends[step]} 0" if step in ends else f"M{at} 0"
        paths[step] = paths.get(step, "") + f"{move}h{length}"
        at += length
        ends[step] = at
    for step in sorted(paths, key=int):
        yield f'<path class="s{step}" d="{paths[step]}"/>'


def curve(totals: np.ndarray, size: float) -> str:
    """Spikes of all layers in each column."""
    most = float(totals.max(initial=0.0))
    room, foot = CURVE - 16, CURVE - 6
    heights = [foot - room * float(total) / most if most else foot for total in totals]
    points = "".join(f"V{number(y)}h{size:.5g}" for y in heights)
    shown = f"{most:,.0f} spikes"
    return (
        f'<path class="curve" d="M{number(LABELS)} {number(foot)}{points}V{number(foot)}z"/>'
        f'<text x="{number(LABELS - 8)}" y="{number(CURVE - room + 4)}" class="end faint">{shown}</text>'
    )


def axis(steps: int, pooled: int, size: float, y: float) -> Iterator[str]:
    """Numbers of steps, about ten."""
    each = next((tick for tick in TICKS if steps / tick <= 10), 10 ** len(str(steps)) // 10)
    for step in range(0, steps, each):
        x = LABELS + (step / pooled + (0.5 if pooled == 1 else 0)) * size
        yield f'<text x="{number(x)}" y="{number(y + 16)}" class="faint mid">{step}</text>'
    yield f'<text x="{number(LABELS - 8)}" y="{number(y + 16)}" class="end faint">step</text>'


def data(report: Report, counts: np.ndarray, pooled: int) -> Html:
    """What the script reads: the numbers of the picture. Letters that could end the element are escaped."""
    rows = [[int(n) if n == int(n) else round(float(n), 2) for n in row] for row in counts]
    said = {
        "names": [layer.name for _, layer in spiking(report)],
        "rows": rows,
        "pooled": pooled,
        "steps": report.steps,
        "left": LABELS,
        "top": CURVE,
        "width": WIDTH,
        "row": ROW,
    }
    plain = json.dumps(said, separators=(",", ":"), ensure_ascii=True)
    safe = plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return element("script", Html(safe), type="application/json", id="raster-data")
