"""What a target cannot do: attributes out of range, and the rules of its arithmetic, each with have, need and mend."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.arithmetic import nearest_shift, shift_of
from talon.hw.catalogue import described, shipped

Make = SimpleNamespace


def mesh(*changes: tuple[str, str]) -> hw.Target:
    """generic-mesh after some replacements in its description."""
    text = shipped()["generic-mesh"].read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return described(text.encode(), "test.toml")


def one(report: hw.FitReport) -> hw.Finding:
    (finding,) = report.errors
    assert isinstance(finding, hw.Finding)
    assert finding.mend
    return finding


def neurons(make: Make, neuron: ir.Node) -> ir.Graph:
    return ir.Graph.chain(ir.Input([4]), fc=make.dense(4, 6), n=neuron, output=ir.Output([6]))


# Ranges of attributes


@pytest.mark.parametrize(
    ("fields", "name", "have", "need"),
    [
        ({"stride": 3, "size": 16}, "stride", 2, 3),
        ({"padding": 8, "size": 16}, "padding", 7, 8),
        ({"dilation": 2, "size": 16}, "dilation", 1, 2),
        ({"groups": 2, "size": 16}, "groups", 1, 2),
        ({"kernel": 17, "size": 40, "padding": 7}, "kh", 16, 17),
        ({"size": 129, "stride": 4}, "input_size", 128, 129),
        ({"size": 65}, "output_size", 64, 65),
        ({"size": 4, "out": 1025, "kernel": 1}, "out", 1024, 1025),
    ],
)
def test_attributes_out_of_the_range_are_told_with_the_nearest(
    make: Make, fields: dict[str, Any], name: str, have: int, need: int
) -> None:
    size, out, kernel = fields.pop("size"), fields.pop("out", 2), fields.pop("kernel", 3)
    conv = make.conv(2, out, kernel, bias=False, **fields)
    shape = conv.infer((2, size, size))
    graph = ir.Graph.chain(ir.Input([2, size, size]), c=conv, n=ir.IF(1.0), output=ir.Output(list(shape)))
    found = {d.resource: d for d in hw.check(graph, "speck2e").errors if isinstance(d, hw.Finding) and d.code == "T504"}
    assert found[name].node == "c"
    assert (found[name].have, found[name].need) == (have, need)
    assert set(found) <= {name, "kw"}


def test_the_smallest_legal_values_are_taken(make: Make) -> None:
    conv = make.conv(1, 1, 16, bias=False, stride=8, padding="valid")
    graph = ir.Graph.chain(ir.Input([1, 128, 128]), c=conv, n=ir.IF(1.0), output=ir.Output([1, 15, 15]))
    assert hw.check(graph, "speck2e").ok
    same = make.conv(1, 1, 16, bias=False, padding="same")  # 7 zeros before and 8 behind
    graph = ir.Graph.chain(ir.Input([1, 16, 16]), c=same, n=ir.IF(1.0), output=ir.Output([1, 16, 16]))
    assert one(hw.check(graph, "speck2e")).resource == "padding"


def test_parameters_of_neurons_can_be_limited(make: Make) -> None:
    graph = neurons(make, ir.LIF(2.0, 1.0, 0.0, 1.0, comparator="gt", v_reset=np.array([0.0, 0, 0, 0, 0, 0.5])))
    finding = one(hw.check(graph, "loihi1"))
    assert (finding.code, finding.node, finding.found, finding.expected) == ("T504", "n", "v_reset=0.5", "v_reset 0")


# Arithmetic


@pytest.mark.parametrize("reset", ["subtract", "none"])
def test_a_reset_that_the_target_has_not(make: Make, reset: Any) -> None:
    finding = one(hw.check(neurons(make, ir.IF(1.0, reset=reset, comparator="gt")), "loihi1"))
    assert (finding.code, finding.node, finding.resource) == ("T504", "n", "reset")
    assert (finding.expected, finding.found) == ("reset 'value'", f"reset={reset!r}")
    assert "no rewrite keeps" in (finding.mend or "")
    assert hw.check(neurons(make, ir.IF(1.0, reset=reset)), "generic-mesh").ok


def test_the_other_comparison(make: Make) -> None:
    strict, lax = (neurons(make, ir.IF(1.0, comparator=comparator)) for comparator in ("gt", "ge"))
    assert one(hw.check(strict, "generic-mesh")).resource == "comparator"
    assert one(hw.check(lax, "loihi1")).found == "comparator='ge'"
    assert "--fix" in (one(hw.check(lax, "loihi1")).mend or "")
    assert hw.check(strict, "loihi1").ok


def test_decays_by_shifts_have_powers_of_two(make: Make) -> None:
    target = mesh(('rule = "multiply"', 'rule = "shift"'))
    for tau in (1.0, 2.0, 16.0, np.array([2.0, 4.0, 8.0, 2.0, 4.0, 8.0])):
        assert hw.check(neurons(make, ir.LIF(tau, 1.0, 0.0, 1.0)), target).ok
    finding = one(hw.check(neurons(make, ir.LIF(20.0, 1.0, 0.0, 1.0)), target))
    assert (finding.resource, finding.found) == ("decay", "tau=20")
    assert "tau=16 decays most like it" in (finding.mend or "")
    several = ir.LIF(np.array([3.0, 4, 5, 6, 7, 8]), 1.0, 0.0, 1.0)
    assert one(hw.check(neurons(make, several), target)).found == "tau=3 and 3 more"
    assert [shift_of(tau) for tau in (1.0, 2.0, 64.0, 3.0, 0.75)] == [0, 1, 6, None, None]
    assert [nearest_shift(tau) for tau in (20.0, 23.0, 2.5, 3.0)] == [16.0, 32.0, 2.0, 4.0]


@pytest.mark.parametrize("rule", ["none", "linear"])
def test_a_target_that_does_not_decay_so(make: Make, rule: str) -> None:
    target = mesh(('rule = "multiply"', f'rule = "{rule}"'))
    finding = one(hw.check(neurons(make, make.lif()), target))
    assert (finding.resource, finding.expected, finding.found) == ("decay", f"decay {rule!r}", "tau=2")
    assert hw.check(neurons(make, ir.IF(1.0)), target).ok
    assert "as an IF" in (one(hw.check(neurons(make, ir.LIF(2.0, 1.0, 0.0, 1.0)), "truenorth")).mend or "")


@pytest.mark.parametrize("mode", ["graded", "rate"])
def test_spikes_with_a_value_need_a_width(make: Make, mode: Any) -> None:
    graph = neurons(make, ir.IF(1.0)).replace("fc", ir.SpikingAffine(np.zeros((6, 4)), spike_mode=mode))
    free = ('SpikingAffine = { spike_mode = ["binary"] }', "SpikingAffine = {}")
    unstated = one(hw.check(graph, mesh(free, payload("unknown"))))
    assert (unstated.resource, unstated.expected) == ("payload", "a payload width (numeric.payload.bits)")
    assert one(hw.check(graph, mesh(free, payload(0)))).expected == "spike_mode 'binary'"
    assert hw.check(graph, mesh(free)).ok
    assert one(hw.check(graph, "generic-mesh")).resource == "spike_mode"


def payload(bits: int | str) -> tuple[str, str]:
    """The replacement that gives generic-mesh another width of what a spike carries."""
    number = '{ value = %s, unit = "bit", kind = "assumed", cite = "talon" }'
    new = '"unknown"' if bits == "unknown" else number % bits
    return "[numeric.payload]\nbits = " + number % 8, f"[numeric.payload]\nbits = {new}"


def test_values_between_layers_need_a_width_too(make: Make) -> None:
    nodes = {"n": ir.IF(1.0), "pool": ir.AvgPool2d(2), "c": make.conv(2, 4), "m": ir.IF(1.0)}
    graph = ir.Graph.chain(ir.Input([2, 8, 8]), **nodes, output=ir.Output([4, 4, 4]))
    assert not hw.check(graph, "generic-mesh").diagnostics
    unknown = make.findings(hw.check(graph, mesh(payload("unknown"))), "T505")["payload"]
    assert "'pool'" in unknown.message
    binary = mesh(payload(0))
    assert one(hw.check(graph, binary)).node == "pool"
    # What picks among spikes sends spikes; what only an Output reads leaves the chip.
    assert hw.check(graph.replace("pool", ir.MaxPool2d(2)), binary).ok
    assert not hw.check(neurons(make, ir.IF(1.0)).remove("n", bridge=True), binary).diagnostics


def test_widths_that_a_node_asks_for(make: Make) -> None:
    graph = neurons(make, ir.IF(1.0)).replace(
        "fc", ir.SpikingAffine(np.zeros((6, 4)), weight_bits=12, accumulator_bits=32)
    )
    found = make.findings(hw.check(graph, "generic-mesh"), "T504")
    assert {name: (f.have, f.need) for name, f in found.items()} == {
        "weight_bits": (8, 12),
        "accumulator_bits": (24, 32),
    }


# Connections


def test_every_edge_that_is_too_late_is_named(make: Make) -> None:
    nodes = {"in": ir.Input([4]), "w": make.dense(4, 8), "n": ir.IF(1.0, comparator="gt"), "r": make.dense(8, 8)}
    edges = [ir.Edge("in", "w", delay=70), ("w", "n"), ("n", "out"), ir.Edge("n", "r", delay=63), ("r", "n")]
    graph = ir.Graph(nodes | {"out": ir.Output([8])}, edges)
    late = [d for d in hw.check(graph, "loihi1").errors if isinstance(d, hw.Finding)]
    assert [(d.code, d.node, d.resource, d.have, d.need) for d in late] == [
        ("T503", "w", "delay", 62, 70),
        ("T503", "r", "delay", 62, 63),
    ]


def test_a_target_without_recurrence(make: Make) -> None:
    nodes = {"in": ir.Input([4]), "w": make.dense(4, 8), "n": make.lif(), "r": make.dense(8, 8), "out": ir.Output([8])}
    graph = ir.Graph(nodes, [("in", "w"), ("w", "n"), ("n", "r"), ("r", "n"), ("n", "out")])
    finding = one(hw.check(graph, mesh(("recurrence = true", "recurrence = false"))))
    assert (finding.code, finding.resource, finding.found) == ("T504", "recurrence", "r -> n")
    unsure = hw.check(graph, mesh(("recurrence = true", 'recurrence = "unknown"')))
    assert make.findings(unsure, "T505")["recurrence"].severity == "warning"
    assert hw.check(graph, "generic-mesh").ok


def test_everything_is_told_at_once(make: Make) -> None:
    nodes = {"c": make.conv(2, 4, groups=2), "n": ir.LIF(3.0, 1.0, 0.0, 1.0), "p": ir.AvgPool2d(3), "f": ir.Flatten()}
    nodes |= {"fc": make.dense(16, 4), "s": ir.Softmax(4)}
    report = hw.check(ir.Graph.chain(ir.Input([2, 8, 8]), **nodes, out=ir.Output([4])), "speck2e")
    found = {(d.node, d.resource) for d in report.errors if isinstance(d, hw.Finding)}
    assert {("c", "groups"), ("n", "primitives"), ("p", "kernel_size"), ("s", "primitives")} <= found


@pytest.mark.parametrize("ask", [hw.check, hw.legalise])
def test_what_is_no_graph_is_refused(ask: Any) -> None:
    with pytest.raises(ir.TalonTypeError, match="takes a graph"):
        ask(3, "generic-mesh")
