"""What does not fit: every kind of finding, with what is there, what is needed, and where."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from talon import hw, ir
from talon.ir.errors import TalonGraphError, TalonTargetError

Mesh = Callable[..., hw.Target]


def test_a_unit_that_is_too_much_for_a_core_is_named_with_both_numbers(make: SimpleNamespace, mesh: Mesh) -> None:
    graph = ir.Graph.chain(input=ir.Input([100]), fc=make.dense(100, 5), n=make.lif(), output=ir.Output([5]))
    cases = {
        "fan_in": ("fan-in", 50, 100),
        "in_axons": ("in-axons", 50, 100),
        "weight_words": ("weight memory", 50, 103),
    }
    for key, (resource, have, need) in cases.items():
        report = hw.check(graph, mesh(**{key: have}))
        (finding,) = report.errors
        assert isinstance(finding, hw.Finding)
        assert (finding.code, finding.node, finding.resource, finding.have, finding.need) == (
            "T503",
            "fc",
            resource,
            have,
            need,
        )
        assert finding.mend
        assert "50" in (finding.expected or "")
        assert str(need) in (finding.found or "")
    assert not hw.check(graph, mesh(weight_words=50)).complete


def test_too_few_cores_and_too_little_memory_are_told_at_once(make: SimpleNamespace, mesh: Mesh) -> None:
    report = hw.check(make.mlp(), mesh(cores=8))
    short = make.findings(report, "T503")
    # Eight cores have 2,048 neurons; 1,861,632 weights, and 2,058 biases of three bytes.
    assert {r: (f.have, f.need) for r, f in short.items()} == {
        "cores": (8, len(report.cores)),
        "neurons": (2048, 2058),
        "weight memory": (8 * 65536, 1_861_632 + 3 * 2058),
    }


def test_a_layer_that_too_many_cores_hear_is_cut_smaller(make: SimpleNamespace, mesh: Mesh) -> None:
    # 40 neurons, heard by 8 cores of 8 neurons: 320 edges from one core.
    graph = ir.Graph.chain(
        input=ir.Input([4]), a=make.dense(4, 40), n=make.lif(), b=make.dense(40, 64), m=make.lif(), out=ir.Output([64])
    )
    wide = hw.check(graph, mesh(weight_words=8 * 43))
    assert make.row(wide, "a + n")["tiles"] == 1
    assert make.core(wide)["out-edges"] == 320
    cut = hw.check(graph, mesh(weight_words=8 * 43, out_edges=80))
    assert cut.ok
    assert make.row(cut, "a + n")["tiles"] == 4
    assert max(make.core(cut, n)["out-edges"] or 0 for n in range(len(cut.cores))) == 80
    # With 7 edges the 64 neurons of b need 10 tiles themselves, and one neuron of a reaches all of them.
    short = make.findings(hw.check(graph, mesh(weight_words=8 * 43, out_edges=7)), "T503")["out-edges"]
    assert (short.node, short.have, short.need) == ("n", 7, 10)


def test_a_primitive_without_a_place_is_named_and_the_rest_still_counted(make: SimpleNamespace) -> None:
    nodes = {"in": ir.Input([8]), "fc": make.dense(8, 4), "n": make.lif(), "soft": ir.Softmax(4)}
    graph = ir.Graph.chain(**nodes, fc2=make.dense(4, 2), act=ir.ReLU(2), out=ir.Output([2]))
    report = hw.check(graph, "generic-mesh")
    assert [(d.code, d.node, d.found) for d in report.errors] == [("T504", "soft", "Softmax"), ("T504", "act", "ReLU")]
    assert [layer.name for layer in report.layers] == ["fc + n", "fc2"]
    assert "run it on the host" in (report.errors[0].help or "")


def test_what_the_target_does_not_run_is_told_with_the_value(make: SimpleNamespace, edited: Callable[..., str]) -> None:
    fc = ir.SpikingAffine(np.zeros((4, 8)), spike_mode="graded")
    up = ir.Upsample(2, mode="bilinear")
    dense = ir.Graph.chain(input=ir.Input([8]), fc=fc, n=ir.IF(1.0), out=ir.Output([4]))
    (graded,) = hw.check(dense, "generic-mesh").errors
    assert (graded.code, graded.expected, graded.found) == ("T504", "spike_mode 'binary'", "spike_mode='graded'")
    (refused,) = hw.check(ir.Graph.chain(ir.Input([1, 4, 4]), up, ir.Output([1, 8, 8])), "generic-mesh").errors
    assert "bilinear" in refused.message
    (missing,) = hw.check(dense.replace("fc", make.dense(8, 4)), edited(("Affine = {}\n", ""))).errors
    assert missing.message == "generic-mesh does not run Affine"


def test_a_batch_norm_that_cannot_fold_is_refused(make: SimpleNamespace) -> None:
    graph = make.skip_graph()
    moved = ir.Graph(graph.nodes, [*graph.edges, ("c2", "n1")])
    wide = ("T503", "c2")  # its sums go to two neurons, and no link carries them
    assert [(d.code, d.node) for d in hw.check(moved, "generic-mesh").errors] == [("T504", "bn"), wide]
    first = ir.Graph.chain(input=ir.Input([4, 6, 6]), bn=make.batch_norm(4), n=ir.IF(1.0), out=ir.Output([4, 6, 6]))
    assert [(d.code, d.node) for d in hw.check(first, "generic-mesh").errors] == [("T504", "bn")]


def test_long_delays_are_checked_where_the_target_says(make: SimpleNamespace, edited: Callable[..., str]) -> None:
    nodes = {"in": ir.Input([4]), "w": make.dense(4, 8), "n": make.lif(), "out": ir.Output([8])}
    graph = ir.Graph(nodes, [ir.Edge("in", "w", delay=5), ("w", "n"), ("n", "out")])
    (warning,) = hw.check(graph, "generic-mesh").diagnostics
    assert (warning.code, warning.severity, warning.resource, warning.need) == ("T505", "warning", "delay", 5)
    known = '{ value = 4, unit = "step", kind = "assumed", cite = "talon" }'
    short = make.findings(hw.check(graph, edited(('max_delay = "unknown"', f"max_delay = {known}"))), "T503")
    assert (short["delay"].have, short["delay"].need) == (4, 5)
    assert "at most 4 steps" in (short["delay"].mend or "")


def test_a_graph_that_does_not_hold_together_raises(make: SimpleNamespace) -> None:
    wrong = ir.Graph.chain(input=ir.Input([5]), fc=make.dense(4, 8), out=ir.Output([8]))
    open_ended = ir.Graph.chain(input=ir.Input(None), n=ir.IF(1.0), out=ir.Output(None))
    loose = ir.Graph({"in": ir.Input([4]), "out": ir.Output([4])}, [])
    for graph, code in ((wrong, "T104"), (open_ended, "T108"), (loose, "T112")):
        with pytest.raises(TalonGraphError) as caught:
            hw.check(graph, "generic-mesh")
        assert caught.value.code == code
    ring = ir.Graph(
        {"in": ir.Input([4]), "a": ir.Skip(), "out": ir.Output([4])}, [("in", "a"), ("a", "a"), ("a", "out")]
    )
    with pytest.raises(TalonTargetError) as held:
        hw.check(ring, "generic-mesh")
    assert (held.value.code, held.value.diagnostic.node) == ("T504", "a")
