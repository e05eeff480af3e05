"""Targets with several kinds of cores, paddings, and limits of what a core sends and hears."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talon import hw, ir
from talon.hw.catalogue import described, shipped
from talon.hw.contents import pow2
from talon.hw.kinds import chosen
from talon.hw.tiles import Tile

Make = SimpleNamespace


def altered(name: str, *changes: tuple[str, str]) -> hw.Target:
    """A target that ships, after some replacements in its description, each made wherever it fits."""
    text = shipped()[name].read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return described(text.encode(), "test.toml")


def assumed(value: int, unit: str) -> str:
    return f'{{ value = {value}, unit = "{unit}", kind = "assumed", cite = "talon" }}'


# Speck: nine layers of four kinds, padded to powers of two


def speck_net(make: Make, *channels: int, size: int = 32, kernel: int = 3) -> ir.Graph:
    """Convolutions of these channels with integrate-and-fire neurons, the first two behind each other."""
    layers: list[ir.Node] = []
    for before, after in itertools.pairwise(channels):
        layers += [make.conv(before, after, kernel, bias=False), ir.IF(1.0)]
    return ir.Graph.chain(ir.Input([channels[0], size, size]), *layers, ir.Output([channels[-1], size, size]))


@pytest.mark.parametrize(
    ("before", "after", "kernel", "size", "kernel_words", "neuron_words"),
    [
        # c 2^(ceil(log2 9) + ceil(log2 6)) = 2 * 16 * 8, f 2^(5 + 5)
        (2, 6, 3, 32, 2 * 2 ** (4 + 3), 6 * 2 ** (5 + 5)),
        # Both sides of a map are rounded by themselves: 20 x 20 is stored as 32 x 32.
        (3, 8, 5, 20, 3 * 2 ** (5 + 3), 8 * 2 ** (5 + 5)),
        (4, 1, 1, 16, 4 * 2 ** (0 + 0), 1 * 2 ** (4 + 4)),
        (1, 33, 7, 9, 1 * 2 ** (6 + 6), 33 * 2 ** (4 + 4)),
    ],
)
def test_kernels_and_maps_are_padded_to_powers_of_two(
    make: Make, before: int, after: int, kernel: int, size: int, kernel_words: int, neuron_words: int
) -> None:
    report = hw.check(speck_net(make, before, after, size=size, kernel=kernel), "speck2e")
    assert report.ok
    (layer,) = report.layers
    uses = {use.resource: use.need for use in layer.uses}
    assert uses["kernel memory"] == kernel_words  # of one byte
    assert uses["neuron memory"] == 2 * neuron_words  # of two
    assert layer.tiles == 1


def test_a_flattened_map_is_a_kernel_over_the_whole_of_it(make: Make) -> None:
    layers = {"n": ir.IF(1.0), "flat": ir.Flatten(), "fc": make.dense(2 * 5 * 5, 10, bias=False), "m": ir.IF(1.0)}
    report = hw.check(ir.Graph.chain(ir.Input([2, 5, 5]), **layers, output=ir.Output([10])), "speck2e")
    # 2 channels, a kernel of 25 rounded to 32, 10 outputs rounded to 16.
    assert make.row(report, "fc + m")["kernel memory"] == 2 * 32 * 16
    direct = ir.Graph.chain(ir.Input([50]), fc=make.dense(50, 10, bias=False), n=ir.IF(1.0), output=ir.Output([10]))
    assert make.row(hw.check(direct, "speck2e"), "fc + n")["kernel memory"] == 50 * 16


def test_every_layer_goes_to_a_kind_of_core_that_holds_it(make: Make) -> None:
    # Large maps first, many channels behind: each fits some kinds only.
    nodes: list[ir.Node] = []
    for before, after in ((2, 16), (16, 16), (16, 32), (32, 64), (64, 64)):
        nodes += [make.conv(before, after, bias=False), ir.IF(1.0)]
        nodes += [ir.AvgPool2d(2)] if after > before else []
    shape = [64, 8, 8]
    report = hw.check(ir.Graph.chain(ir.Input([2, 64, 64]), *nodes, ir.Output(shape)), "speck2e")
    assert report.ok, str(report)
    kinds = [core.kind for core in report.cores]
    assert len(kinds) == 5
    assert kinds[0] == "layers 0 to 2"  # 65,536 neurons
    assert kinds[4] == "layers 5 and 6"  # 64 * 16 * 64 words of kernels
    assert all(len(core.layers) == 1 for core in report.cores)


def test_ten_layers_are_more_than_nine(make: Make) -> None:
    graph = speck_net(make, *[2] * 11, size=8)
    report = hw.check(graph, "speck2e")
    cores = make.findings(report, "T503")["cores"]
    assert (cores.have, cores.need) == (9, 10)
    assert hw.check(speck_net(make, *[2] * 10, size=8), "speck2e").ok


def test_pools_lie_on_the_way(make: Make) -> None:
    nodes = {"n": ir.IF(1.0), "pool": ir.AvgPool2d(2), "c": make.conv(2, 4, bias=False), "m": ir.IF(1.0)}
    graph = ir.Graph.chain(ir.Input([2, 8, 8]), **nodes, output=ir.Output([4, 4, 4]))
    report = hw.check(graph, "speck2e")
    assert [layer.name for layer in report.layers] == ["n", "c + m"]
    assert make.row(report, "c + m")["in-axons"] == 128  # all neurons before the pool
    assert make.row(report, "c + m")["fan-in"] == 18 * 4
    assert [layer.name for layer in hw.check(graph, "generic-mesh").layers] == ["n", "pool", "c + m"]


def test_a_layer_sends_to_two_others(make: Make) -> None:
    def branches(count: int) -> ir.Graph:
        nodes: dict[str, ir.Node] = {"in": ir.Input([2, 8, 8]), "n": ir.IF(1.0)}
        edges = [("in", "n")]
        for i in range(count):
            nodes |= {f"c{i}": make.conv(2, 2, bias=False), f"m{i}": ir.IF(1.0), f"o{i}": ir.Output([2, 8, 8])}
            edges += [("n", f"c{i}"), (f"c{i}", f"m{i}"), (f"m{i}", f"o{i}")]
        return ir.Graph(nodes, edges)

    assert hw.check(branches(2), "speck2e").ok
    (finding,) = hw.check(branches(3), "speck2e").errors
    assert isinstance(finding, hw.Finding)
    assert (finding.code, finding.node, finding.resource, finding.have, finding.need) == (
        "T503",
        "n",
        "destinations",
        2,
        3,
    )


# Xylo: hidden neurons and readout


def xylo_net(make: Make, inputs: int = 16, hidden: int = 40, outputs: int = 8) -> ir.Graph:
    nodes = {"a": make.dense(inputs, hidden), "n": ir.LIF(4.0, 1.0, 0.0, 1.0)}
    nodes |= {"b": make.dense(hidden, outputs), "m": ir.LIF(2.0, 1.0, 0.0, 1.0)}
    return ir.Graph.chain(ir.Input([inputs]), **nodes, output=ir.Output([outputs]))


def test_hidden_neurons_and_readout_have_their_own_places(make: Make) -> None:
    report = hw.check(xylo_net(make), "xylo-audio2")
    assert report.ok
    assert [(core.kind, core.layers) for core in report.cores] == [("hidden", ("a + n",)), ("readout", ("b + m",))]


@pytest.mark.parametrize(
    ("shape", "resource", "have", "need"),
    [
        ({"inputs": 17}, "inputs", 16, 17),
        ({"outputs": 9}, "cores (readout)", 1, 2),
        ({"hidden": 1001}, "cores (hidden)", 1, 2),
    ],
)
def test_each_has_its_own_limit(make: Make, shape: dict[str, int], resource: str, have: int, need: int) -> None:
    finding = make.findings(hw.check(xylo_net(make, **shape), "xylo-audio2"), "T503")[resource]
    assert (finding.have, finding.need) == (have, need)


def test_hidden_neurons_have_64_connections(make: Make) -> None:
    nodes = {"in": ir.Input([4]), "a": make.dense(4, 30), "n": make.lif(), "rec": make.dense(30, 30)}
    nodes |= {"c": make.dense(30, 30), "k": make.lif(), "b": make.dense(30, 8), "m": make.lif(), "out": ir.Output([8])}
    pairs = ["in a", "a n", "n rec", "rec n", "n c", "c k", "k b", "b m", "m out"]
    edges = [(pair.split()[0], pair.split()[1]) for pair in pairs]
    assert hw.check(ir.Graph(nodes, edges), "xylo-audio2").ok  # 30 to itself and 30 to the next layer
    wider = ir.Graph(nodes, [*edges, ("n", "b")])
    finding = make.findings(hw.check(wider, "xylo-audio2"), "T503")["fan-out"]
    assert (finding.node, finding.have, finding.need) == ("a", 64, 68)


# TrueNorth: one axon for every neuron


def test_a_neuron_of_truenorth_reaches_one_core(make: Make) -> None:
    def net(wide: int) -> ir.Graph:
        nodes = {"a": make.dense(16, 16, bias=False), "n": ir.IF(1.0), "b": make.dense(16, wide, bias=False)}
        return ir.Graph.chain(ir.Input([16]), **nodes, m=ir.IF(1.0), output=ir.Output([wide]))

    assert hw.check(net(200), "truenorth").ok
    wide = hw.check(net(257), "truenorth")
    found = make.findings(wide, "T503")
    assert (found["reach"].node, found["reach"].have, found["reach"].need) == ("n", 1, 2)
    assert (found["fan-out"].have, found["fan-out"].need) == (256, 257)


# Paddings and packings


def test_banks_are_taken_whole(make: Make) -> None:
    bank = f'padding = "bank"\nbank = {assumed(256, "word")}'
    target = altered("generic-mesh", ('padding = "none"', bank))
    graph = ir.Graph.chain(ir.Input([20]), fc=make.dense(20, 30), n=make.lif(), output=ir.Output([30]))
    row = make.row(hw.check(graph, target), "fc + n")
    # 600 weights and 30 biases of 3 bytes are 690 bytes, 3 banks; 30 membranes are 1 bank of words of 2 bytes.
    assert (row["weight memory"], row["state memory"]) == (768, 512)


def test_packed_values_share_words(make: Make) -> None:
    graph = ir.Graph.chain(ir.Input([20]), fc=make.dense(20, 30, bias=False), n=make.lif(), output=ir.Output([30]))
    loihi = make.row(hw.check(graph, "loihi1"), "fc + n")
    assert loihi["synapse memory"] == 8 * -(-600 // 7)  # seven weights of 9 bits in 64
    overhead = altered(
        "loihi1", ('overhead = "unknown"', f"overhead = {assumed(10, 'bit')}".replace("talon", "davies2018"))
    )
    assert make.row(hw.check(graph, overhead), "fc + n")["synapse memory"] == 8 * 200  # three of 19 bits
    assert "memory" not in str(hw.check(graph, overhead).unknowns())
    assert "beside each value in its synapse memory" in str(hw.check(graph, "loihi1").unknowns())


@given(st.integers(1, 5000))
def test_powers_of_two(number: int) -> None:
    assert pow2(number) >= number > pow2(number) // 2
    assert pow2(number).bit_count() == 1


# The choice of kinds


def tiles(count: int, neurons: int = 1) -> list[Tile]:
    empty = np.empty(0, np.int64)
    return [Tile(0, 0, (), neurons, {}, (), empty, empty)] * count


def alone(*counts: int) -> hw.Target:
    """Speck with so many cores of each kind."""
    target = hw.target("speck2e")
    cores = [replace(c, count=replace(c.count, value=n)) for c, n in zip(target.cores, counts, strict=True)]
    return replace(target, cores=tuple(cores))


@given(
    st.lists(st.dictionaries(st.integers(0, 3), st.integers(1, 2), min_size=1), min_size=1, max_size=5),
    st.tuples(*[st.integers(1, 3)] * 4),
)
def test_a_way_is_found_where_there_is_one(counts: list[dict[int, int]], room: tuple[int, ...]) -> None:
    ways: list[Mapping[int, list[Tile]]] = [{kind: tiles(n) for kind, n in way.items()} for way in counts]
    target = alone(*room)

    def fits(kinds: tuple[int, ...]) -> bool:
        taken = [0, 0, 0, 0]
        for way, kind in zip(counts, kinds, strict=True):
            taken[kind] += way[kind]
        return all(used <= there for used, there in zip(taken, room, strict=True))

    possible = any(fits(kinds) for kinds in itertools.product(*counts))
    found = chosen(target, ways)
    assert all(kind in way for kind, way in zip(found, counts, strict=True))
    assert fits(tuple(found)) == possible  # type: ignore[arg-type]


def test_a_layer_that_no_kind_holds_is_left_out() -> None:
    assert chosen(alone(3, 2, 2, 2), [{}, {1: tiles(1)}]) == [None, 1]


def test_limits_of_the_border_are_kept_when_layers_share_a_core(make: Make, edited: Callable[..., object]) -> None:
    target = edited(('inputs = "unlimited"', f"inputs = {assumed(6, 'unit')}"))
    nodes = {"in": ir.Input([4]), "a": make.dense(4, 3), "n": make.lif(), "jn": ir.Input([4]), "b": make.dense(4, 3)}
    nodes |= {"m": make.lif(), "o": ir.Output([3]), "p": ir.Output([3])}
    graph = ir.Graph(nodes, [("in", "a"), ("a", "n"), ("n", "o"), ("jn", "b"), ("b", "m"), ("m", "p")])
    assert [core.layers for core in hw.check(graph, target).cores] == [("a + n",), ("b + m",)]
    assert len(hw.check(graph, "generic-mesh").cores) == 1


def test_a_layer_that_each_kind_refuses_for_another_reason_is_told(make: Make) -> None:
    """One kind of xylo sends to others and not to Outputs, the other one the reverse: neurons that do both fit none."""
    nodes = {"in": ir.Input([4]), "f1": make.dense(4, 6), "a": make.lif(), "f2": make.dense(6, 5), "b": make.lif()}
    nodes |= {"back": make.dense(5, 6), "out": ir.Output([5])}
    edges = [("in", "f1"), ("f1", "a"), ("a", "f2"), ("f2", "b"), ("b", "back"), ir.Edge("back", "a", delay=1)]
    report = hw.check(ir.Graph(nodes, [*edges, ("b", "out")], allow_cycles=True), "xylo-audio2")
    assert not report.ok
    assert not report.complete
    assert [(d.code, d.resource, d.have, d.node) for d in report.errors if d.resource == "outputs"] == [  # type: ignore[attr-defined]
        ("T503", "outputs", 0, "f2")
    ]
