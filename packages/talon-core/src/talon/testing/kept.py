"""Random graphs of all that a file must keep, legal to run or not: for property tests of storage backends.

    @given(kept_graphs())
    def test_my_backend(graph):
        ir.write("net.mine", graph)
        assert ir.read("net.mine", unknown="keep").same_as(graph)

The structure is that of `talon.testing.graphs`; names, metadata, hints, declared shapes, dtypes, bits, explicit ports
and nodes of types that nobody provides are drawn on top. It needs hypothesis: `pip install "talon-core[testing]"`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.csr import CSR
from talon.ir.document import Document, NodeRecord, from_document, to_document
from talon.ir.errors import TalonError
from talon.ir.graph import Graph
from talon.ir.node import HINTS, Node
from talon.ir.primitives.linear import Affine
from talon.ir.quantized import RULES, Quantized
from talon.ir.restoring import field_values
from talon.storage.files import class_or_none
from talon.testing.everything import DTYPES
from talon.testing.graphs import graphs
from talon.testing.strategies import instance, primitives

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Draw = Callable[["SearchStrategy[Any]"], Any]

LOOSE = ((2, 3), (16, 8), (17, 8), (130, 130))
"""Shapes of weights beside the graph: of float64 up to 1 KiB, more, and more than 64 KiB."""
KNOWN_TO_ALL = ("Graph", "Input", "Output")
STRANGE = "Nobodys"
"""What the types begin with that nobody provides."""


def texts(most: int = 8) -> SearchStrategy[str]:
    """Texts that UTF-8 can say."""
    from hypothesis import strategies as st

    return st.text(st.characters(exclude_categories=["Cs"]), max_size=most)


def names() -> SearchStrategy[str]:
    """Names that a node may have."""
    from hypothesis import strategies as st

    letters = st.characters(exclude_categories=["C", "Z"], exclude_characters=":/") | st.sampled_from(" .\"'\\")
    return st.text(letters, min_size=1, max_size=12).filter(lambda name: name != ".")


def bits(dtype: Any, shape: tuple[int, ...]) -> SearchStrategy[np.ndarray]:
    """Arrays drawn as bytes: payloads of NaN, -0.0 and subnormals are as likely as anything."""
    from hypothesis import strategies as st

    kind = np.dtype(dtype)

    def array(seed: int) -> np.ndarray:
        data = np.frombuffer(np.random.default_rng(seed).bytes(prod(shape) * kind.itemsize), np.uint8)
        array: np.ndarray = (data % 2 if kind.kind == "b" else data).view(kind).reshape(shape)
        return array

    return st.integers(0, 2**32 - 1).map(array)


def matrices() -> SearchStrategy[CSR]:
    """Sparse matrices of every dtype: with no elements, with a few, with all."""
    from hypothesis import strategies as st

    def matrix(drawn: tuple[str, tuple[int, int], float, int]) -> CSR:
        dtype, shape, share, seed = drawn
        there = np.random.default_rng(seed).random(shape) < share
        data = np.random.default_rng(seed).bytes(int(there.sum()) * np.dtype(dtype).itemsize)
        values = np.frombuffer(data, np.uint8)
        indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        return CSR(indptr, np.nonzero(there)[1], (values % 2 if dtype == "?" else values).view(dtype), shape)

    shares = st.sampled_from((0.0, 0.1, 1.0))
    return st.tuples(st.sampled_from(DTYPES), st.sampled_from(LOOSE), shares, st.integers(0, 2**32 - 1)).map(matrix)


def quantised() -> SearchStrategy[Quantized]:
    """Integers of every width and dtype, dense and sparse, with every form of scale."""
    from hypothesis import strategies as st

    def made(drawn: tuple[int, tuple[int, int], float, str, int, int]) -> Quantized:
        bits, shape, share, rule, form, seed = drawn
        rng = np.random.default_rng(seed)
        most = 2 ** (bits - 1) - 1
        dtypes = [kind for kind in ("i1", "i2", "i4") if np.iinfo(kind).bits >= bits]
        integers = rng.integers(-most, most, shape, endpoint=True) * (rng.random(shape) < share)
        kept = integers.astype(dtypes[seed % len(dtypes)])
        size = ((), (1,), (shape[0], 1), (1, shape[1]), shape)[form]
        scale = np.ldexp(1.0, rng.integers(-100, 60, size)) * (1 if rule == "pow2" else rng.uniform(1, 2, size))
        return Quantized(CSR.from_dense(kept) if share < 1 else kept, scale, bits, rule)

    shares = st.sampled_from((0.0, 0.1, 1.0))
    rules = st.sampled_from(RULES)
    seeds = st.integers(0, 2**32 - 1)
    return st.tuples(st.integers(2, 32), st.sampled_from(LOOSE), shares, rules, st.integers(0, 4), seeds).map(made)


def notes() -> SearchStrategy[Any]:
    """Metadata of every type: text, numbers of any size, None, arrays, and lists, tuples and dicts of them."""
    from hypothesis import strategies as st

    shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
    arrays = st.tuples(st.sampled_from(DTYPES), shapes).flatmap(lambda drawn: bits(*drawn))
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts() | arrays,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(texts(4), inner, max_size=3)
        ),
        max_leaves=8,
    )


def mappings() -> SearchStrategy[dict[str, Any]]:
    from hypothesis import strategies as st

    return st.dictionaries(texts(4), notes(), min_size=1, max_size=2)


def fields(outermost: bool, graph: bool) -> SearchStrategy[dict[str, Any]]:
    """Stored attributes that every node may have, and those of graphs."""
    from hypothesis import strategies as st

    shapes = st.lists(st.integers(1, 6), min_size=1, max_size=3)
    hints: dict[str, SearchStrategy[Any]] = {name: texts() for name in HINTS if name.endswith(("_t", "precision"))}
    hints |= {"reuse_factor": st.integers(1, 64), "core_id": st.integers(0, 1 << 40), "hardware_hints": mappings()}
    chosen = {"metadata": mappings(), **hints}
    if graph:
        chosen |= {"dt": st.floats(1e-9, 10.0), "allow_cycles": st.just(True), "target_hardware": texts()}
        chosen |= {"quantization_config": notes(), "partition_metadata": mappings(), "cyclic_config": notes()}
        chosen |= {"execution_schedule": notes()}
    elif not outermost:
        chosen |= {"input_type": shapes, "output_type": shapes}
    return st.lists(st.sampled_from(sorted(chosen)), max_size=3, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: chosen[key] for key in keys})
    )


def kept_graphs(*, size: int = 6, depth: int = 3) -> SearchStrategy[Graph]:
    """Graphs of up to `size` layers on each of up to `depth` levels, with up to four nodes changed and four more.

    Types that nobody provides are among them: read such graphs with `unknown="keep"`.
    """
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw: Draw) -> Graph:
        graph = renamed(draw, with_loose(draw, draw(graphs(size=size, depth=depth))))
        document = to_document(graph, lambda cls: ("talon-core", "1.2"), "")
        numbers = st.sampled_from(range(len(document.nodes)))
        for number in {0, *draw(st.lists(numbers, max_size=4))}:
            document.nodes[number] = changed(draw, document.nodes[number])
        document = with_ports(draw, document, graph)
        return from_document(document, class_or_none)

    return drawn()


def with_loose(draw: Draw, graph: Graph) -> Graph:
    """The graph with nodes that no edge leads to: primitives of any kind, and weights of several sizes
    and forms."""
    from hypothesis import strategies as st

    nodes: dict[str, Node] = dict(graph.nodes)
    known = primitives()
    for name in draw(st.lists(st.sampled_from(sorted(known)), max_size=3)):
        seed = draw(st.integers(0, 2**32 - 1))
        nodes[f"loose {name} {len(nodes)}"] = instance(known[name], np.random.default_rng(seed))
    if draw(st.booleans()):
        weight = draw(bits(draw(st.sampled_from(DTYPES)), draw(st.sampled_from(LOOSE))))
        nodes[f"loose {len(nodes)}"] = Affine.restore({"weight": weight})
    if draw(st.booleans()):
        nodes[f"loose {len(nodes)}"] = Affine.restore({"weight": draw(matrices())})
    if draw(st.booleans()):
        nodes[f"loose {len(nodes)}"] = Affine.restore({"weight": draw(quantised())})
    order = draw(st.permutations(list(nodes)))
    return Graph({name: nodes[name] for name in order}, graph.edges)


def renamed(draw: Draw, graph: Graph) -> Graph:
    """The graph with other names for some of its nodes, that look different from each other."""
    from hypothesis import strategies as st

    old = draw(st.lists(st.sampled_from(list(graph.nodes)), max_size=3, unique=True))
    new: dict[str, str] = {}
    taken = {unicodedata.normalize("NFC", name) for name in graph.nodes}
    for name in old:
        found = draw(names())
        if (plain := unicodedata.normalize("NFC", found)) not in taken:
            taken.add(plain)
            new[name] = found
    return graph.rename(new)


def changed(draw: Draw, record: NodeRecord) -> NodeRecord:
    """The record with other fields, arrays of other dtypes, or of a type that nobody provides."""
    from hypothesis import strategies as st

    is_graph = record.type == "Graph"
    found = replace(record, attrs={**record.attrs, **draw(fields(not record.path, is_graph))})
    found.arrays = {
        name: ArrayRef.of(draw(bits(draw(st.sampled_from(DTYPES)), ref.shape))) if draw(st.booleans()) else ref
        for name, ref in record.arrays.items()
    }
    if record.type not in KNOWN_TO_ALL and draw(st.booleans()):
        provider, version = draw(names()), draw(names())
        attrs = {**found.attrs, "a word": draw(notes().filter(lambda value: value is not None))}  # None is not there
        arrays = {**found.arrays, "of nobody": ArrayRef.of(draw(bits(draw(st.sampled_from(DTYPES)), (3, 4))))}
        schema, kind = draw(st.integers(0, 9)), STRANGE + record.type
        return NodeRecord(record.path, kind, provider, version, schema, attrs, arrays, frozenset(attrs))
    cls = class_or_none(record)
    assert cls is not None
    try:
        cls.restore(field_values(found, cls) | ({"nodes": {}, "edges": []} if is_graph else {}))
    except TalonError:
        return record
    return found


def with_ports(draw: Draw, document: Document, graph: Graph) -> Document:
    """The document with some ports said that need not be."""
    from hypothesis import strategies as st

    edges = []
    for edge in document.edges:
        src, dst = (f"{edge.level}/{end}" if edge.level else end for end in (edge.src, edge.dst))
        if ":" not in src and draw(st.booleans()):
            edge = edge._replace(src=f"{edge.src}:{graph.node(src).ports().outputs[0]}")
        if ":" not in dst and draw(st.booleans()):
            edge = edge._replace(dst=f"{edge.dst}:{graph.node(dst).ports().inputs[0].name}")
        edges.append(edge)
    return replace(document, edges=edges)
