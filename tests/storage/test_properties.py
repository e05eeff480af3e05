"""Random graphs of all that files keep come back the same, from every installed backend."""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from talon import ir
from talon.storage import compared
from talon.storage.backend import backends
from talon.testing.kept import STRANGE, kept_graphs

KINDS = [(name, suffix) for name, backend in backends().items() for suffix in backend.suffixes if name != "hdf5"]
KINDS.append(("hdf5", ".t1c"))
each_backend = pytest.mark.parametrize(("name", "suffix"), KINDS, ids=["".join(kind) for kind in KINDS])
# Making a failing graph smaller takes minutes, and its repr is short as it is.
few = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def written(graph: ir.Graph, name: str, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"g{suffix}")
        ir.write(path, graph, backend=name)
        yield path


def paths(graph: ir.Graph, prefix: str = "") -> Iterator[str]:
    for name, node in graph.nodes.items():
        yield prefix + name
        if isinstance(node, ir.Graph):
            yield from paths(node, f"{prefix}{name}/")


@each_backend
@few
@given(graph=kept_graphs())
def test_any_graph_comes_back(name: str, suffix: str, graph: ir.Graph) -> None:
    fingerprint = graph.fingerprint()
    with written(graph, name, suffix) as path:
        for lazy in (True, False):
            found = ir.read(path, unknown="keep", lazy=lazy)
            assert list(paths(found)) == list(paths(graph))
            assert found.edges == graph.edges
            assert [type(found.node(p)) for p in paths(graph)] == [type(graph.node(p)) for p in paths(graph)]
            assert found.same_as(graph)
            assert found.fingerprint() == fingerprint
        again = path.with_name(f"again{suffix}")
        ir.write(again, ir.read(path, unknown="keep"), backend=name)
        assert ir.read(again, unknown="keep").fingerprint() == fingerprint
        if path.is_file():
            assert again.read_bytes() == path.read_bytes()


@few
@given(graph=kept_graphs())
def test_the_tree_of_any_graph_says_the_same(graph: ir.Graph) -> None:
    with written(graph, "hdf5", ".t1c") as path:
        assert compared(path).diagnostics == ()
        with h5py.File(path, "r+"):
            pass  # any edit drops the index
        found = ir.read(path, unknown="keep")
        assert found.same_as(graph)
        assert found.fingerprint() == graph.fingerprint()


@few
@given(graph=kept_graphs())
def test_any_graph_is_copied(graph: ir.Graph) -> None:
    for made in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert made.same_as(graph)
        assert made.fingerprint() == graph.fingerprint()


def arrays(node: ir.Node) -> list[np.ndarray]:
    if isinstance(node, ir.Opaque):
        return [ref.load() for ref in node.record.arrays.values()]
    values = [getattr(node, name) for name, declared in node.fields.items() if declared.is_array]
    return [value.data if isinstance(value, ir.CSR) else value for value in values if value is not None]


def things(graph: ir.Graph) -> Iterator[str]:
    """What there is in a graph, in words."""
    yield from (name for name in graph.given() if name not in ("nodes", "edges"))
    for edge in graph.edges:
        yield from ["delay"] * (edge.delay is not None)
        yield from ["port said"] * (edge.src.endswith(":out") or edge.dst.endswith(":in"))
    for node in (graph, *map(graph.node, paths(graph))):
        yield type(node).__name__
        yield from node.hints
        yield from (name for name in ("metadata", "input_type", "output_type") if node.stored(name))
        for name in node.quant:
            yield f"quantised {type(getattr(node, name)).__name__}"
        yield from ["strange"] * node.type_name.startswith(STRANGE)
        for array in arrays(node):
            yield array.dtype.str
            yield from ["large"] * (array.nbytes > 1 << 16)
            yield from ["nan"] * bool(array.dtype.kind == "f" and np.isnan(array).any())


def test_everything_is_drawn() -> None:
    """What the strategy is for turns up among its first thousand graphs, and as a rule among the first hundred."""
    wanted = {"delay", "port said", "Graph", "Opaque", "strange", "large", "nan"}
    wanted |= {"metadata", "input_type", "output_type", "core_id", "hardware_hints", "precision"}
    wanted |= {"dt", "quantization_config", "execution_schedule", "allow_cycles"}
    wanted |= {"<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"}
    wanted |= {"quantised CSR", "quantised ndarray"}
    wanted |= {"LIF", "Conv2d", "ChannelSplit", "Concat", "Skip", "Softmax"}
    seen: set[str] = set()

    def complete(graph: ir.Graph) -> bool:
        seen.update(things(graph))
        return wanted <= seen

    try:
        find(kept_graphs(), complete, settings=settings(few, max_examples=1000, database=None))
    except NoSuchExample:
        pytest.fail(f"never drawn: {wanted - seen}")
