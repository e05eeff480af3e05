"""Networks in integers: what they compute, what they are scaled by, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.arithmetic import Decay, Register, decayed, overflowed
from tests.hw.records import record_of, with_record

RNG = np.random.default_rng(4)


def net(**lif: Any) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([1, 12, 12]),
        c1=ir.Conv2d(RNG.standard_normal((8, 1, 3, 3)) * 0.5, RNG.standard_normal(8) * 0.1, padding=1),
        l1=ir.LIF(4.0, 4.0, 0.0, 1.0, **lif),
        pool=ir.MaxPool2d(),
        c2=ir.Conv2d(RNG.standard_normal((16, 8, 3, 3)) * 0.2, None, padding=1),
        l2=ir.IF(1.0, reset="subtract"),
        mean=ir.AvgPool2d(2),
        flat=ir.Flatten(),
        fc=ir.Affine(RNG.standard_normal((10, 144)) * 0.3, np.zeros(10)),
        l3=ir.LIF(4.0, 4.0, 0.0, 1.0),
        output=ir.Output([10]),
    )


SPIKES = (RNG.random((12, 3, 1, 12, 12)) < 0.3).astype(np.float32)


def test_sixteen_bits_are_all_but_the_float_network() -> None:
    graph = net()
    quantised = hw.quantize(graph, own(16), calibration=SPIKES)
    a = run(graph, SPIKES, record="*.spikes")
    b = run(quantised, SPIKES, engine="integer", record="*.spikes")
    for key, spikes in a.spikes.items():
        assert np.mean(spikes != b.spikes[key]) < 0.01, key


def own(bits: int, **more: str) -> Path:
    """The mesh with other widths."""
    path = Path(f"chip{bits}.toml")
    path.write_text(
        f"""inherits = "generic-mesh"
target.id = "chip{bits}"
numeric.weights.bits = {{ value = {bits}, unit = "bit", kind = "assumed", cite = "talon" }}
numeric.accumulators.bits = {{ value = 32, unit = "bit", kind = "assumed", cite = "talon" }}
numeric.membranes.bits = {{ value = 24, unit = "bit", kind = "assumed", cite = "talon" }}
"""
        + "".join(f"{key} = {value}\n" for key, value in more.items())
    )
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_integers_are_of_the_width_and_go_through_files(bits: int, tmp_path: Path) -> None:
    quantised = hw.quantize(net(), calibration=SPIKES, bits=bits)
    for name in ("c1", "c2", "fc"):
        weight = quantised.nodes[name].quant["weight"]
        assert weight.bits == bits
        assert np.abs(weight.integers).max() <= 2 ** (bits - 1) - 1
    ir.write(tmp_path / "q.t1c", quantised)
    read = ir.read(tmp_path / "q.t1c")
    assert read.same_as(quantised)
    a, b = (run(graph, SPIKES, engine="integer") for graph in (quantised, read))
    assert np.array_equal(a.outputs["output"], b.outputs["output"])


def test_a_run_goes_on_where_it_stopped() -> None:
    quantised = hw.quantize(net(reset="subtract", reset_delay=1), calibration=SPIKES)
    whole = run(quantised, SPIKES, engine="integer", record="*")
    first = run(quantised, SPIKES[:5], engine="integer")
    last = run(quantised, SPIKES[5:], engine="integer", state=first.state)
    assert first.state.nodes["l1"]["v"].dtype.kind == "i"
    assert np.array_equal(last.outputs["output"], whole.outputs["output"][5:])
    for name, values in whole.state.nodes.items():
        assert np.array_equal(last.state.nodes[name]["v"], values["v"])


def test_programs_and_sessions_run_integers() -> None:
    quantised = hw.quantize(net(), calibration=SPIKES)
    whole = run(quantised, SPIKES, engine="integer")
    program = hw.compile(quantised, engine="integer")
    for threads in (1, 2):
        assert np.array_equal(program.run(SPIKES, threads=threads).outputs["output"], whole.outputs["output"])
    session = program.session(batch=3)
    steps = [session.step(x)["output"] for x in SPIKES]
    assert np.array_equal(np.stack(steps), whole.outputs["output"])
    with pytest.raises(ir.TalonRunError, match="makes no programs"):
        hw.compile(quantised, engine="reference")
    with pytest.raises(ir.TalonRunError, match="cannot run here") as caught:
        hw.compile(net(), engine="integer")
    assert str(caught.value.help).startswith("quantise it first: ")
    with pytest.raises(ir.TalonRunError, match="no option"):
        hw.compile(quantised, engine="integer", kernel="event")


def plain(graph: ir.Graph, x: np.ndarray) -> np.ndarray:
    """Input, Affine, LIF, Output, in Python's own integers, one neuron after the other."""
    record = record_of(graph)
    fc, lif = graph.nodes["fc"], graph.nodes["lif"]
    weight = fc.quant["weight"].integers.tolist()
    bias = fc.quant["bias"].integers.tolist() if "bias" in fc.quant else [0] * len(weight)
    threshold = np.broadcast_to(lif.quant["v_threshold"].integers, len(weight)).tolist()
    shift = record["shifts"].get("lif", 0)
    factor = 4096 - round(4096 / float(lif.tau))  # type: ignore[attr-defined]
    v = [0] * len(weight)
    out = np.zeros((len(x), 1, len(weight)))
    for t, step in enumerate(x[:, 0]):
        for c, row in enumerate(weight):
            total = bias[c] + sum(w * int(s) for w, s in zip(row, step, strict=True))
            total = max(-(2**23), min(2**23 - 1, total))
            if shift >= 0:
                total <<= shift
            else:
                quotient, rest = divmod(total, 2**-shift)
                half = 2**-shift // 2
                total = quotient + (rest > half or (rest == half and quotient % 2 == 1))
            product = v[c] * factor
            v[c] = (abs(product) // 4096) * (1 if product > 0 else -1) + total
            v[c] = max(-(2**15), min(2**15 - 1, v[c]))
            if v[c] >= threshold[c]:
                out[t, 0, c], v[c] = 1, 0
    return out


@pytest.mark.parametrize("gain", [0.2, 3.0, 400.0])
def test_the_oracle_computes_what_plain_integers_do(gain: float) -> None:
    graph = ir.Graph.chain(
        input=ir.Input([9]),
        fc=ir.Affine(RNG.standard_normal((6, 9)) * gain, RNG.standard_normal(6)),
        lif=ir.LIF(3.0, 1.0, 0.0, 1.0),
        output=ir.Output([6]),
    )
    x = (RNG.random((40, 1, 9)) < 0.4).astype(np.float32)
    quantised = hw.quantize(graph, calibration=x[:10])
    found = run(quantised, x, engine="integer").outputs["output"]
    assert found.any()
    assert np.array_equal(found, plain(quantised, x))


def test_layers_that_meet_in_a_sum_share_their_unit() -> None:
    graph = ir.Graph(
        {
            "in": ir.Input([5]),
            "fc": ir.Affine(RNG.standard_normal((4, 5))),
            "lif": ir.LIF(3.0, 1.0, 0.0, 0.5),
            "back": ir.Affine(RNG.standard_normal((4, 4)) * 10),
            "out": ir.Output([4]),
        },
        [("in", "fc"), ("fc", "lif"), ("lif", "back"), ir.Edge("back", "lif", delay=1), ("lif", "out")],
        allow_cycles=True,
    )
    x = (RNG.random((20, 2, 5)) < 0.5).astype(np.float32)
    quantised = hw.quantize(graph, calibration=x)
    units = record_of(quantised)["units"]
    assert np.array_equal(units["fc"], units["back"])
    assert run(quantised, x, engine="integer").outputs["out"].shape == (20, 2, 4)


def test_what_it_refuses() -> None:
    with pytest.raises(ir.TalonTargetError, match="no such method"):
        hw.quantize(net(), calibration=SPIKES, method="best")
    with pytest.raises(ir.TalonTargetError, match="17 bits"):
        hw.quantize(net(), calibration=SPIKES, bits=17)
    with pytest.raises(ir.TalonTargetError, match="loihi1 is not known well enough"):
        hw.quantize(net(), "loihi1", calibration=SPIKES)
    with pytest.raises(ir.TalonTypeError, match="takes a graph"):
        hw.quantize("net.t1c", calibration=SPIKES)  # type: ignore[arg-type]
    hinted = net().replace("fc", net().nodes["fc"].changed(weight_t="fixed<8,4>"))
    with pytest.raises(ir.TalonTargetError, match="weight_t"):
        hw.quantize(hinted, calibration=SPIKES)
    with pytest.raises(ir.TalonRunError, match="cannot run this graph"):
        run(net(), SPIKES, engine="integer")


def test_hints_come_before_what_is_asked_for() -> None:
    hinted = net().replace("fc", net().nodes["fc"].changed(weight_t="int4"))
    quantised = hw.quantize(hinted, calibration=SPIKES, bits=8)
    assert quantised.nodes["fc"].quant["weight"].bits == 4
    assert quantised.nodes["c1"].quant["weight"].bits == 8


ROUNDS = {
    "floor": lambda n, d: n // d,
    "rtz": lambda n, d: abs(n) // d * (1 if n > 0 else -1),
    "half_up": lambda n, d: (2 * n + d) // (2 * d),
    "half_even": lambda n, d: n // d + (2 * (n % d) > d or (2 * (n % d) == d and n // d % 2 == 1)),
}


@pytest.mark.parametrize("rounding", ROUNDS)
def test_decays_against_plain_integers(rounding: str) -> None:
    v = np.arange(-600, 601)
    divide = ROUNDS[rounding]
    for factor in (0, 1, 2048, 4000, 4095):
        found = decayed(v, np.array(factor), Decay("multiply", 12, rounding))
        assert found.tolist() == [divide(int(n) * factor, 4096) for n in v]
    for bits in (0, 1, 4, 7):
        found = decayed(v, np.array(bits), Decay("shift", 1, rounding))
        assert found.tolist() == [n - divide(n, 2**bits) for n in v.tolist()]
        found = decayed(v, np.array(bits), Decay("shift_at_least_1", 1, rounding))
        lost = [divide(n, 2**bits) or (n > 0) - (n < 0) for n in v.tolist()]
        assert found.tolist() == [n - k for n, k in zip(v.tolist(), lost, strict=True)]


def test_two_rules_disagree_on_38_of_81_values() -> None:
    v = np.arange(-40, 41)
    bits = np.array(4)
    rules = {
        (rule, rounding): decayed(v, bits, Decay(rule, 1, rounding))
        for rule in ("shift", "shift_at_least_1")
        for rounding in ROUNDS
    }
    differing = {int((a != b).sum()) for a in rules.values() for b in rules.values()}
    assert 38 in differing


def test_overflow() -> None:
    values = np.array([-200, -129, -128, 0, 127, 128, 300])
    assert overflowed(values, Register(8, "saturate")).tolist() == [-128, -128, -128, 0, 127, 127, 127]
    assert overflowed(values, Register(8, "wrap")).tolist() == [56, 127, -128, 0, 127, -128, 44]
    with pytest.raises(ir.TalonRunError, match="found -200"):
        overflowed(values, Register(8, "trap"))
    assert overflowed(values[2:5], Register(8, "trap")).tolist() == [-128, 0, 127]


def test_the_report_compares_every_neuron() -> None:
    graph = net()
    quantised = hw.quantize(graph, calibration=SPIKES, bits=4)
    report = hw.quantization_report(graph, quantised, SPIKES)
    assert [layer.node for layer in report.layers] == ["l1", "l2", "l3"]
    a = run(graph, SPIKES, record="*.spikes")
    b = run(quantised, SPIKES, engine="integer", record="*.spikes")
    for layer in report.layers:
        x, y = a.spikes[layer.node], b.spikes[layer.node]
        assert layer.rate_float == pytest.approx(x.mean())
        assert layer.rate_integer == pytest.approx(y.mean())
        assert layer.agreement == pytest.approx((x == y).mean())
        never = (y.sum(axis=(0, 1)) == 0) & (x.sum(axis=(0, 1)) > 0)
        assert layer.dead == never.sum()
    assert all(proof.safe for proof in report.proofs)
    assert "cannot overflow" in str(report)
    assert {line["pass"] for line in report.ledger} >= {"quantise"}
    with pytest.raises(ir.TalonTargetError, match="same neurons"):
        hw.quantization_report(ir.Graph.chain(input=ir.Input([1, 12, 12]), output=ir.Output(None)), quantised, SPIKES)


def test_membranes_at_their_limit_are_told() -> None:
    graph = ir.Graph.chain(
        input=ir.Input([4]),
        fc=ir.Affine(-np.ones((3, 4), np.float32)),
        lif=ir.IF(0.01),
        output=ir.Output([3]),
    )
    quiet, loud = np.ones((2, 1, 4), np.float32), np.ones((4000, 1, 4), np.float32)
    quantised = hw.quantize(graph, calibration=quiet)
    (layer,) = hw.quantization_report(graph, quantised, loud).layers
    assert 0 < layer.at_limit < 1


def test_the_command(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from talon.cli.main import cli

    ir.write(tmp_path / "net.t1c", net())
    np.save(tmp_path / "x.npy", SPIKES)
    asked = ["hw", "quantize", "net.t1c", "--calibration", "x.npy", "--bits", "4", "-o", "q.t1c"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    for text in ("cannot overflow", "quantise: fc.weight", "l3", "with 'talon run"):
        assert text in done.output
    assert ir.read(tmp_path / "q.t1c").nodes["fc"].quant["weight"].bits == 4
    again = CliRunner().invoke(cli, asked)
    assert again.exit_code == 2
    assert "--force" in again.output
    ran = CliRunner().invoke(cli, ["run", "q.t1c", "--input", "x.npy", "--engine", "integer", "--json"])
    assert ran.exit_code == 0
    assert '"engine": "integer"' in ran.output


@pytest.mark.parametrize("folded", [True, False])
def test_neurons_inside_others_are_quantised(folded: bool) -> None:
    """Whether or not anything of the network was rewritten before."""
    stem = [RNG.standard_normal(shape) * 0.5 for shape in ((4, 1, 3, 3), (3, 4, 3, 3), (3, 1, 3, 3))]
    graph = ir.Graph.chain(
        input=ir.Input([1, 12, 12]),
        stem=ir.SGhostEncoderLite(stem[0], None, stem[1], None, stem[2], None, neuron="if"),
        flat=ir.Flatten(),
        fc=ir.Affine(RNG.standard_normal((5, 216)) * 0.2, None),
        out=ir.LIF(2.0, 4.0 if folded else 2.0, 0.0, 1.0),
        output=ir.Output([5]),
    )
    quantised = hw.quantize(graph, own(16), calibration=SPIKES)
    layers = {layer.node: layer for layer in hw.quantization_report(graph, quantised, SPIKES).layers}
    assert layers.keys() == {"stem.conv1_if", "stem.ghost.primary_if", "stem.ghost.cheap_if", "out"}
    for layer in layers.values():
        assert layer.rate_float > 0
        assert layer.agreement > 0.98


def test_the_ledger_is_whole_and_small(tmp_path: Path) -> None:
    layers = [node for _ in range(30) for node in (ir.Affine(RNG.standard_normal((4, 4))), ir.LIF(3.0, 2.0, 0.1, 0.5))]
    graph = ir.Graph.chain(ir.Input([4]), *layers, ir.Output([4]))
    x = (RNG.random((4, 1, 4)) < 0.5).astype(np.float32)
    quantised = hw.quantize(graph, calibration=x)
    ledger = hw.quantization_ledger(quantised)
    changed = {(line["node"], line["field"]) for line in ledger}
    for name, node in quantised.nodes.items():
        for key in getattr(node, "quant", {}):
            assert (name, key) in changed
    assert all(set(line) >= {"pass", "node", "field", "before", "after", "exact"} for line in ledger)
    assert all("why" in line for line in ledger if not line["exact"])
    bare = with_record(quantised, origin=record_of(quantised)["origin"] | {"ledger": 1})
    for name, graph in {"q": quantised, "bare": bare}.items():
        ir.write(tmp_path / f"{name}.t1c", graph)
    assert hw.quantization_ledger(ir.read(tmp_path / "q.t1c")) == ledger
    sizes = [(tmp_path / f"{name}.t1c").stat().st_size for name in ("q", "bare")]
    # 30 bytes a line; their text has more than 100.
    assert sizes[0] - sizes[1] < 30 * len(ledger)
    with pytest.raises(ir.TalonFormatError, match="ledger"):
        hw.quantization_ledger(bare)


def test_what_is_quantised_is_not_rewritten_again() -> None:
    quantised = hw.quantize(net(), calibration=SPIKES)
    for again in (
        lambda: hw.legalise(quantised, "generic-mesh"),
        lambda: hw.quantize(quantised, calibration=SPIKES, bits=4),
    ):
        with pytest.raises(ir.TalonTargetError, match="quantised already") as caught:
            again()
        assert (caught.value.code, caught.value.diagnostic.node) == ("T506", "c1")
    # A check rewrites nothing.
    assert not hw.check(quantised, "generic-mesh").errors


def test_batch_norm_r_and_leak_are_folded() -> None:
    """With 16 bits the network whose parameters went into weights is all but the float one."""
    channels = 4
    norm = ir.BatchNorm2d(
        channels, RNG.uniform(0.5, 2, channels), RNG.normal(0, 0.3, channels), RNG.normal(0, 0.5, channels),
        RNG.uniform(0.5, 2, channels),
    )  # fmt: skip
    graph = ir.Graph.chain(
        input=ir.Input([2, 6, 6]),
        conv=ir.Conv2d(RNG.standard_normal((channels, 2, 3, 3)), RNG.standard_normal(channels), padding=1),
        norm=norm,
        lif=ir.LIF(np.array([1.5, 2.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0, 4.0]), 0.2, 0.6),
        out=ir.Output([channels, 6, 6]),
    )
    x = (RNG.random((12, 2, 2, 6, 6)) < 0.4).astype(np.float32)
    quantised = hw.quantize(graph, own(16), calibration=x)
    assert "norm" not in quantised.nodes
    lif: Any = quantised.nodes["lif"]
    assert np.array_equal(lif.r, lif.tau)
    assert (lif.v_leak == 0).all()
    assert np.allclose(1 / lif.tau, 1 / np.array([1.5, 2.0, 4.0, 9.0]), atol=1 / 8192)
    a, b = run(graph, x).outputs["out"], run(quantised, x, engine="integer").outputs["out"]
    assert a.any()
    assert np.mean(a != b) < 0.01
    folded = {(line["pass"], line["node"], line["field"]) for line in hw.quantization_ledger(quantised)}
    assert {("fold", "lif", "r"), ("fold", "lif", "v_leak"), ("fold", "conv", "weight")} <= folded


def test_refusals_name_the_node() -> None:
    def conv(inputs: int, outputs: int) -> ir.Conv2d:
        return ir.Conv2d(RNG.standard_normal((outputs, inputs, 3, 3)), None)

    def chained(**layers: ir.Node) -> ir.Graph:
        return ir.Graph.chain(input=ir.Input([1, 12, 12]), **layers, output=ir.Output(None))

    uneven = ir.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    own_places = np.ones((2, 10, 10), np.float32) + np.arange(200).reshape(2, 10, 10) / 100
    refused = {
        "pool": chained(first=conv(1, 2), one=ir.IF(1.0), pool=uneven, second=conv(2, 2), two=ir.IF(1.0)),
        "cell": chained(first=conv(1, 2), cell=ir.LIF(4.0, own_places, 0.0, 1.0)),
        "up": chained(
            first=conv(1, 2), one=ir.IF(1.0), up=ir.Upsample(2, mode="bilinear"), second=conv(2, 2), two=ir.IF(1.0)
        ),
    }
    for node, graph in refused.items():
        with pytest.raises(ir.TalonTargetError) as caught:
            hw.quantize(graph, calibration=SPIKES)
        assert (caught.value.code, caught.value.diagnostic.node) == ("T506", node)
        assert caught.value.diagnostic.help
