"""Quantised fields: integers that stand for floats wherever a field is read, and are kept wherever it is stored."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from talon import ir
from talon.cli.main import cli
from talon.engine import run
from talon.ir.declare import array
from talon.ir.fingerprint import fingerprint
from talon.ir.quantized import Quantized
from talon.ir.values import same_value

RNG = np.random.default_rng(3)
SUFFIXES = [".t1c", ".zarr", ".zarr.zip"]


def some(*shape: int, bits: int = 8, rule: str = "float") -> Quantized:
    most = 2 ** (bits - 1) - 1
    dtype = np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32
    integers = RNG.integers(-most, most, shape, dtype=np.int64, endpoint=True).astype(dtype)
    scale = RNG.uniform(0.01, 1, (shape[0], *(1,) * (len(shape) - 1))).astype(np.float32)
    if rule == "pow2":
        scale = np.exp2(np.round(np.log2(scale))).astype(np.float32)
    return Quantized(integers, scale, bits, rule)


def graph() -> ir.Graph:
    chain = ir.Graph.chain(
        input=ir.Input([3, 8, 8]),
        conv=ir.Conv2d(some(4, 3, 3, 3, bits=4, rule="pow2"), some(4, bits=24), padding=1),
        lif=ir.LIF(
            Quantized(np.arange(200, 204).astype(np.int16), np.float32(0.01), 16),
            1.0,
            0.0,
            Quantized(np.int16(100), np.float32(0.01), 16),
        ),
        flat=ir.Flatten(),
        fc=ir.SpikingAffine(some(10, 256, bits=2), None, weight_bits=2),
        output=ir.Output([10]),
    )
    return chain.changed(metadata={"quantisation": {"target": "x", "ledger": [{"pass": "fold", "before": 1.5}]}})


def test_a_field_gives_what_its_integers_stand_for() -> None:
    weight = Quantized(np.array([[1, -2], [3, 127]], np.int8), np.array([[0.5], [0.1]], np.float32), 8)
    node = ir.Affine(weight)
    expected = np.array([[0.5, -1.0], [np.float32(0.1) * np.float32(3), np.float32(0.1) * np.float32(127)]], np.float32)
    assert node.weight.dtype == np.float32
    assert np.array_equal(node.weight, expected)
    assert node.dims == {"out": 2, "in": 2}
    assert list(node.quant) == ["weight"]
    found = node.quant["weight"]
    assert (found.bits, found.rule, found.integers.dtype, found.scale.shape) == (8, "float", np.int8, (2, 1))
    assert "weight=8 bits[2, 2]" in repr(node)
    assert ir.Affine(expected).quant == {}


@given(st.integers(2, 32), st.integers(0, 2**32 - 1))
def test_the_product_is_rounded_once(bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = 2 ** (bits - 1) - 1
    integers = rng.integers(-most, most, 20, endpoint=True).astype(np.int32)
    scale = np.float32(np.exp(rng.uniform(-20, 20)))
    values = Quantized(integers, scale, bits).load()
    exact = [np.float32(np.longdouble(int(q)) * np.longdouble(scale)) for q in integers]
    assert np.array_equal(values, exact)


def test_every_engine_computes_with_it_as_with_the_floats() -> None:
    quantised = graph()
    floats = ir.Graph(
        {
            name: node.changed(**{field: np.array(getattr(node, field)) for field in node.quant})
            if node.quant
            else node
            for name, node in quantised.nodes.items()
        },
        quantised.edges,
    )
    x = RNG.standard_normal((3, 2, 3, 8, 8))
    for engine in ("reference", "auto"):
        a, b = run(quantised, x, engine=engine), run(floats, x, engine=engine)
        assert np.array_equal(a.outputs["output"], b.outputs["output"])
        assert a.counts.total() == b.counts.total()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("lazy", [False, True])
def test_files_hold_the_integers_and_the_record(tmp_path: Path, suffix: str, lazy: bool) -> None:
    first = graph()
    path = tmp_path / f"net{suffix}"
    ir.write(path, first)
    found = ir.read(path, lazy=lazy)
    assert found.same_as(first)
    assert fingerprint(found) == fingerprint(first)
    for name, node in first.nodes.items():
        kept = found.nodes[name].quant
        assert kept.keys() == node.quant.keys()
        assert all(kept[field].same_as(value) for field, value in node.quant.items())
    again = tmp_path / f"again{suffix}"
    ir.write(again, found)
    if path.is_file():
        assert again.read_bytes() == path.read_bytes()
    assert ir.info(path).nodes[-2].arrays["weight"].dtype == "int8"


def test_the_file_is_really_smaller_and_says_what_it_is(tmp_path: Path) -> None:
    wide = ir.Graph.chain(input=ir.Input([512]), fc=ir.Affine(some(512, 512)), output=ir.Output([512]))
    floats = ir.Graph.chain(
        input=ir.Input([512]), fc=ir.Affine(np.array(wide.nodes["fc"].weight)), output=ir.Output([512])
    )  # type: ignore[attr-defined]
    for name, net in (("q", wide), ("f", floats)):
        ir.write(tmp_path / f"{name}.t1c", net)
    assert (tmp_path / "q.t1c").stat().st_size < 0.3 * (tmp_path / "f.t1c").stat().st_size
    with h5py.File(tmp_path / "q.t1c") as file:
        group = file["graph/nodes/fc"]
        assert group["type"][()] == b"Quantized:Affine"
        assert group["weight"].dtype == np.int8


def test_the_careful_path_reads_it_too(tmp_path: Path) -> None:
    path = tmp_path / "net.t1c"
    ir.write(path, graph())
    with h5py.File(path, "r+"):
        pass
    found = ir.read(path)
    assert found.same_as(graph_of(path, tmp_path))


def graph_of(path: Path, folder: Path) -> ir.Graph:
    """The same by another way: through zarr."""
    ir.write(folder / "other.zarr", ir.read(path, trusted=True))
    return ir.read(folder / "other.zarr")


def test_copies_keep_it() -> None:
    node = ir.Affine(some(3, 4), some(3, bits=20))
    for made in (
        pickle.loads(pickle.dumps(node)),
        copy.deepcopy(node),
        copy.copy(node),
        node.changed(metadata={"a": 1}),
    ):
        assert made.quant.keys() == node.quant.keys()
        assert made.quant["weight"].same_as(node.quant["weight"])
    assert not node.same_as(ir.Affine(node.weight, node.bias))
    other = Quantized(node.quant["weight"].integers, node.quant["weight"].scale, 7 + 2)
    assert not node.same_as(node.changed(weight=other))
    assert node.changed(weight=np.zeros((3, 4))).quant.keys() == {"bias"}


def test_composites_hand_it_on() -> None:
    block = ir.SepConv2d(some(3, 1, 3, 3), some(5, 3, 1, 1), None, some(5, bits=16))
    inside = block.decompose()
    quantised = [field for node in inside.nodes.values() for field in node.quant]
    assert sorted(quantised) == ["bias", "weight", "weight"]
    ghost = ir.GhostBasicBlock2(
        some(4, 4, 1, 1), None, some(4, 1, 3, 3), None, some(2, 4, 1, 1), None, some(2, 1, 3, 3), None
    )
    assert sum(len(node.quant) for node in ghost.decompose().flatten().nodes.values()) >= 4


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        ((np.zeros(3, np.float32), 1.0, 8), "T204", "float32"),
        ((np.zeros(3, np.int64), 1.0, 8), "T204", "int64"),
        ((np.zeros(3, np.int8), "1", 8), "T204", "<U1"),
        ((np.zeros(3, np.int8), 0.0, 8), "T202", "0.0"),
        ((np.zeros(3, np.int8), np.inf, 8), "T202", "inf"),
        ((np.zeros(3, np.int8), np.ones(2), 8), "T201", "(2,)"),
        ((np.zeros((1, 3), np.int8), np.ones((2, 1)), 8), "T201", "(2, 1)"),
        ((np.zeros(3, np.int8), 1.0, 1), "T202", "1"),
        ((np.zeros(3, np.int8), 1.0, True), "T202", "True"),
        ((np.zeros(3, np.int8), 1.0, 33), "T202", "33"),
        ((np.array([-128], np.int8), 1.0, 8), "T202", "-128"),
        ((np.array([8], np.int8), 1.0, 4), "T202", "8"),
        ((np.zeros(3, np.int8), 0.3, 8, "pow2"), "T202", "0.3"),
        ((np.zeros(3, np.int8), 1.0, 8, "log"), "T202", "'log'"),
    ],
)
def test_what_it_refuses(arguments: tuple[Any, ...], code: str, found: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        Quantized(*arguments)
    assert caught.value.code == code
    assert found in str(caught.value)


def broken(change: Any) -> Any:
    """A file of ours whose tree was changed by another tool."""

    def make(path: Path) -> None:
        ir.write(path, ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(some(3, 4)), output=ir.Output([3])))
        with h5py.File(path, "r+") as file:
            change(file["graph/nodes/fc"])

    return make


def replaced(name: str, value: Any) -> Any:
    def change(group: Any) -> None:
        del group[name]
        group[name] = value

    return change


def without(name: str) -> Any:
    def change(group: Any) -> None:
        del group[name]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("weight_scale"),
        without("quant"),
        without("quant/weight/bits"),
        replaced("weight_scale", np.float32(0)),
        replaced("weight_scale", np.full((3, 1), np.nan, np.float32)),
        replaced("weight_scale", np.ones((5, 3, 4), np.float32)),
        replaced("weight", np.full((3, 4), -128, np.int8)),
        replaced("weight", np.zeros((3, 4), np.float32)),
        replaced("quant/weight/bits", np.int64(1)),
        replaced("quant/weight/rule", "log"),
    ],
)
def test_damaged_records_are_one_error(tmp_path: Path, change: Any) -> None:
    broken(change)(tmp_path / "net.t1c")
    with pytest.raises(ir.TalonError) as caught:
        ir.read(tmp_path / "net.t1c").validate()
    assert caught.value.code in ("T201", "T202", "T204", "T303", "T304")
    assert "fc" in str(caught.value)


def sparse(*shape: int) -> Quantized:
    integers = np.where(RNG.random(shape) < 0.3, RNG.integers(-7, 7, shape, endpoint=True), 0).astype(np.int8)
    integers[0] = 0
    scale = RNG.uniform(0.01, 1, (shape[0], 1)).astype(np.float32)
    return Quantized(ir.CSR.from_dense(integers), scale, 4)


def dense(weight: Quantized) -> Quantized:
    return Quantized(weight.integers.toarray(), weight.scale, weight.bits, weight.rule)


def test_a_sparse_weight_may_be_quantised() -> None:
    weight = sparse(6, 9)
    node = ir.Affine(weight)
    assert isinstance(node.weight, ir.CSR)
    assert node.weight.dtype == np.float32
    assert np.array_equal(node.weight.toarray(), ir.Affine(dense(weight)).weight)
    assert "weight=4 bits CSR[6, 9]" in repr(node)
    assert node.parameter_count() == weight.integers.nnz
    assert "CSR int8" in repr(node.quant["weight"])
    for made in (pickle.loads(pickle.dumps(node)), copy.deepcopy(node), node.changed(metadata={"a": 1})):
        assert made.quant["weight"].same_as(weight)
        assert made.weight == node.weight
    assert not node.same_as(ir.Affine(dense(weight)))
    assert not node.same_as(ir.Affine(node.weight))
    for scale in (np.float32(0.5), np.full((1, 9), 0.5), np.full((6, 9), 0.5)):
        whole = Quantized(weight.integers, scale, 4).load().toarray()
        assert np.array_equal(whole, weight.integers.toarray() * np.float32(0.5))


def test_it_runs_on_every_engine_as_the_dense_one() -> None:
    weight, bias = sparse(12, 20), some(12, bits=16)
    nets = [
        ir.Graph.chain(input=ir.Input([20]), fc=ir.Affine(w, bias), output=ir.Output([12]))
        for w in (weight, dense(weight))
    ]
    x = RNG.standard_normal((4, 3, 20)) * (RNG.random((4, 3, 20)) < 0.5)
    expected = run(nets[1], x, engine="reference").outputs["output"]
    for engine in ("reference", "auto"):
        assert np.array_equal(run(nets[0], x, engine=engine).outputs["output"], expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("lazy", [False, True])
def test_files_hold_the_integers_of_sparse_weights(tmp_path: Path, suffix: str, lazy: bool) -> None:
    first = ir.Graph.chain(input=ir.Input([40]), fc=ir.Affine(sparse(30, 40)), output=ir.Output([30]))
    path = tmp_path / f"net{suffix}"
    ir.write(path, first)
    found = ir.read(path, lazy=lazy)
    assert found.same_as(first)
    assert fingerprint(found) == fingerprint(first)
    assert ir.info(path).nodes[2].arrays["weight/data"].dtype == "int8"
    found.load()
    assert found.same_as(first)
    assert ir.info(path).parameters == first.nodes["fc"].parameter_count()
    if suffix == ".t1c":
        with h5py.File(path, "r+") as file:
            assert file["graph/nodes/fc/type"][()] == b"Quantized:Affine"
        assert ir.read(path, lazy=lazy).same_as(first)


def test_it_cannot_be_changed() -> None:
    weight = some(2, 2)
    for name in ("bits", "rule", "scale", "source", "shape", "dtype"):
        with pytest.raises(ir.TalonError) as caught:
            setattr(weight, name, getattr(weight, name))
        assert caught.value.code == "T203"
    with pytest.raises(ir.TalonError):
        del weight.bits


def test_only_fields_for_sparse_matrices_take_sparse_integers() -> None:
    with pytest.raises(ir.TalonError) as caught:
        ir.Affine(np.ones((6, 9), np.float32), sparse(6, 9))
    assert caught.value.code == "T204"


def test_no_field_has_the_name_of_the_scale_of_another() -> None:
    for name in ("gain_scale", "quant"):
        with pytest.raises(ir.TalonError) as caught:
            type("Odd", (ir.Primitive,), {"gain": array("n", doc="a"), name: array("n", doc="b")})
        assert caught.value.code == "T206"


def test_parameters_of_files_are_integers_and_no_scales(tmp_path: Path) -> None:
    first = graph()
    for suffix in SUFFIXES:
        ir.write(tmp_path / f"net{suffix}", first)
        expected = sum(v.elements for node in first.nodes.values() for v in node.quant.values() if v.shape)
        assert ir.info(tmp_path / f"net{suffix}").parameters == expected
    with h5py.File(tmp_path / "net.t1c", "r+"):
        pass
    assert ir.info(tmp_path / "net.t1c").parameters == expected


def test_commands_say_how_many_bits(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.t1c", graph())
    told = CliRunner().invoke(cli, ["info", str(tmp_path / "net.t1c")]).output
    assert re.search(r"quantised +1 2-bit, 1 4-bit, 2 16-bit, 1 24-bit", told)
    told = CliRunner().invoke(cli, ["info", "--json", str(tmp_path / "net.t1c")]).output
    assert json.loads(told)["data"]["quantised"] == {"2-bit": 1, "4-bit": 1, "16-bit": 2, "24-bit": 1}
    told = CliRunner().invoke(cli, ["show", str(tmp_path / "net.t1c"), "conv"]).output
    assert "4-bit, scale float32" in told


def test_graphs_keep_a_record_of_the_quantisation(tmp_path: Path) -> None:
    notes = {
        "target": {"id": "generic-mesh", "sha256": "ab" * 32},
        "calibration": {"sha256": "cd" * 32, "shape": (4, 2, 3, 8, 8)},
        "ledger": [
            {"pass": "fold", "node": "conv", "field": "weight", "before": np.float32(1.5), "after": None},
            {"pass": "scale", "node": "sub/fc", "field": "bias", "before": [], "after": {"bits": 8, "rule": "pow2"}},
        ],
        "activations": {"sub/conv.out": np.array([0.5, 2**-7], np.float32), "x:0": np.zeros((0,), np.int16)},
    }
    first = graph().changed(metadata={"quantisation": notes})
    for suffix in SUFFIXES:
        ir.write(tmp_path / f"net{suffix}", first)
        found = ir.read(tmp_path / f"net{suffix}")
        assert same_value(found.metadata, first.metadata)
        assert found.same_as(first)
    with h5py.File(tmp_path / "net.t1c", "r+"):
        pass
    assert same_value(ir.read(tmp_path / "net.t1c").metadata, first.metadata)
