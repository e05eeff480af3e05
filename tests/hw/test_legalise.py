"""Rewrites: each pass by itself, what it keeps to the bit, what it says that it does not keep, and what it leaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import run
from talon.hw.catalogue import described, shipped
from talon.hw.ledger import told

Make = SimpleNamespace
STEPS = 12


def mesh(*changes: tuple[str, str]) -> hw.Target:
    """generic-mesh after some replacements in its description."""
    text = shipped()["generic-mesh"].read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return described(text.encode(), "test.toml")


def without(*primitives: str) -> hw.Target:
    return mesh(*((f"\n{name} = {{}}", "") for name in primitives))


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def spikes(*shape: int) -> np.ndarray:
    return (np.random.default_rng(1).random((STEPS, 2, *shape)) < 0.4).astype("f4")


def conv(inputs: int, outputs: int, kernel: int = 3, **fields: Any) -> ir.Conv2d:
    weight = random(outputs, inputs // fields.get("groups", 1), kernel, kernel)
    return ir.Conv2d(weight, random(outputs), **{"padding": kernel // 2} | fields)


def outputs(graph: ir.Graph, x: np.ndarray) -> np.ndarray:
    (found,) = run(graph, x).outputs.values()
    return found


def lines(found: hw.Legalised) -> list[tuple[str, str, str, str, str, bool]]:
    return [(r.done_by, r.node, r.field, r.before, r.after, r.exact) for r in found.ledger]


def same(graph: ir.Graph, found: hw.Legalised, *shape: int) -> bool:
    x = spikes(*shape)
    return np.array_equal(outputs(graph, x), outputs(found.graph, x))


# Passes


def test_a_graph_that_needs_nothing_is_given_back(make: Make) -> None:
    graph = ir.Graph.chain(ir.Input([4]), fc=make.dense(4, 6), n=make.lif(), output=ir.Output([6]))
    found = hw.legalise(graph, "generic-mesh")
    assert found.graph is graph
    assert (found.ledger, found.exact, found.report.ok) == ((), True, True)


def test_identities_are_taken_out_and_change_nothing() -> None:
    nodes = {"c": conv(2, 4), "drop": ir.Dropout(4), "n": ir.IF(1.0), "region": ir.HybridRegion("snn", 4)}
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), **nodes, m=ir.IF(1.0), out=ir.Output([4, 6, 6]))
    found = hw.legalise(graph, "generic-mesh")
    assert list(found.graph.nodes) == ["input", "c", "n", "m", "out"]
    assert lines(found) == [
        ("identities", "drop", "node", "Dropout", "removed", True),
        ("identities", "region", "node", "HybridRegion", "removed", True),
    ]
    assert same(graph, found, 2, 6, 6)
    assert hw.legalise(found.graph, "generic-mesh").ledger == ()


def test_an_identity_that_makes_two_edges_one_stays() -> None:
    nodes = {"in": ir.Input([3]), "drop": ir.Dropout(3), "n": ir.IF(1.0), "out": ir.Output([3])}
    graph = ir.Graph(nodes, [("in", "drop"), ("in", "n"), ("drop", "n"), ("n", "out")])
    found = hw.legalise(graph, "generic-mesh")
    assert found.ledger == ()
    assert found.report.ok


def test_an_identity_that_is_read_twice_or_stands_beside_a_port_stays() -> None:
    """Edges that say a delay of 0 and none are two until one is added; the port of a split may be said or follow from
    the order."""
    twice = ir.Graph(
        {"in": ir.Input([3]), "drop": ir.Dropout(3), "n": ir.IF(1.5), "out": ir.Output([3])},
        [ir.Edge("in", "drop", delay=0), ("drop", "n"), ir.Edge("drop", "n", delay=0), ("n", "out")],
    )
    beside = ir.Graph(
        {"in": ir.Input([4]), "split": ir.ChannelSplit([2, 2]), "drop": ir.Dropout(2), "n": ir.IF(1.5),
         "o": ir.Output([2]), "p": ir.Output([2])},
        [("in", "split"), ("split", "drop"), ("split:1", "p"), ("split:0", "n"), ("drop", "n"), ("n", "o")],
    )  # fmt: skip
    for graph, shape in ((twice, (3,)), (beside, (4,))):
        found, x = hw.legalise(graph, "generic-mesh"), spikes(*shape)
        assert found.graph is graph
        quantised = hw.quantize(graph, "generic-mesh", calibration=x)
        assert "drop" in quantised.nodes


def test_delays_of_an_identity_are_added() -> None:
    nodes = {"in": ir.Input([3]), "drop": ir.Dropout(3), "n": ir.IF(1.0), "out": ir.Output([3])}
    edges = [ir.Edge("in", "drop", delay=1), ir.Edge("drop", "n", delay=2), ("n", "out")]
    graph = ir.Graph(nodes, edges)
    found = hw.legalise(graph, "generic-mesh")
    assert [e.delay for e in found.graph.edges] == [3, None]
    assert same(graph, found, 3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("per_step", [True, False])
def test_batch_norm_goes_into_the_weights(bias: bool, affine: bool, per_step: bool) -> None:
    weight = random(3, 4, 2, 3, 3) if per_step else random(4, 2, 3, 3)
    layer = ir.Conv2d(weight, random(*weight.shape[:-3]) if bias else None, padding=1)
    scale, shift = (random(4, seed=2), random(4, seed=3)) if affine else (None, None)
    norm = ir.BatchNorm2d(4, scale, shift, random(4, seed=4), np.abs(random(4, seed=5)))
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), c=layer, bn=norm, out=ir.Output([4, 6, 6]))
    found = hw.legalise(graph, "generic-mesh")
    assert list(found.graph.nodes) == ["input", "c", "out"]
    assert not found.exact
    x = spikes(2, 6, 6)
    np.testing.assert_allclose(outputs(found.graph, x), outputs(graph, x), rtol=1e-4, atol=1e-4)
    assert [(done, node, field) for done, node, field, *_ in lines(found)] == [
        ("batch norm", "c", "weight"),
        ("batch norm", "c", "bias"),
        ("batch norm", "bn", "node"),
    ]
    assert all(rewrite.why for rewrite in found.ledger)


def test_batch_norm_of_a_sum_is_shared(make: Make) -> None:
    nodes = {
        "in": ir.Input([4]),
        "a": ir.Affine(random(3, 4), random(3)),
        "b": ir.Affine(random(3, 4, seed=1), random(3)),
    }
    norm = ir.BatchNorm1d(3, random(3, seed=2), random(3, seed=3), random(3, seed=4), np.abs(random(3, seed=5)))
    nodes |= {"bn": norm, "out": ir.Output([3])}
    graph = ir.Graph(nodes, [("in", "a"), ("in", "b"), ("a", "bn"), ("b", "bn"), ("bn", "out")])
    found = hw.legalise(graph, "generic-mesh")
    assert list(found.graph.nodes) == ["in", "a", "b", "out"]
    x = spikes(4)
    np.testing.assert_allclose(outputs(found.graph, x), outputs(graph, x), rtol=1e-4, atol=1e-4)


def test_batch_norm_that_cannot_go_into_weights_becomes_weights(make: Make) -> None:
    def norm(kind: Any) -> Any:
        return kind(4, random(4), random(4, seed=1), random(4, seed=2), np.abs(random(4, seed=3)))

    maps = ir.Graph.chain(ir.Input([4, 5, 5]), bn=norm(ir.BatchNorm2d), n=ir.IF(1.0), out=ir.Output([4, 5, 5]))
    flat = ir.Graph.chain(ir.Input([4]), bn=norm(ir.BatchNorm1d), n=ir.IF(1.0), out=ir.Output([4]))
    for graph, kind, shape in ((maps, "SDConv", (4, 5, 5)), (flat, "Affine", (4,))):
        assert not hw.check(graph, "generic-mesh").ok
        found = hw.legalise(graph, "generic-mesh")
        assert found.report.ok
        assert found.graph.nodes["bn"].type_name == kind
        x = spikes(*shape)
        bare, new = graph.remove("n", bridge=True), found.graph.remove("n", bridge=True)
        np.testing.assert_allclose(outputs(new, x), outputs(bare, x), rtol=1e-5, atol=1e-5)


def test_batch_norm_behind_a_delay_keeps_its_place(make: Make) -> None:
    """Before the first delayed value arrives it gives its shift, which folded weights would not."""
    norm = ir.BatchNorm1d(3, None, random(3), random(3, seed=1), np.ones(3, "f4"))
    nodes = {"in": ir.Input([4]), "a": make.dense(4, 3), "bn": norm, "out": ir.Output([3])}
    graph = ir.Graph(nodes, [("in", "a"), ir.Edge("a", "bn", delay=2), ("bn", "out")])
    found = hw.legalise(graph, "generic-mesh")
    assert found.graph.nodes["bn"].type_name == "Affine"
    x = spikes(4)
    np.testing.assert_allclose(outputs(found.graph, x), outputs(graph, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kernel", "exact"), [(2, True), ((2, 4), True), (3, False)])
def test_mean_pools_become_depthwise_convolutions(kernel: Any, exact: bool) -> None:
    nodes = {"n": ir.IF(1.0), "pool": ir.AvgPool2d(kernel, stride=2), "m": ir.IF(0.5)}
    graph = ir.Graph.chain(ir.Input([3, 9, 9]), **nodes, out=ir.Output(None))
    target = without("AvgPool2d")
    assert [d.node for d in hw.check(graph, target).errors] == ["pool"]
    found = hw.legalise(graph, target)
    assert found.report.ok
    assert lines(found) == [("mean pools", "pool", "type", "AvgPool2d", "SDConv", exact)]
    if exact:
        assert same(graph, found, 3, 9, 9)
    assert hw.legalise(graph, without("AvgPool2d", "SDConv")).graph.nodes["pool"].type_name == "Conv2d"


def test_mean_pools_that_divide_unevenly_are_left() -> None:
    pool = ir.AvgPool2d(2, stride=2, padding=1, count_include_pad=False)
    graph = ir.Graph.chain(ir.Input([3, 8, 8]), n=ir.IF(1.0), pool=pool, out=ir.Output(None))
    found = hw.legalise(graph, without("AvgPool2d"))
    assert found.ledger == ()
    assert [d.node for d in found.report.errors] == ["pool"]
    with_ceil = graph.replace("pool", ir.AvgPool2d(3, stride=2, ceil_mode=True))
    assert not hw.legalise(with_ceil, without("AvgPool2d")).report.ok


@settings(max_examples=25, deadline=None)
@given(
    groups=st.sampled_from([1, 2, 4]),
    dilation=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    steps=st.sampled_from([0, 3]),
)
def test_groups_and_dilation_are_filled_with_zeros(
    groups: int, dilation: int, kernel: int, stride: int, steps: int
) -> None:
    shape = (8, 4 // groups, kernel, kernel)
    weight = random(steps, *shape) if steps else random(*shape)
    layer = ir.Conv2d(weight, random(8), stride=stride, padding=2, dilation=dilation, groups=groups)
    graph = ir.Graph.chain(ir.Input([4, 9, 9]), c=layer, n=ir.IF(1.0), out=ir.Output(None))
    found = hw.legalise(graph, mesh(("Conv2d = {}", "Conv2d = { groups = [1], dilation = [1] }")))
    assert found.report.ok
    assert found.exact
    assert bool(found.ledger) == (groups > 1 or dilation > 1)
    assert same(graph, found, 4, 9, 9)


def test_a_depthwise_convolution_becomes_a_plain_one() -> None:
    layer = ir.SDConv(random(4, 1, 3, 3), random(4), padding=1)
    graph = ir.Graph.chain(ir.Input([4, 6, 6]), c=layer, n=ir.IF(1.0), out=ir.Output(None))
    found = hw.legalise(graph, mesh(("\nSDConv = {}", ""), ("\nConv2d = {}", "\nConv2d = { groups = [1] }")))
    assert found.report.ok
    assert lines(found) == [("groups", "c", "type", "SDConv", "Conv2d", True)]
    assert same(graph, found, 4, 6, 6)


@pytest.mark.parametrize(("r", "exact"), [(2.0, True), (3.0, False), (np.array([1.0, 2, 0.5, 4, 8, 1]), True)])
def test_gains_go_into_the_weights(r: Any, exact: bool) -> None:
    neuron = ir.LIF(2.0, r, 0.0, 1.0)
    graph = ir.Graph.chain(ir.Input([4]), fc=ir.Affine(random(6, 4), random(6)), n=neuron, out=ir.Output([6]))
    found = hw.legalise(graph, mesh(("\nLIF = {}", "\nLIF = { r = [1] }")))
    assert found.report.ok
    assert found.exact == exact
    assert found.graph.nodes["n"].r.max() == 1.0  # type: ignore[attr-defined]
    assert same(graph, found, 4)  # 3 w is rounded here and there, which these spikes do not see


def test_a_gain_whose_weights_others_read_is_left(make: Make) -> None:
    nodes = {
        "in": ir.Input([4]),
        "fc": make.dense(4, 6),
        "n": ir.IF(1.0, r=2.0),
        "m": ir.IF(1.0),
        "out": ir.Output([6]),
    }
    graph = ir.Graph(nodes, [("in", "fc"), ("fc", "n"), ("fc", "m"), ("n", "out"), ("m", "out")])
    found = hw.legalise(graph, mesh(("\nIF = {}", "\nIF = { r = [1] }")))
    assert found.ledger == ()
    wide = ("fc", "10 bits needed, so that no sum is cut")
    assert [(d.node, d.found) for d in found.report.errors] == [("n", "r=2.0"), wide]


def test_decays_become_shifts_and_say_so() -> None:
    graph = ir.Graph.chain(ir.Input([4]), n=ir.LIF(np.array([20.0, 2, 3, 8]), 1.0, 0.0, 1.0), out=ir.Output([4]))
    found = hw.legalise(graph, mesh(('rule = "multiply"', 'rule = "shift_at_least_1"')))
    assert found.report.ok
    assert not found.exact
    assert found.graph.nodes["n"].tau.tolist() == [16, 2, 4, 8]  # type: ignore[attr-defined]
    assert found.ledger[0].why == "the membrane decays by another factor"


@settings(max_examples=60, deadline=None)
@given(
    threshold=st.floats(-4, 4, width=32),
    comparator=st.sampled_from(["ge", "gt"]),
    reset=st.sampled_from(["value", "none"]),
    late=st.integers(0, 1),
    seed=st.integers(0, 99),
)
def test_the_other_comparison_means_the_same_to_the_bit(
    threshold: float, comparator: Any, reset: Any, late: int, seed: int
) -> None:
    neuron = ir.IF(threshold, comparator=comparator, reset=reset, reset_delay=late)
    graph = ir.Graph.chain(ir.Input([8]), n=neuron, out=ir.Output([8]))
    target = "generic-mesh" if comparator == "gt" else mesh(('comparator = "ge"', 'comparator = "gt"'))
    found = hw.legalise(graph, target)
    assert found.report.ok
    assert found.exact
    # Sums that hit the threshold, its neighbours, and others.
    near = [np.float32(threshold), np.nextafter(np.float32(threshold), np.float32(9)), np.float32(0.0)]
    near += [np.nextafter(np.float32(threshold), np.float32(-9)), np.float32(threshold) / 2]
    x = np.random.default_rng(seed).choice(np.array(near, "f4"), size=(STEPS, 2, 8))
    assert np.array_equal(outputs(graph, x), outputs(found.graph, x))


def test_a_subtracting_reset_sees_the_new_threshold() -> None:
    graph = ir.Graph.chain(ir.Input([8]), n=ir.IF(0.3, comparator="gt", reset="subtract"), out=ir.Output([8]))
    found = hw.legalise(graph, "generic-mesh")
    assert not found.exact
    assert found.ledger[-1].field == "v_threshold"
    assert (found.ledger[-1].before, found.ledger[-1].after) == ("0.3", "0.30000004")


@pytest.mark.parametrize("comparator", ["ge", "gt"])
@pytest.mark.parametrize("delay", [5, 8, 9])
def test_late_spikes_pass_neurons_in_between(make: Make, delay: int, comparator: Any) -> None:
    known = '{ value = 4, unit = "step", kind = "assumed", cite = "talon" }'
    target = mesh(
        ('max_delay = "unknown"', f"max_delay = {known}"), ('comparator = "ge"', f'comparator = "{comparator}"')
    )
    weights = ir.Affine(random(5, 4))
    nodes = {"in": ir.Input([4]), "n": ir.IF(1.0, comparator=comparator), "w": weights, "out": ir.Output([5])}
    graph = ir.Graph(nodes, [("in", "n"), ir.Edge("n", "w", delay=delay), ("n", "w"), ("w", "out")])
    if comparator == "gt":
        graph = graph.replace("n", ir.IF(0.5, comparator="gt"))
    found = hw.legalise(graph, target)
    assert found.report.ok
    assert found.exact
    relays = -(-delay // 4) - 1
    assert len(found.graph.nodes) == 4 + relays
    assert max(edge.delay or 0 for edge in found.graph.edges) == 4
    assert found.ledger[-1].after == f"through {relays} relay neurons"
    assert same(graph, found, 4)


def test_a_late_value_that_is_no_spike_is_left(make: Make) -> None:
    known = '{ value = 4, unit = "step", kind = "assumed", cite = "talon" }'
    nodes = {"in": ir.Input([4]), "w": make.dense(4, 4), "n": ir.IF(1.0), "out": ir.Output([4])}
    graph = ir.Graph(nodes, [("in", "w"), ir.Edge("w", "n", delay=6), ("n", "out")])
    found = hw.legalise(graph, mesh(('max_delay = "unknown"', f"max_delay = {known}")))
    assert found.ledger == ()
    assert [d.node for d in found.report.errors] == ["n"]


# Together


def test_composites_are_opened_and_what_cannot_be_mended_is_named() -> None:
    sep = ir.SepConv2d(random(2, 1, 3, 3), random(3, 2, 1, 1), padding=1)
    nodes = {"sep": sep, "n": ir.IF(1.0, reset="none"), "flat": ir.Flatten(), "soft": ir.Softmax(108)}
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), **nodes, out=ir.Output([108]))
    found = hw.legalise(graph, mesh(("\nSDConv = {}", ""), ('"value", "subtract", "none"', '"value"')))
    assert [line[:2] for line in lines(found)] == [("flatten", "sep"), ("groups", "sep.depthwise")]
    wide = ("T503", "sep.depthwise")
    assert [(d.code, d.node) for d in found.report.errors] == [("T504", "n"), ("T504", "soft"), wide]
    assert same(graph, found, 2, 6, 6)


def test_a_graph_that_does_not_hold_together_raises(make: Make) -> None:
    wrong = ir.Graph.chain(ir.Input([5]), fc=make.dense(4, 8), out=ir.Output([8]))
    with pytest.raises(ir.TalonError) as caught:
        hw.legalise(wrong, "generic-mesh")
    assert caught.value.code == "T104"


def test_lines_say_values_with_the_digits_that_matter() -> None:
    assert told(np.float32(0.1)) == "0.1"
    assert told(np.nextafter(np.float32(0.1), np.float32(1))) == "0.10000001"
    assert told(np.array([1.0, 2.5], "f4")) == "float32[2] 1 to 2.5"
    assert told("gt") == "gt"
    line = hw.Rewrite("gains", "n", "r", "2.0", "1.0", False, "rounded")
    assert str(line) == "gains: n.r: 2.0 -> 1.0 (not exact: rounded)"
    assert line.as_dict()["pass"] == "gains"


def test_a_suppression_compares_scores_and_no_membranes() -> None:
    """It has a comparator, and no threshold that would have to be the next one."""
    nodes = {
        "in": ir.Input([6, 2, 2]), "nms": ir.NMS(comparator="gt"), "out": ir.Output([300, 6]),
        "cell": ir.IF(1.0, comparator="gt"), "spikes": ir.Output([6, 2, 2]),
    }  # fmt: skip
    graph = ir.Graph(nodes, [("in", "nms"), ("nms", "out"), ("in", "cell"), ("cell", "spikes")])
    found = hw.legalise(graph, mesh())
    assert found.graph.nodes["nms"].same_as(nodes["nms"])
    assert {line.node for line in found.ledger} == {"cell"}
