"""The eight runnable NIR files as talon graphs: every cell of the stored outputs, every stored count, both resets.

The files are not part of the repository. They are looked for in `../shared/fixtures/nir` beside it; where that folder
is absent these tests say so and are skipped.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import Result, run

FOLDER = Path(__file__).parents[3] / "shared" / "fixtures" / "nir"
FILES = (
    "lif_norse",
    "braille_noDelay_bias_zero",
    "braille_subtract_55",
    "braille_v2a",
    "braille_first",
    "braille_noDelay_bias_zero_nested",
    "cnn_sinabs",
    "feedback_graph",
)
CLOSE = {"feedback_graph": 1e-5}
"""Files with real values at the output, and how far they may be off. All others are spikes, which are to be equal."""
SHOWN = ("lif_norse", "braille_v2a")
"""Files whose two resets are run to show that they differ."""

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the NIR files are not here: no folder {FOLDER}")


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as stored:
        return {key: stored[key] for key in stored.files}


def output(result: Result) -> np.ndarray:
    """The one output, of the one sample."""
    (array,) = result.outputs.values()
    return array[:, 0]


def test_every_runnable_file_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.nir")} == set(FILES)


def test_the_files_are_those_that_the_figures_belong_to(name: str) -> None:
    sums = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    for file in (f"{name}.nir", f"{name}.npz"):
        known = next(digest for path, digest in sums.items() if Path(path.lstrip("*")).name == file)
        assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == known


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_outputs_and_counts_are_those_stored(nir_graph: Any, name: str, reset: str) -> None:
    stored = load(name)
    graph = nir_graph(FOLDER / f"{name}.nir", float(stored["dt"]), reset)
    graph.validate()
    expected = stored[f"ref_{reset}"]
    assert expected.any()
    assert expected.dtype == np.float32
    agrees(name, output(run(graph, stored["input"][:, None])), expected)
    compare_counts(name, broken_as_there(name, graph), stored, reset)


def broken_as_there(name: str, graph: ir.Graph) -> ir.Graph:
    """The graph with its cycle broken where the files' reference breaks it.

    Nothing enters the cycle of `feedback_graph`: the files' reference begins at the first node of the file, our rule at
    the source of the first edge. That is another edge, which the outputs do not show and the membrane of `feedback_ir`
    does, by one step. Stating the delay says the same as the reference.
    """
    if name != "feedback_graph":
        return graph
    late = ("feedback_weights", "feedback_ir")
    return ir.Graph(graph.nodes, [ir.Edge(*edge, delay=1) if edge == late else edge for edge in graph.edges])


def compare_counts(name: str, graph: ir.Graph, stored: dict[str, np.ndarray], reset: str) -> None:
    prefix = f"ref_{reset}__counts__"
    nodes = [key.removeprefix(prefix) for key in stored if key.startswith(prefix)]
    assert nodes
    result = run(graph, stored["input"][:, None], record=[f"{node}.out" for node in nodes])
    agrees(name, output(result), stored[f"ref_{reset}"])
    for node in nodes:
        sums = result.records[f"{node}.out"][:, 0].reshape(result.state.step, -1).sum(axis=1)
        agrees(name, sums, stored[prefix + node])
        if "spikes" in result.counts.get(node, {}):
            assert np.array_equal(result.counts[node]["spikes"][:, 0], stored[prefix + node])


def agrees(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    if name in CLOSE:
        np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE[name])
    else:
        assert np.array_equal(found, expected), f"{np.count_nonzero(found != expected)} of {found.size} cells differ"


def test_the_graph_survives_a_file_of_ours(nir_graph: Any, name: str, tmp_path: Path) -> None:
    stored = load(name)
    graph = nir_graph(FOLDER / f"{name}.nir", float(stored["dt"]), "subtract")
    ir.write(tmp_path / "net.t1c", graph)
    again = ir.read(tmp_path / "net.t1c")
    assert again.same_as(graph)
    x = stored["input"][:20, None]
    assert np.array_equal(output(run(again, x)), output(run(graph, x)))


@pytest.mark.parametrize("name", SHOWN)
def test_the_settings_are_what_makes_them_agree(nir_graph: Any, name: str) -> None:
    """The wrong reset gives other spikes, so agreement above is not for want of any."""
    stored = load(name)
    graph = nir_graph(FOLDER / f"{name}.nir", float(stored["dt"]), "value")
    found = output(run(graph, stored["input"][:, None]))
    assert not np.array_equal(found, stored["ref_subtract"])


def test_the_recurrent_edge_is_the_one_that_waits(nir_graph: Any) -> None:
    graph = nir_graph(FOLDER / "braille_first.nir", 1e-4, "value")
    late = [tuple(edge) for edge, delay in zip(graph.edges, graph.delays(), strict=True) if delay]
    assert late == [("lif1.w_rec", "lif1.lif")]
    nested = nir_graph(FOLDER / "braille_noDelay_bias_zero_nested.nir", 1e-4, "value").nodes["lif1"]
    assert isinstance(nested, ir.Graph)
    assert [tuple(e) for e, delay in zip(nested.edges, nested.delays(), strict=True) if delay] == [("lin", "lif1")]


@pytest.mark.parametrize("path", sorted((FOLDER / "bad").glob("*.nir")), ids=lambda path: path.name)
def test_files_that_are_no_graphs_of_ours_are_one_error(path: Path) -> None:
    for trusted in (False, True):
        with pytest.raises(ir.TalonFormatError) as caught:
            ir.read(path, trusted=trusted)
        assert caught.value.code == ("T303" if path.name.startswith("trunc") else "T302")
        assert str(path) in str(caught.value)
