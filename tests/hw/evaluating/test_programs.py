"""Programs go by value to other processes, and say what they compute."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.evaluating.runners import Runner
from tests.hw.evaluating.fakes import STEPS, X, net


@pytest.mark.parametrize("engine", ["native", "integer"])
@pytest.mark.parametrize("again", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_copy_computes_the_same(engine: str, again: object, tmp_path: Path) -> None:
    graph = hw.quantize(net(), calibration=X, repeat=STEPS) if engine == "integer" else net()
    path = tmp_path / "net.t1c"
    ir.write(path, graph)
    program = hw.compile(ir.read(path), engine=engine, kernels="dense")
    expected = program.run(X, repeat=STEPS, record="*.spikes")
    found = again(program)  # type: ignore[operator]
    path.unlink()
    result = found.run(X, repeat=STEPS, record="*.spikes")
    assert result.outputs["output"].tobytes() == expected.outputs["output"].tobytes()
    assert {k: a.tobytes() for k, a in result.records.items()} == {k: a.tobytes() for k, a in expected.records.items()}
    assert result.counts.total() == expected.counts.total()
    assert "dense" in result.engine.nodes["fc1"]
    assert found.fingerprint() == program.fingerprint()
    session = found.session(batch=20)
    first = session.step(X)["output"]
    assert first.tobytes() == expected.outputs["output"][0].tobytes()


def test_a_copy_of_a_program_is_of_what_was_compiled() -> None:
    weight = np.ones((3, 4), np.float32)
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(weight), output=ir.Output([3]))
    program = hw.compile(graph)
    expected = program.run(X, repeat=1).outputs["output"]
    weight *= 2
    found = pickle.loads(pickle.dumps(program))
    assert found.run(X, repeat=1).outputs["output"].tobytes() == expected.tobytes()
    assert hw.compile(graph).fingerprint() != program.fingerprint()


def test_fingerprints() -> None:
    quantised = hw.quantize(net(), calibration=X, repeat=STEPS)
    one = hw.compile(net()).fingerprint()
    assert hw.compile(net()).fingerprint() == one
    others = {hw.compile(net(1)).fingerprint(), hw.compile(quantised).fingerprint()}
    others.add(hw.compile(quantised, engine="integer").fingerprint())
    assert len(others | {one}) == 4


def test_keys_name_who_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Runner(net(), STEPS, "auto", False).key()
    assert Runner(net(), STEPS, "auto", False).key() == key
    monkeypatch.setattr(hw, "__version__", "9.9.9")
    assert Runner(net(), STEPS, "auto", False).key() != key
