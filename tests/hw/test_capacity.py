"""`hw.check` on small graphs, against numbers computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from talon import hw, ir
from talon.ir.errors import TalonTargetError

Mesh = Callable[..., hw.Target]


# One layer of each kind


def test_dense(make: SimpleNamespace) -> None:
    graph = ir.Graph.chain(input=ir.Input([20]), fc=make.dense(20, 30), n=make.lif(), output=ir.Output([30]))
    report = hw.check(graph, "generic-mesh")
    assert report.ok
    # 600 weights of one byte and 30 biases of 24 bits; a membrane of 16 bits for each of the 30 neurons.
    assert make.row(report, "fc + n") == {
        "neurons": 30,
        "weight memory": 600 + 3 * 30,
        "state memory": 2 * 30,
        "in-axons": 20,
        "fan-in": 20,
        "tiles": 1,
    }
    assert make.core(report)["out-edges"] == 30  # every neuron leaves for the Output
    assert "1 of 64 cores" in report.verdict()


def test_neuron_parameters_are_stored_only_where_they_differ(make: SimpleNamespace) -> None:
    neurons = ir.LIF(np.full(30, 2.0), np.ones(30), 0.0, 1.0)
    graph = ir.Graph.chain(input=ir.Input([20]), fc=make.dense(20, 30, bias=False), n=neurons, output=ir.Output([30]))
    row = make.row(hw.check(graph, "generic-mesh"), "fc + n")
    assert row["state memory"] == 30 * (1 + 2) * 2  # the membrane, tau and r
    assert row["weight memory"] == 600


def test_every_entry_of_a_step_axis_is_stored(make: SimpleNamespace) -> None:
    weight = np.zeros((4, 30, 20), np.float32)
    graph = ir.Graph.chain(input=ir.Input([20]), fc=ir.Affine(weight), n=make.lif(), output=ir.Output([30]))
    assert make.row(hw.check(graph, "generic-mesh"), "fc + n")["weight memory"] == 4 * 600


def test_convolution(make: SimpleNamespace) -> None:
    graph = ir.Graph.chain(input=ir.Input([3, 8, 8]), c=make.conv(3, 4), n=ir.IF(1.0), output=ir.Output([4, 8, 8]))
    row = make.row(hw.check(graph, "generic-mesh"), "c + n")
    # 3x3 kernels over 3 channels; 4 x 64 neurons just fill a core, which hears the whole input.
    assert row == {
        "neurons": 256,
        "weight memory": 4 * 27 + 4 * 3,
        "state memory": 512,
        "in-axons": 192,
        "fan-in": 27,
        "tiles": 1,
    }


def test_a_convolution_is_cut_by_rows_with_their_halo(make: SimpleNamespace, mesh: Mesh) -> None:
    graph = ir.Graph.chain(input=ir.Input([3, 8, 8]), c=make.conv(3, 4), n=ir.IF(1.0), output=ir.Output([4, 8, 8]))
    row = make.row(hw.check(graph, mesh(in_axons=144)), "c + n")
    # Any channel hears all 3 inputs, so only rows help: 144 axons are 6 rows of 3 x 8, 4 rows of output and a halo of
    # one row on either side; the two halves lie at the border, so each hears 5 rows.
    assert (row["tiles"], row["in-axons"], row["weight memory"]) == (2, 120, 2 * 120)


def test_a_depthwise_convolution_reads_its_own_channels(make: SimpleNamespace, mesh: Mesh) -> None:
    layers = {"c": make.conv(8, 8, groups=8, bias=False), "n": ir.IF(1.0)}
    graph = ir.Graph.chain(input=ir.Input([8, 8, 8]), **layers, output=ir.Output([8, 8, 8]))
    row = make.row(hw.check(graph, mesh(in_axons=128)), "c + n")
    # 128 axons are two channels of 64 pixels.
    assert (row["tiles"], row["in-axons"], row["fan-in"], row["weight memory"]) == (4, 128, 9, 72)


def test_a_stride_leaves_pixels_unread(make: SimpleNamespace) -> None:
    layers = {"c": make.conv(1, 1, kernel=1, stride=2, bias=False), "n": ir.IF(1.0)}
    graph = ir.Graph.chain(input=ir.Input([1, 8, 8]), **layers, output=ir.Output([1, 4, 4]))
    row = make.row(hw.check(graph, "generic-mesh"), "c + n")
    assert (row["in-axons"], row["neurons"], row["fan-in"]) == (16, 16, 1)


def test_a_kernel_larger_than_its_map_counts_the_pixels_that_are_there(make: SimpleNamespace) -> None:
    layers = {"c": make.conv(2, 1, kernel=7, bias=False), "n": ir.IF(1.0)}
    graph = ir.Graph.chain(input=ir.Input([2, 3, 3]), **layers, output=ir.Output([1, 3, 3]))
    row = make.row(hw.check(graph, "generic-mesh"), "c + n")
    assert (row["fan-in"], row["weight memory"]) == (18, 98)


def test_conv1d_is_cut_along_its_length(make: SimpleNamespace, mesh: Mesh) -> None:
    layers = {"c": ir.Conv1d(np.zeros((2, 2, 3), np.float32)), "n": ir.IF(1.0)}
    graph = ir.Graph.chain(input=ir.Input([2, 34]), **layers, output=ir.Output([2, 32]))
    row = make.row(hw.check(graph, mesh(neurons=32)), "c + n")
    # Two cuts give two tiles: by channels (each hears all 68), or by length (each stores all 12 weights).
    assert (row["tiles"], row["in-axons"], row["weight memory"]) == (2, 68, 12)


@pytest.mark.parametrize("kind", [ir.MaxPool2d, ir.AvgPool2d])
def test_pools_take_units_and_store_nothing(make: SimpleNamespace, kind: type) -> None:
    graph = ir.Graph.chain(input=ir.Input([2, 8, 8]), n=ir.IF(1.0), pool=kind(2), output=ir.Output([2, 4, 4]))
    report = hw.check(graph, "generic-mesh")
    expected = {"neurons": 32, "weight memory": 0, "state memory": 0, "in-axons": 128, "fan-in": 4, "tiles": 1}
    assert make.row(report, "pool") == expected
    assert [layer.spiking for layer in report.layers] == [True, False]
    assert report.table()[2][2] == "32 sums"


def test_neurons_sit_on_a_mean_but_not_on_a_maximum(make: SimpleNamespace) -> None:
    for kind, names in ((ir.AvgPool2d, ["a", "pool + b"]), (ir.MaxPool2d, ["a", "pool", "b"])):
        nodes = {"input": ir.Input([2, 8, 8]), "a": ir.IF(1.0), "pool": kind(2), "b": ir.IF(1.0)}
        graph = ir.Graph.chain(**nodes, output=ir.Output([2, 4, 4]))
        assert [layer.name for layer in hw.check(graph, "generic-mesh").layers] == names


# Layers together


def test_a_recurrent_layer_holds_both_matrices(make: SimpleNamespace) -> None:
    nodes = {
        "in": ir.Input([4]),
        "w": make.dense(4, 8),
        "n": make.lif(),
        "rec": make.dense(8, 8),
        "out": ir.Output([8]),
    }
    graph = ir.Graph(nodes, [("in", "w"), ("w", "n"), ("n", "rec"), ("rec", "n"), ("n", "out")])
    report = hw.check(graph, "generic-mesh")
    # The two biases meet in one sum, so one is stored for each neuron.
    assert make.row(report, "w + rec + n") == {
        "neurons": 8,
        "weight memory": 4 * 8 + 8 * 8 + 3 * 8,
        "state memory": 16,
        "in-axons": 4 + 8,
        "fan-in": 4 + 8,
        "tiles": 1,
    }
    assert make.core(report)["out-edges"] == 8 + 8  # to its own core, and to the Output


def test_a_skip_adds_one_input_and_batch_norm_a_bias(make: SimpleNamespace) -> None:
    report = hw.check(make.skip_graph(), "generic-mesh")
    assert report.ok
    assert make.row(report, "c2 + n2") == {
        "neurons": 144,
        "weight memory": 4 * 36 + 4 * 3,
        "state memory": 288,
        "in-axons": 144,
        "fan-in": 36 + 1,
        "tiles": 1,
    }
    # Two layers of 144 neurons are more than one core has.
    assert [c.layers for c in report.cores] == [("c1 + n1",), ("c2 + n2",)]
    assert [make.core(report, n)["out-edges"] for n in (0, 1)] == [144, 144]


def test_a_concatenation_joins_what_a_layer_hears(make: SimpleNamespace) -> None:
    nodes = {
        "in": ir.Input([6]),
        "a": make.dense(6, 3),
        "na": make.lif(),
        "b": make.dense(6, 5),
        "nb": make.lif(),
        "cat": ir.Concat(2, 0),
        "c": make.dense(8, 2),
        "nc": make.lif(),
        "out": ir.Output([2]),
    }
    pairs = ["in a", "in b", "a na", "b nb", "na cat", "nb cat", "cat c", "c nc", "nc out"]
    report = hw.check(ir.Graph(nodes, [(p.split()[0], p.split()[1]) for p in pairs]), "generic-mesh")
    assert make.row(report, "c + nc")["in-axons"] == 8
    assert make.core(report) == {
        "neurons": 10,
        "weight memory": 18 + 30 + 16 + 3 * 10,
        "state memory": 20,
        "in-axons": 6 + 8,
        "out-edges": 8 + 2,
    }


def test_neurons_after_a_concatenation_sit_on_both_parts(make: SimpleNamespace) -> None:
    nodes = {"in": ir.Input([2, 6, 6]), "a": make.conv(2, 4), "b": make.conv(2, 2), "cat": ir.Concat(2, 0)}
    nodes |= {"n": ir.IF(1.0), "flat": ir.Flatten(), "out": ir.Output([216])}
    edges = [("in", "a"), ("in", "b"), ("a", "cat"), ("b", "cat"), ("cat", "n"), ("n", "flat"), ("flat", "out")]
    report = hw.check(ir.Graph(nodes, edges), "generic-mesh")
    assert {layer.name: layer.uses[0].need for layer in report.layers} == {"a + n": 144, "b + n": 72}
    assert report.total[0].need == 216


def test_a_sum_that_two_layers_read_is_a_unit_of_its_own(make: SimpleNamespace) -> None:
    nodes = {"in": ir.Input([4]), "w": make.dense(4, 8), "a": make.lif(), "b": make.lif(), "out": ir.Output([8])}
    edges = [("in", "w"), ("w", "a"), ("w", "b"), ("a", "out"), ("b", "out")]
    report = hw.check(ir.Graph(nodes, edges), "generic-mesh")
    assert [layer.name for layer in report.layers] == ["w", "a", "b"]
    assert report.total[0].need == 24


def test_a_value_that_is_added_to_itself_stays_one_source(make: SimpleNamespace) -> None:
    nodes: dict[str, ir.Node] = {"in": ir.Input([4]), "n": ir.IF(1.0)}
    edges, last = [("in", "n")], "n"
    for i in range(40):  # 2**40 paths from n to w
        nodes |= {f"copy{i}": ir.Skip("passthrough"), f"sum{i}": ir.Skip("residual")}
        edges += [(last, f"copy{i}"), (last, f"sum{i}"), (f"copy{i}", f"sum{i}")]
        last = f"sum{i}"
    nodes |= {"w": make.dense(4, 2), "m": make.lif(), "out": ir.Output([2])}
    report = hw.check(ir.Graph(nodes, [*edges, (last, "w"), ("w", "m"), ("m", "out")]), "generic-mesh")
    assert (make.row(report, "w + m")["in-axons"], make.row(report, "w + m")["fan-in"]) == (4, 4)


def test_nearest_neighbours_share_their_source(make: SimpleNamespace) -> None:
    layers = {"n": ir.IF(1.0), "up": ir.Upsample(2), "c": make.conv(2, 1), "m": ir.IF(1.0)}
    graph = ir.Graph.chain(input=ir.Input([2, 4, 4]), **layers, output=ir.Output([1, 8, 8]))
    report = hw.check(graph, "generic-mesh")
    assert report.ok
    assert make.row(report, "c + m")["in-axons"] == 32  # the 2 x 16 neurons, not the 128 pixels


def test_a_composite_and_a_nested_graph_are_seen_through(make: SimpleNamespace) -> None:
    sep = ir.SepConv2d(np.zeros((2, 1, 3, 3), np.float32), np.zeros((5, 2, 1, 1), np.float32), padding=1)
    inner = ir.Graph.chain(input=ir.Input([2, 6, 6]), sep=sep, output=ir.Output(None))
    nodes = {"in": ir.Input([2, 6, 6]), "block": inner, "bn": make.batch_norm(5), "n": ir.IF(1.0)}
    graph = ir.Graph.chain(**nodes, out=ir.Output([5, 6, 6]))
    report = hw.check(graph, "generic-mesh")
    # What goes from layer to layer are sums of 9 products of 7 bits, and links of the mesh carry 8.
    found = [(d.node, d.resource, d.need, d.have) for d in report.errors if isinstance(d, hw.Finding)]
    assert found == [("block/sep/depthwise", "payload", 12, 8)]
    assert [layer.nodes for layer in report.layers] == [("block/sep/depthwise",), ("block/sep/pointwise", "n")]
    assert make.row(report, "block/sep/pointwise + n")["weight memory"] == 10 + 3 * 5


def test_nothing_is_loaded() -> None:
    def refuse() -> np.ndarray:
        raise AssertionError("a weight was read")

    fc = ir.Affine.restore({"weight": ir.ArrayRef(np.float32, (30, 20), refuse)})
    graph = ir.Graph.chain(ir.Input([20]), fc, ir.IF(1.0), ir.Output([30]))
    assert hw.check(graph, "generic-mesh").ok


# What the pages promise


def test_the_mlp_fits_zcu102_only_when_it_is_split(make: SimpleNamespace) -> None:
    report = hw.check(make.mlp(), "zcu102")
    assert report.ok
    # 65,536 synapses are 83 rows of 784 (13 tiles) or 64 rows of 1,024 (16 tiles).
    assert [layer.tiles for layer in report.layers] == [13, 16, 1]
    total = {use.resource: use.need for use in report.total}
    assert total == {"neurons": 2058, "synapse memory": 1_861_632, "local memory": None, "cores": 30}
    unknown = make.findings(report, "T505")
    limits = {"fan-in", "fan-out", "in-axons", "out-edges", "reach", "destinations", "inputs", "outputs"}
    assert set(unknown) == {*limits, "local memory", "primitives", "reset", "comparator", "decay"}
    needs = {name: unknown[name].need for name in ("in-axons", "fan-out", "reach", "inputs", "outputs")}
    # Every core of the second layer hears all neurons of the first; the input and the last layer are 784 and 10 wide.
    assert needs == {"in-axons": 1024, "fan-out": 1024, "reach": 16, "inputs": 784, "outputs": 10}
    assert all(d.severity == "warning" for d in report.diagnostics)
    assert "as far as its numbers are known" in report.verdict()


def test_a_known_width_says_more_and_an_unknown_one_the_width_that_would_do(make: SimpleNamespace) -> None:
    graph = ir.Graph.chain(ir.Input([64]), make.dense(64, 64), make.lif(), ir.Output([64]))
    width = make.findings(hw.check(graph, "zcu102"), "T505")["local memory"]
    # 4,096 weights, 64 biases and 64 membranes in 98,304 bytes.
    assert f"4,224 values in the fullest core: it holds while a value takes at most {98304 * 8 / 4224:.1f} bits" in (
        width.found or ""
    )


def test_111616_neurons_do_not_fit_16384(make: SimpleNamespace) -> None:
    sizes = ((16, 64), (32, 32), (48, 16), (1, 32))  # 65,536 + 32,768 + 12,288 + 1,024 neurons, as in a ghost detector
    convs = [make.conv(2, 16), make.conv(16, 32, stride=2), make.conv(32, 48, stride=2), make.conv(48, 1)]
    chain = [n for c in convs[:3] for n in (c, ir.IF(1.0))]
    graph = ir.Graph.chain(ir.Input([2, 64, 64]), *chain, ir.Upsample(2), convs[3], ir.IF(1.0), ir.Output([1, 32, 32]))
    assert sum(c * n * n for c, n in sizes) == 111_616
    for name in ("generic-mesh", "zcu102"):
        report = hw.check(graph, name)
        short = make.findings(report, "T503")
        assert not report.ok
        assert (short["neurons"].have, short["neurons"].need) == (16_384, 111_616)
        assert "6.8 times too many" in (short["neurons"].mend or "")
        assert short["cores"].need == len(report.cores) >= 111_616 / report.cores[0].uses[0].have  # type: ignore[operator]
        with pytest.raises(TalonTargetError) as caught:
            report.raise_errors()
        assert caught.value.code == "T503"
        assert "more error" in str(caught.value)


def test_reports_are_short_and_plain(make: SimpleNamespace) -> None:
    report = hw.check(make.mlp(), "zcu102")
    assert repr(report).startswith("<fits zcu102")
    assert len(report.bars()) == 1 + len(report.cores[0].uses)
    assert report.bars()[0].endswith("94%  30 of 32 cores")
    assert len({line.index("  #" if "  #" in line else "  ?") for line in report.bars()}) == 1
    text = str(report)
    assert "affine1 + lif1" in text
    assert text.count("T505") == 1  # told together
    assert text.count("\n  how ") == 10
    assert "  how many in-axons a core has: 1,024 axons needed" in text
    assert report.as_dict()["cores_needed"] == 30


def test_what_no_layer_of_can_be_laid_out_takes_no_number_of_cores(make: SimpleNamespace) -> None:
    one = [ir.Input([4096]), make.dense(4096, 8), make.lif()]
    report = hw.check(ir.Graph.chain(*one, ir.Output([8])), "generic-mesh")
    assert (report.complete, len(report.cores)) == (False, 0)
    assert report.verdict().endswith("none of its layers can be laid out")
    report = hw.check(ir.Graph.chain(*one, make.dense(8, 8), make.lif(), ir.Output([8])), "generic-mesh")
    assert report.verdict().endswith("it takes at least 1 of 64 cores")
