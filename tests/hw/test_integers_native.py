"""The integer engine in C and its oracle: equal to the bit, whatever rules, kernels, threads and instructions."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import Result, run, stream
from talon.hw.integers.arithmetic import DECAYS, ORDERS, OVERFLOWS, ROUNDINGS, Arithmetic, Register
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.native import library
from talon.hw.native.tape import Tape
from tests.hw.integer_networks import loop, maps
from tests.hw.records import record_of, with_record
from tests.hw.test_native import SETS, WAYS, same, same_result

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(6)
ORACLE = {"kernels": "oracle"}


@pytest.fixture(autouse=True)
def widest() -> Iterator[None]:
    yield
    library.library().isa(SETS[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chips")


def chip(folder: Path, **numeric: Any) -> Path:
    """The mesh with other numbers; `a_b=...` stands for `numeric.a.b`."""
    lines = ['inherits = "generic-mesh"', 'target.id = "chip"']
    for key, value in numeric.items():
        path = f"numeric.{key.replace('_', '.')}"
        if isinstance(value, int):
            lines.append(f'{path} = {{ value = {value}, unit = "bit", kind = "assumed", cite = "talon" }}')
        else:
            lines.append(f"{path} = {list(value) if isinstance(value, tuple) else value!r}")
    place = folder / "chip.toml"
    place.write_text("\n".join(lines).replace("'", '"') + "\n")
    return place


def agree(graph: ir.Graph, x: np.ndarray, sets: list[str] = SETS, **options: Any) -> Result:
    """Every way of the library against the oracle; returns the last."""
    expected = run(graph, x, engine="integer", engine_options=ORACLE, **options)
    try:
        for isa, way in itertools.product(sets, WAYS):
            library.library().isa(isa)
            found = run(graph, x, engine="integer", **way, **options)
            same_result(found, expected)
    finally:
        library.library().isa(SETS[-1])
    return found


def spikes(*shape: int, rate: float = 0.3) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("build", [maps, loop])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    bits=st.integers(2, 16),
    arithmetic=st.fixed_dictionaries(
        {
            "accumulators_bits": st.integers(8, 32),
            "accumulators_overflow": st.sampled_from(OVERFLOWS[:2]),
            "accumulators_rounding": st.sampled_from(ROUNDINGS),
            "membranes_bits": st.integers(8, 32),
            "membranes_overflow": st.sampled_from(OVERFLOWS[:2]),
            "decay_rule": st.sampled_from(DECAYS),
            "decay_rounding": st.sampled_from(ROUNDINGS),
            "decay_bits": st.integers(1, 15),
            "comparator": st.sampled_from(["ge", "gt"]),
            "order": st.sampled_from(ORDERS),
        }
    ),
)
def test_any_rule(folder: Path, build: Any, seed: int, bits: int, arithmetic: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    graph = build(rng, comparator=arithmetic["comparator"])
    shape = next(iter(graph.inputs.values())).shape
    x = spikes(7, 5, *shape, rate=float(rng.choice([0.05, 0.4])))
    target = chip(folder, weights_bits=max(bits, 2), **arithmetic)
    quantised = hw.quantize(graph, target, calibration=x)
    whole = agree(quantised, x, [str(rng.choice(SETS))], record="*")
    half = run(quantised, x[:3], engine="integer")
    rest = run(quantised, x[3:], engine="integer", state=half.state)
    for name, output in whole.outputs.items():
        assert np.array_equal(np.concatenate([half.outputs[name], rest.outputs[name]]), output)
    for path, values in whole.state.nodes.items():
        same(rest.state.nodes[path], values)
    same(rest.state.delays, whole.state.delays)


KINDS = [
    # Weights of so many bits, inputs, whether these carry numbers; by what the layer runs.
    (8, 20, False, "int8 in int16"),
    (8, 2000, False, "int16 in int32"),
    (16, 20, False, "int16 in int32"),
    (8, 40, True, "int16 in int32"),
    (16, 300, True, "integers in numpy"),
]


@pytest.mark.parametrize(("bits", "inputs", "graded", "how"), KINDS)
@pytest.mark.parametrize("rate", [0.05, 0.9])
def test_sums_of_every_width(folder: Path, bits: int, inputs: int, graded: bool, how: str, rate: float) -> None:
    graph = ir.Graph.chain(
        input=ir.Input([inputs]),
        fc=ir.Affine(np.abs(weights(70, inputs)), weights(70)),
        lif=ir.LIF(3.0, 2.0, 0.0, 0.4, reset="subtract"),
        out=ir.Output([70]),
    )
    x = spikes(6, 70, inputs, rate=rate)
    if graded:
        x = x * RNG.normal(0, 3, x.shape).astype(np.float32)
    target = chip(folder, weights_bits=bits, accumulators_bits=32, membranes_bits=24, payload_bits=16)
    wide = {"input_bits": 16 if bits == 16 else 8} if graded else {}
    quantised = hw.quantize(graph, target, calibration=x, method="max", **wide)
    found = agree(quantised, x, record="*")
    assert how in found.engine.nodes["fc"]
    assert ("native" in found.engine.nodes["lif"]) == ("native" in found.engine.nodes["fc"])
    assert found.outputs["out"].any()


def wide(folder: Path, **arithmetic: Any) -> tuple[ir.Graph, np.ndarray]:
    graph = loop(np.random.default_rng(3))
    x = spikes(8, 4, 11)
    return hw.quantize(graph, chip(folder, **arithmetic), calibration=x), x


def test_a_register_that_traps_names_the_same_number(folder: Path) -> None:
    for register in ("accumulators", "membranes"):
        quantised, x = wide(folder, **{f"{register}_overflow": "trap", "accumulators_bits": 24})
        agree(quantised, x)
        said: list[str] = []
        numeric = record_of(quantised)["arithmetic"]
        narrow = {**numeric, register: {"bits": 5, "overflow": "trap"}}
        trapped = with_record(quantised, arithmetic=narrow)
        for kernels in ("oracle", "event", "dense"):
            for threads in (1, 2):
                with pytest.raises(ir.TalonRunError) as caught:
                    run(trapped, x, engine="integer", engine_options={"kernels": kernels}, threads=threads)
                assert caught.value.code == "T507"
                said.append(str(caught.value))
        assert len(set(said)) == 1


@pytest.mark.parametrize("kernels", ["oracle", "event", "dense"])
def test_a_register_that_traps_says_where_and_when(folder: Path, kernels: str) -> None:
    """The third sample is the first that is loud, at the fourth step; in a run that goes on, the ninth."""
    graph = ir.Graph.chain(
        input=ir.Input([40]), fc=ir.Affine(np.ones((3, 40), np.float32)), cell=ir.IF(1.0), out=ir.Output([3])
    )
    x = np.zeros((5, 4, 40), np.float32)
    x[:, :, 0] = 1
    target = chip(folder, accumulators_bits=10, accumulators_overflow="trap")
    quantised = hw.quantize(graph, target, calibration=x, method="max")
    first = run(quantised, x, engine="integer")
    x[3, 2:] = 1
    options = {"kernels": kernels} | ({} if kernels == "oracle" else {"chunk": 2})
    for state, step in ((None, 3), (first.state, 8)):
        for threads in (1, 2):
            with pytest.raises(ir.TalonRunError) as caught:
                run(quantised, x, engine="integer", engine_options=options, state=state, threads=threads)
            said = caught.value.diagnostic
            assert (caught.value.code, said.node) == ("T507", "cell")
            assert said.message.endswith(f", in step {step}")
            assert str(said.found).endswith("in sample 2")


@pytest.mark.parametrize("kernels", ["oracle", "auto"])
def test_sums_that_trap_on_the_way_out_say_so_too(folder: Path, kernels: str) -> None:
    graph = ir.Graph.chain(input=ir.Input([40]), fc=ir.Affine(np.ones((3, 40), np.float32)), out=ir.Output([3]))
    x = np.zeros((5, 4, 40), np.float32)
    x[:, :, 0] = 1
    target = chip(folder, accumulators_bits=10, accumulators_overflow="trap")
    quantised = hw.quantize(graph, target, calibration=x, method="max")
    x[2, 1:] = 1
    with pytest.raises(ir.TalonRunError) as caught:
        run(quantised, x, engine="integer", engine_options={"kernels": kernels})
    said = caught.value.diagnostic
    assert (caught.value.code, said.node) == ("T507", "out")
    assert said.message.endswith(", in step 2")
    assert str(said.found).endswith("in sample 1")


def test_what_is_not_exact_goes_to_the_oracle(folder: Path) -> None:
    quantised, x = wide(folder, accumulate="sequential_saturate", accumulators_bits=9)
    found = agree(quantised, x)
    assert found.engine.nodes["fc"] == "integers in numpy"
    assert "native" in found.engine.nodes["lif"]
    for options in ({"dtype": "float64"}, {"engine_options": ORACLE}):
        assert set(run(quantised, x, engine="integer", **options).engine.nodes.values()) == {"integers in numpy"}


def test_without_the_library_the_oracle_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantised, x = wide(folder)
    expected = run(quantised, x, engine="integer")
    monkeypatch.setattr("talon.hw.integers.engine.load", lambda: (None, "no compiler"))
    found = run(quantised, x, engine="integer")
    same_result(found, expected)
    assert set(found.engine.nodes.values()) == {"integers in numpy"}


@pytest.mark.parametrize(("bits", "held"), [(16, np.int32), (31, np.int32), (32, np.int64)])
def test_membranes_are_kept_as_wide_as_their_register(folder: Path, bits: int, held: Any) -> None:
    """By the oracle as by the library, so that either goes on where the other stopped."""
    quantised, x = wide(folder, membranes_bits=bits)
    expected = run(quantised, x, engine="integer", engine_options=ORACLE)
    for first, second in ((ORACLE, {}), ({}, ORACLE)):
        state = run(quantised, x[:3], engine="integer", engine_options=first).state
        assert state.nodes["lif"]["v"].dtype == held
        rest = run(quantised, x[3:], engine="integer", engine_options=second, state=state)
        assert np.array_equal(rest.state.nodes["lif"]["v"], expected.state.nodes["lif"]["v"])


@pytest.mark.parametrize("groups", [1, 8], ids=["full", "depthwise"])
def test_dense_sums_of_convolutions_up_to_the_last_bit(groups: int) -> None:
    """Sums next to 2^24, which one product more would round, and graded inputs, whose products are added in one
    instruction."""
    rng = np.random.default_rng(8)
    taps = 3 * 3 * 8 // groups
    most = 2**24 // (127 * taps)
    integers = rng.integers(most - 40, most, (8, 8 // groups, 3, 3)) * np.array([1, -1] * 4)[:, None, None, None]
    scale = np.ones(1, np.float32)
    conv = ir.Conv2d(np.zeros(integers.shape), padding=1, groups=groups)
    held = ir.Quantized(integers.astype(np.int32), scale, 24, "pow2")
    graph = ir.Graph.chain(input=ir.Input([8, 5, 9]), conv=conv.changed(weight=held), output=ir.Output(None))
    wide = Register(32, "saturate")
    arithmetic = Arithmetic(wide, "floor", wide, None, "ge", "exact", ORDERS[0])
    record = QuantRecord(arithmetic, {"input": Encoding(1.0, -127, 127)}, {"conv": scale})
    x = rng.integers(100, 128, (2, 2, 8, 5, 9)).astype(np.float32)
    x[1] *= -1
    found = agree(graph.changed(quantization_config=record.as_config()), x)
    assert found.engine.nodes["conv"].startswith("native integer convolution")
    assert 0.75 * 2**24 < np.abs(found.outputs["output"]).max() < 2**24
    assert (found.outputs["output"] % 2 == 1).any()


def test_a_state_that_no_run_has_made(folder: Path) -> None:
    quantised, x = wide(folder)
    state = run(quantised, x, engine="integer").state
    state.nodes["lif"]["v"][0, 0] = 2**30
    expected = run(quantised, x, engine="integer", state=state, engine_options=ORACLE)
    same_result(run(quantised, x, engine="integer", state=state), expected)


def test_nodes_on_the_host_read_what_the_integers_stand_for() -> None:
    graph = ir.Graph(
        {
            "in": ir.Input([6]),
            "fc": ir.Affine(weights(4, 6), weights(4)),
            "lif": ir.LIF(3.0, 2.0, 0.0, 0.5),
            "read": ir.Affine(weights(4, 4), weights(4)),
            "relu": ir.ReLU(4),
            "mean": ir.StepMean(),
            "out": ir.Output([4]),
        },
        [
            ("in", "fc"),
            ("fc", "lif"),
            ("lif", "read"),
            ("read", "relu"),
            ("relu", "mean"),
            ("lif", "mean"),
            ("mean", "out"),
        ],
    )
    x = spikes(7, 4, 6)
    found = agree(hw.quantize(graph, calibration=x), x, record="*")
    assert found.engine.nodes["relu"].startswith("on the host")


def hosted() -> ir.Graph:
    """Maps on the host: of sums, some of them late, beside spikes that are late, and resampled in numpy."""
    nodes: dict[str, ir.Node] = {
        "in": ir.Input([3, 4, 5]),
        "conv": ir.Conv2d(weights(8, 3, 3, 3), weights(8), padding=1),
        "lif": ir.LIF(3.0, 2.0, 0.0, 0.5),
        "read": ir.Conv2d(weights(8, 8, 3, 3), weights(8), padding=1),
        "again": ir.Conv2d(weights(8, 8, 1, 1)),
        "relu": ir.ReLU(8),
        "larger": ir.Upsample(scale_factor=2, mode="bilinear"),
        "mean": ir.StepMean(),
        "out": ir.Output(None),
        "means": ir.Output(None),
    }
    edges: list[Any] = [("in", "conv"), ("conv", "lif"), ("lif", "read"), ("lif", "again"), ("relu", "larger")]
    edges += [("read", "relu"), ir.Edge("again", "relu", delay=2), ("larger", "out"), ("mean", "means")]
    return ir.Graph(nodes, [*edges, ("relu", "mean"), ir.Edge("lif", "mean", delay=1), ("again", "mean")])


@pytest.mark.parametrize("chunk", [None, 3])
def test_the_host_goes_by_the_kernels_of_floats(chunk: int | None, played: list[Tape]) -> None:
    x = (RNG.random((7, 2, 3, 4, 5)) < 0.4).astype(np.float32)
    quantised = hw.quantize(hosted(), calibration=x)
    found = agree(quantised, x, record="*")
    assert found.engine.nodes["relu"] == "on the host, native rectifier"
    assert found.engine.nodes["mean"] == "on the host, native mean"
    assert found.engine.nodes["larger"].startswith("on the host, numpy step")
    program = hw.compile(quantised, engine="integer", chunk=chunk)
    before = len(played)
    for part in (x, x[::-1].copy(), np.ones_like(x), x):
        same_result(program.run(part), run(quantised, part, engine="integer", engine_options=ORACLE))
    assert len(played) - before == (3 if chunk is None else 9)


def test_a_stream_is_one_run(folder: Path) -> None:
    quantised, x = wide(folder)
    whole = run(quantised, x, engine="integer")
    parts = list(stream(quantised, x, chunk=3, engine="integer"))
    for name, output in whole.outputs.items():
        assert np.array_equal(np.concatenate([part.outputs[name] for part in parts]), output)
    same_result(replace(parts[-1], outputs={}, counts={}), replace(whole, outputs={}, counts={}))


def test_inputs_are_encoded_as_the_oracle_does() -> None:
    module = library.library()
    numbers = [-300.0, -2.5, -1.5, -0.5, -0.3, -0.0, 0.0, 0.5, 0.7, 1.0, 1.5, 2.5, 7.0, 300.0]
    x = np.array(numbers * 2000, np.float32)
    for encoding in (Encoding(1.0, 0, 1), Encoding(1.0, -7, 7), Encoding(0.25, -128, 127), Encoding(0.3, -8, 7)):
        expected = encoding.encode(x).astype(np.float32)
        for isa in SETS:
            module.isa(isa)
            y = np.full_like(x, np.nan)
            assert module.encode(x.size, encoding.scale, encoding.low, encoding.high, x, y) == 0
            assert np.array_equal(y.view(np.int32), expected.view(np.int32))
            whole = np.full_like(x, np.nan)
            again = module.encode(x.size, 1.0, encoding.low, encoding.high, y, whole)
            assert again == 1
            assert np.isnan(whole).all()


@pytest.mark.parametrize("count", [1, 5, 16, 33])
def test_negative_zeros_are_encoded_as_zeros(count: int) -> None:
    """Also where all else is whole, so that nothing would have to be written."""
    module = library.library()
    x = np.ones(count, np.float32)
    for isa, place in itertools.product(SETS, range(count)):
        module.isa(isa)
        y, z = np.full_like(x, np.nan), x.copy()
        z[place] = -0.0
        assert module.encode(count, 1.0, -7.0, 7.0, z, y) == 0
        assert y[place] == 0
        assert not np.signbit(y).any()


@pytest.mark.parametrize("sparse", [True, False])
def test_more_is_delivered_than_any_run_holds(sparse: bool) -> None:
    """By a state that somebody has changed: the sums of a layer are only proved to hold what is ever on its way."""
    weight = np.abs(weights(6, 6))
    nodes: dict[str, ir.Node] = {
        "in": ir.Input([6]),
        "first": ir.IF(0.5),
        "fc": ir.Affine(ir.CSR.from_dense(weight) if sparse else weight),
        "cell": ir.LIF(3.0, 3.0, 0.0, 0.5),
        "out": ir.Output(None),
    }
    edges: list[Any] = [("in", "first"), ir.Edge("first", "fc", delay=2), ("fc", "cell"), ("cell", "out")]
    x = spikes(6, 2, 6, rate=0.6)
    graph = hw.quantize(ir.Graph(nodes, edges), calibration=x)
    program = hw.compile(graph, engine="integer")
    for size in (1, -1, 1000, -40000):
        state = pickle.loads(pickle.dumps(program.run(x).state))
        state.delays["first:out"][...] *= size
        assert state.delays["first:out"].any()
        same_result(program.run(x, state=state), run(graph, x, engine="integer", engine_options=ORACLE, state=state))


@pytest.mark.parametrize(("options", "found"), [({"kernels": "fast"}, "'fast'"), ({"chunk": 0}, "0")])
def test_wrong_options(folder: Path, options: dict[str, Any], found: str) -> None:
    quantised, x = wide(folder)
    with pytest.raises(ir.TalonRunError) as caught:
        run(quantised, x, engine="integer", engine_options=options)
    assert caught.value.code == "T405"
    assert found in str(caught.value)
