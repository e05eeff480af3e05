"""The extra `mapping`, in an environment of its own: its engine keeps the limits, and ours does the same as without."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from talon.hw.mapping import Hypergraph, Limits, NotInstalled, deliveries, partition, use
from talon.hw.mapping.filling import in_order
from tests.hw.mapping.drawn import random_hypergraph

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".envs" / "mapping" / "bin" / "python"
FIELDS = ("resources", "sources", "offsets", "pins", "weights", "units")


@pytest.fixture(scope="module")
def extra() -> Path:
    if (ROOT / ".envs" / "mapping" / "missing").exists():
        pytest.skip("mtkahypar or pymetis has no wheel for this machine")
    assert PYTHON.exists(), "run 'make test', which makes the environment with the extra"
    return PYTHON


@pytest.mark.parametrize("most", [((60, -1), None, None), ((70, 80), 300, None)], ids=["one need", "two and axons"])
def test_its_engine_keeps_the_limits(extra: Path, most: tuple, tmp_path: Path) -> None:
    h = random_hypergraph(7, 200, 260)
    np.savez(tmp_path / "h.npz", **{name: getattr(h, name) for name in FIELDS})
    script = Path(__file__).with_name("outside.py")
    done = subprocess.run(
        [extra, "-E", script, tmp_path / "h.npz", json.dumps(most)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {engine: np.array(core) for engine, core in json.loads(done.stdout).items()}
    limits = Limits(*most)
    core = found["mtkahypar"]
    assert len(core) == h.vertices
    assert use(h, core).fits(limits)
    assert deliveries(h, core) <= deliveries(h, in_order(h, limits, np.arange(h.vertices)))
    assert found["auto"].tolist() == partition(h, limits, seed=3).tolist()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mtkahypar", None)
    ones = np.ones(2, np.int64)  # of which two go into one core
    h = Hypergraph(ones[:, None], np.array([0, 1]), np.array([0, 1, 2]), np.array([1, 0]), ones, ones)
    with pytest.raises(NotInstalled, match=r"install talon-hw\[mapping\]"):
        partition(h, Limits((2,)), engine="mtkahypar")


DEPLOYED = """
import numpy as np
from talon import hw, ir
rng = np.random.default_rng(2)
conv = lambda out, into: ir.Conv2d(rng.standard_normal((out, into, 3, 3)).astype("f4"), padding=1)
layers = {"a": conv(8, 2), "n": ir.IF(1.5), "b": conv(8, 8), "m": ir.IF(4.0)}
graph = ir.Graph.chain(i=ir.Input([2, 12, 12]), **layers, o=ir.Output(None))
x = (rng.random((4, 2, 2, 12, 12)) < 0.3).astype("f4")
quantised = hw.quantize(graph, calibration=x)
builds = [hw.deploy(quantised, calibration=x, partitioner="mtkahypar") for _ in range(2)]
assert builds[0].fingerprint() == builds[1].fingerprint()
expected = hw.run(quantised, x, engine="integer").outputs["o"]
assert np.array_equal(builds[0].run(x).outputs["o"], expected)
assert builds[0].verify()
print(builds[0].cores > 1, builds[0].versions["mtkahypar"])
"""


def test_builds_by_its_engine(extra: Path) -> None:
    done = subprocess.run([extra, "-E", "-c", DEPLOYED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"True \d\S*\n", done.stdout)
