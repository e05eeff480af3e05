"""Drawings: everything is there once, nothing overlaps, no text leaves its box, equal graphs give equal bytes."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.ir.document import NodeRecord
from talon.ir.drawing import draw, html, page, svg
from talon.ir.drawing.fold import WIDE, depth_first, groups
from talon.ir.opaque import Opaque
from talon.testing.strategies import instance, primitives

SVG = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass
class Picture:
    """What stands in an SVG: boxes by the first line of their tooltip, wires and labels."""

    boxes: dict[str, Rectangle] = field(default_factory=dict)
    texts: dict[str, list[ElementTree.Element]] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    wires: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    chips: list[tuple[str, Rectangle]] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)

    def words(self, name: str) -> list[str]:
        return [text.text or "" for text in self.texts[name]]


def rectangle(element: ElementTree.Element) -> Rectangle:
    x, y, width, height = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def picture(graph: ir.Graph, **options: int) -> Picture:
    root = ElementTree.fromstring(svg(graph, **options))
    found = Picture(size=(float(root.attrib["width"]), float(root.attrib["height"])))
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        paths = [path.attrib["d"] for path in group.findall(f"{SVG}path")]
        if title is not None:
            assert title.text is not None
            folded = group.attrib["class"] == "folded"
            name = title.text if folded else title.text.split("\n")[0].rsplit(": ", 1)[0]
            assert name not in found.boxes
            found.boxes[name] = rectangle(next(r for r in group if r.get("class") == "box"))
            found.texts[name] = group.findall(f"{SVG}text")
            found.families[name] = group.attrib["class"]
            found.frames[name] = len(group.findall(f"{SVG}rect"))
        elif paths:
            late = "stroke-dasharray" in group.attrib
            (found.late if late else found.wires).extend(paths)
        else:
            (text,) = group.findall(f"{SVG}text")
            found.chips.append((text.text or "", rectangle(group[0])))
    return found


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def points(path: str) -> Iterator[tuple[float, float]]:
    """Points on a path, close to each other."""
    x = y = 0.0
    for command, numbers in re.findall(r"([MVC])([^MVC]*)", path):
        values = [float(n) for n in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "V":
            yield from ((x, float(at)) for at in np.linspace(y, values[0], 40))
            y = values[0]
        else:
            t = np.linspace(0, 1, 60)[:, None]
            p = np.array([[x, y], values[0:2], values[2:4], values[4:6]])
            curve = (1 - t) ** 3 * p[0] + 3 * t * (1 - t) ** 2 * p[1] + 3 * t**2 * (1 - t) * p[2] + t**3 * p[3]
            yield from ((float(a), float(b)) for a, b in curve)
            x, y = values[4:6]


def typical_width(text: str, size: float) -> float:
    """About what common sans-serif faces need."""
    return sum(0.95 if c in "WMmw@%" else 0.3 if c in "ijl.,:' |" else 0.6 for c in text) * size


def assert_tidy(found: Picture) -> None:
    """No two boxes or labels overlap, wires keep out of boxes, texts stay inside and apart, all is on the sheet."""
    solid = [*found.boxes.values(), *(place for _, place in found.chips)]
    for i, one in enumerate(solid):
        assert one[0] >= 0
        assert one[1] >= 0
        assert one[2] <= found.size[0]
        assert one[3] <= found.size[1]
        for other in solid[i + 1 :]:
            assert not overlap(one, other)
    boxes = np.array(list(found.boxes.values()))
    for path in [*found.wires, *found.late]:
        x, y = np.array(list(points(path))).T[:, :, None]
        assert x.min() >= 0
        assert y.min() >= 0
        assert x.max() <= found.size[0]
        assert y.max() <= found.size[1]
        inside = (x > boxes[:, 0] + 1) & (x < boxes[:, 2] - 1) & (y > boxes[:, 1] + 1) & (y < boxes[:, 3] - 1)
        assert not inside.any()
    for name, (left, top, right, bottom) in found.boxes.items():
        lines: dict[float, list[tuple[float, float]]] = {}
        for text in found.texts[name]:
            x, y, size = (float(text.attrib[key]) for key in ("x", "y", "font-size"))
            wide = typical_width(text.text or "", size)
            start = x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "start")]
            assert left < start
            assert start + wide < right
            assert top < y - 0.8 * size
            assert y + 0.25 * size < bottom
            lines.setdefault(y, []).append((start, start + wide))
        for spans in lines.values():
            spans.sort()
            assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))


def lif() -> ir.LIF:
    return ir.LIF(20.0, 1.0, 0.0, 1.0)


def conv(out: int, into: int) -> ir.Conv2d:
    return ir.Conv2d(np.ones((out, into, 3, 3), np.float32), padding=1)


@pytest.fixture
def recurrent() -> ir.Graph:
    nodes = {"input": ir.Input([4]), "lif1": lif(), "rec": ir.Affine(np.eye(4)), "lif2": lif(), "out": ir.Output([4])}
    edges = [("input", "lif1"), ("lif1", "lif2"), ("lif2", "rec"), ir.Edge("rec", "lif1", delay=2), ("lif2", "out")]
    return ir.Graph(nodes, [*edges, ir.Edge("lif2", "lif2")], dt=0.001)


@pytest.fixture
def detector() -> ir.Graph:
    """Ports on both sides, a nested graph, a composite, a wire that passes several layers."""
    inner = ir.Graph(
        {"x": ir.Input([8, 4, 4]), "y": ir.Input([8, 4, 4]), "add": ir.Skip(), "z": ir.Output([8, 4, 4])},
        [("x", "add"), ("y", "add"), ("add", "z")],
    )
    separable = ir.SepConv2d(np.ones((8, 1, 3, 3)), np.ones((8, 8, 1, 1)), padding=1)
    nodes = {"input": ir.Input([24, 4, 4]), "split": ir.ChannelSplit((8, 16)), "conv": conv(8, 16), "sep": separable}
    nodes |= {"cell": inner, "cat": ir.Concat(3), "output": ir.Output([32, 4, 4])}
    edges = [("input", "split"), ("split:0", "cell:x"), ("split:1", "conv"), ("conv", "sep"), ("sep", "cell:y")]
    return ir.Graph(nodes, [*edges, ("cell", "cat"), ("split:1", "cat"), ("conv", "cat"), ("cat", "output")])


def test_every_node_and_edge_is_drawn_once(recurrent: ir.Graph, detector: ir.Graph) -> None:
    for graph in (recurrent, detector):
        found = picture(graph)
        assert list(found.boxes) == list(graph.nodes)
        for name, node in graph.nodes.items():
            assert [name, type(node).__name__] == [w for w in found.words(name) if w in (name, type(node).__name__)]
        assert len(found.wires) + len(found.late) == len(graph.edges)
        assert_tidy(found)


def test_delayed_edges_are_dashed_and_say_their_delay(recurrent: ir.Graph) -> None:
    found = picture(recurrent)
    assert len(found.late) == 2
    assert sorted(label for label, _ in found.chips) == ["delay 1", "delay 2"]
    assert not picture(ir.Graph.chain(ir.Input([1]), lif(), ir.Output([1]))).late


def test_a_delay_that_closes_no_cycle_runs_down() -> None:
    found = picture(ir.Graph({"a": ir.Input([1]), "b": ir.Output([1])}, [ir.Edge("a", "b", delay=3), ("a", "b")]))
    assert found.boxes["a"][3] < found.boxes["b"][1]
    assert (len(found.wires), len(found.late)) == (1, 1)
    assert [label for label, _ in found.chips] == ["delay 3"]
    assert_tidy(found)


def test_boxes_say_shape_and_essentials(detector: ir.Graph) -> None:
    found = picture(detector)
    assert {"3\u00d73, 16 \u2192 8, padding 1", "8\u00d74\u00d74"} <= set(found.words("conv"))
    assert {"0: 8\u00d74\u00d74", "1: 16\u00d74\u00d74", "split_sections (8, 16)"} <= set(found.words("split"))
    assert found.words("cat")[:3] == ["0", "1", "2"]
    assert {"x", "y", "4 inner nodes"} <= set(found.words("cell"))
    assert any("4 inner nodes" in words for words in found.words("sep"))
    assert found.frames == dict.fromkeys(detector.nodes, 1) | {"cell": 2, "sep": 2}
    assert found.families["conv"] == found.families["sep"] == "weights"
    vector = np.ones(8)
    alike = ir.Graph.chain(input=ir.Input([8]), lif=ir.LIF(vector, vector, vector, 2.0), output=ir.Output([8]))
    assert "tau, r, v_leak [8], v_threshold 2" in " ".join(picture(alike).words("lif"))


def test_graphs_that_do_not_check_are_drawn() -> None:
    nodes = {"input": ir.Input([3]), "fc": ir.Affine(np.ones((4, 9))), "a": ir.Skip(), "b": ir.Skip()}
    nodes |= {"lone": ir.Input(None), "old": Opaque(NodeRecord("", "Foreign", "talon-acme", "1.0"))}
    edges = [("input", "fc"), ("fc", "old"), ir.Edge("a", "b", delay=0), ir.Edge("b", "a", delay=0)]
    graph = ir.Graph(nodes, edges)
    assert graph.check().errors
    found = picture(graph)
    assert list(found.boxes) == list(nodes)
    assert all("?" in found.words(name) for name in nodes if name != "input")
    assert "Foreign" in found.words("old")
    assert [label for label, _ in found.chips] == ["delay 0"]
    assert_tidy(found)
    assert picture(ir.Graph({}, [])).boxes == {}


NASTY = '<script>alert("x")<|script>&amp;\'"]]>'


def test_names_are_escaped_and_shortened() -> None:
    names = [NASTY, "backbone.stage3." * 15, "\u540d\u524d" * 100, "W" * 200, "out"]
    parts = (ir.Input([1]), lif(), lif(), lif(), ir.Output([1]))
    graph = ir.Graph.chain(**dict(zip(names, parts, strict=True)))
    found = picture(graph)
    assert list(found.boxes) == names
    assert_tidy(found)
    for text in (svg(graph), html(graph), page(graph, draw(graph), NASTY)):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "\N{HORIZONTAL ELLIPSIS}" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg\")|<script|@import|url\(", svg(graph))


def test_text_of_a_node_is_made_harmless() -> None:
    region = ir.HybridRegion("snn", 1, "\x00\x1b\ud800\u202e<b>")
    graph = ir.Graph.chain(input=ir.Input([1]), region=region, output=ir.Output([1]))
    found = picture(graph)
    assert any("\N{REPLACEMENT CHARACTER}" * 4 + "<b>" in words for words in found.words("region"))
    html(graph).encode("utf-8")


@pytest.mark.parametrize("name", sorted(primitives()))
def test_every_primitive_is_drawn(name: str) -> None:
    cls = primitives()[name]
    for seed in range(4):
        node = instance(cls, np.random.default_rng(seed))
        found = picture(ir.Graph({"node": node}, []))
        assert {"node", name} <= set(found.words("node"))
        assert_tidy(found)


@st.composite
def graphs(draw_from: st.DrawFn) -> ir.Graph:
    """Any wiring of identity nodes, splits and joins, with cycles and delays."""
    kinds = [lambda: ir.Skip(), lambda: ir.Concat(2), lambda: ir.ChannelSplit((1, 2, 3))]
    count = draw_from(st.integers(1, 14))
    nodes = {f"n{i}": draw_from(st.sampled_from(kinds))() for i in range(count)}
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = []
    for src, dst in draw_from(st.lists(ends, max_size=24, unique=True)):
        port = f":{draw_from(st.integers(0, 2))}" if isinstance(nodes[f"n{src}"], ir.ChannelSplit) else ""
        edges.append(ir.Edge(f"n{src}{port}", f"n{dst}", delay=draw_from(st.sampled_from([None, None, 0, 1, 70]))))
    return ir.Graph(nodes, edges)


@settings(max_examples=120, deadline=None)
@given(graphs())
def test_any_graph_is_drawn_tidily(graph: ir.Graph) -> None:
    found = picture(graph)
    assert list(found.boxes) == list(graph.nodes)
    assert len(found.wires) + len(found.late) == len(graph.edges)
    assert_tidy(found)


def long_chain(count: int) -> ir.Graph:
    body = {f"n{i}": lif() if i % 2 else ir.Skip() for i in range(count - 2)}
    return ir.Graph.chain(**{"input": ir.Input([1]), **body, "output": ir.Output([1])})


def residual(blocks: int) -> ir.Graph:
    nodes: dict[str, ir.Node] = {"input": ir.Input([1])}
    edges = []
    last = "input"
    for i in range(blocks):
        nodes |= {f"lif{i}": lif(), f"fc{i}": ir.Affine(np.eye(1)), f"add{i}": ir.Skip()}
        edges += [(last, f"lif{i}"), (f"lif{i}", f"fc{i}"), (f"fc{i}", f"add{i}"), (last, f"add{i}")]
        edges += [ir.Edge(f"fc{i}", f"lif{i}", delay=1)]
        last = f"add{i}"
    return ir.Graph({**nodes, "output": ir.Output([1])}, [*edges, (last, "output")])


def test_wires_are_untangled() -> None:
    """Branches that are joined in another order than they were made cross nothing when they need not."""
    names = [f"b{i}" for i in range(6)]
    nodes = {"input": ir.Input([1]), **dict.fromkeys(names, ir.Skip()), "cat": ir.Concat(6), "output": ir.Output([6])}
    joined = ["b3", "b1", "b5", "b0", "b2", "b4"]
    edges = [*(("input", n) for n in names), *((n, "cat") for n in joined), ("cat", "output")]
    found = picture(ir.Graph(nodes, edges))
    assert sorted(names, key=lambda name: found.boxes[name][0]) == joined


def test_a_run_folds_into_one_box_that_counts() -> None:
    assert not draw(long_chain(300)).folded
    drawing = draw(long_chain(302))
    assert (drawing.folded, drawing.boxes) == (True, 7)
    (folded,) = (words for words in drawing.svg.split("<title>") if words.startswith("296 nodes: "))
    assert folded.startswith("296 nodes: 148 LIF, 148 Skip\nn2 \u2026 n297\n295 edges between them</title>")
    assert "\u2026 296 nodes</text>" in folded
    small = picture(long_chain(30), limit=20)
    assert len(small.boxes) == 7
    assert_tidy(small)


def test_a_large_graph_folds_into_few_boxes_and_loses_none() -> None:
    graph = residual(1000)
    drawing = draw(graph)
    assert (drawing.folded, drawing.boxes) == (True, 32)
    assert len(drawing.svg) < 60_000
    found = picture(graph)
    assert_tidy(found)
    shown = [
        int(words.split()[1].replace(",", ""))
        for name in found.boxes
        for words in found.words(name)[:1]
        if words.startswith("\u2026")
    ]
    assert sum(shown) + 32 - len(shown) == len(graph.nodes)


def test_too_many_edges_fold_too() -> None:
    names = [f"n{i}" for i in range(60)]
    graph = ir.Graph(dict.fromkeys(names, ir.Skip()), [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]])
    drawing = draw(graph)
    assert drawing.folded
    assert len(drawing.svg) < 300_000
    assert_tidy(picture(graph))


def test_what_is_wide_folds_and_the_outputs_stay() -> None:
    fan = [f"b{i}" for i in range(200)]
    nodes = {"in": ir.Input([4]), **dict.fromkeys(fan, ir.Skip()), "sum": ir.Skip(), "out": ir.Output([4])}
    edges = [*(("in", n) for n in fan), *((n, "sum") for n in fan), ("sum", "out")]
    found = draw(ir.Graph(nodes, edges))
    assert (found.folded, found.boxes) == (True, 4)
    assert found.width < 1000
    # Branches of two, which are no twins, and an Output in the middle of everything.
    long = {f"{n}{k}": ir.Skip() for n in fan for k in "xy"}
    nodes = {"in": ir.Input([4]), **long, "tap": ir.Output([4]), "out": ir.Output([4])}
    edges = [e for n in fan for e in (("in", f"{n}x"), (f"{n}x", f"{n}y"), (f"{n}y", "out"))] + [("b100x", "tap")]
    drawn = picture(ir.Graph(nodes, edges))
    assert {"in", "tap", "out"} <= set(drawn.boxes)
    assert len(drawn.boxes) < 40
    assert draw(ir.Graph(nodes, edges)).width < 5000
    assert_tidy(drawn)


@settings(max_examples=60, deadline=None)
@given(st.integers(30, 400), st.randoms(use_true_random=False))
def test_folding_makes_no_cycle(count: int, random: object) -> None:
    seed = random.getrandbits(32)  # type: ignore[attr-defined]
    rng = np.random.default_rng(seed)
    names = rng.permutation(count)
    ends = np.sort(rng.integers(0, count, (int(count * rng.uniform(0.5, 2.5)), 2)), axis=1)
    pairs = [(int(names[a]), int(names[b])) for a, b in ends if a != b]
    leaves = sorted(set(range(count)) - {a for a, _ in pairs})[: rng.integers(0, 30)]
    parts = groups(count, pairs, leaves)
    assert len(leaves) > WIDE or all([leaf] in parts for leaf in leaves)
    assert Counter(n for part in parts for n in part) == Counter(range(count))
    box = {n: i for i, part in enumerate(parts) for n in part}
    between = {(box[a], box[b]) for a, b in pairs if box[a] != box[b]}
    place = {n: i for i, n in enumerate(depth_first(len(parts), sorted(between)))}
    assert len(place) == len(parts)
    assert all(place[a] < place[b] for a, b in between)


def test_equal_graphs_give_equal_bytes(detector: ir.Graph, recurrent: ir.Graph) -> None:
    for graph in (detector, recurrent, residual(200)):
        again = ir.Graph(dict(graph.nodes), list(graph.edges), dt=graph.dt)
        assert svg(graph) == svg(again)
        assert html(graph) == html(again)


def test_html_names_nodes_and_needs_nothing(recurrent: ir.Graph) -> None:
    text = html(recurrent)
    root = ElementTree.fromstring(text)
    assert root.find("p") is not None
    assert "Graph: 5 nodes, 6 edges, dt = 0.001 s, with cycles" in text
    assert "no cycles" in html(ir.Graph.chain(ir.Input([1]), ir.Output([1])))
    rows = [[cell.text for cell in row] for row in root.iter("tr")]
    assert rows[0] == ["node", "type", "output", "parameters"]
    assert ["rec", "Affine", "4", "16"] in rows
    assert len(rows) == 6
    assert "open" not in next(root.iter("details")).attrib
    assert root.find(f".//{SVG}svg") is not None


def test_html_of_a_large_graph_is_short() -> None:
    text = html(long_chain(1000))
    assert text.count("<title>") == 7
    assert "and 800 more" in text
    assert len(text) < 50_000
    graph = long_chain(1000)
    whole = page(graph, draw(graph), "a <b>")
    assert "<title>a &lt;b&gt;</title>" in whole
    assert "<svg" in whole
