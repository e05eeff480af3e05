"""Programs go by value to other processes, and say what they compute."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.evaluating.runners import Runner
from tests.hw.evaluating.fakes import NATIVE, STEPS, X, net, program, quantised


@pytest.mark.parametrize("engine", [NATIVE, "integer"])
@pytest.mark.parametrize("again", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_copy_computes_the_same(engine: str, again: object, tmp_path: Path) -> None:
    graph = quantised() if engine == "integer" else net()
    path = tmp_path / "net.t1c"
    ir.write(path, graph)
    compiled = hw.compile(ir.read(path), engine=engine, kernels="dense")
    expected = compiled.run(X, repeat=STEPS, record="*.spikes")
    found = again(compiled)  # type: ignore[operator]
    path.unlink()
    result = found.run(X, repeat=STEPS, record="*.spikes")
    assert result.outputs["output"].tobytes() == expected.outputs["output"].tobytes()
    assert {k: a.tobytes() for k, a in result.records.items()} == {k: a.tobytes() for k, a in expected.records.items()}
    assert result.counts.total() == expected.counts.total()
    assert result.engine.nodes == expected.engine.nodes
    assert found.fingerprint() == compiled.fingerprint()
    session = found.session(batch=20)
    first = session.step(X)["output"]
    assert first.tobytes() == expected.outputs["output"][0].tobytes()


@pytest.mark.parametrize("engine", [NATIVE])
def test_a_copy_of_a_program_is_of_what_was_compiled(engine: str) -> None:
    weight = np.ones((3, 4), np.float32)
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(weight), output=ir.Output([3]))
    compiled = hw.compile(graph, engine=engine)
    expected = compiled.run(X, repeat=1).outputs["output"]
    weight *= 2
    found = pickle.loads(pickle.dumps(compiled))
    assert found.run(X, repeat=1).outputs["output"].tobytes() == expected.tobytes()
    assert hw.compile(graph, engine=engine).fingerprint() != compiled.fingerprint()


def test_fingerprints() -> None:
    one = program().fingerprint()
    assert program().fingerprint() == one
    others = {program(1).fingerprint(), hw.compile(quantised(bits=4), engine="integer").fingerprint()}
    assert len(others | {one}) == 3


@pytest.mark.parametrize("engine", [NATIVE])
def test_a_fingerprint_names_the_engine(engine: str) -> None:
    assert hw.compile(quantised(), engine=engine).fingerprint() != program().fingerprint()


def test_keys_name_who_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Runner(net(), STEPS, "auto", False).key()
    assert Runner(net(), STEPS, "auto", False).key() == key
    monkeypatch.setattr(hw, "__version__", "9.9.9")
    assert Runner(net(), STEPS, "auto", False).key() != key
