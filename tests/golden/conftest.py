"""Golden cases: one test per entry of the index, loaded and compared as the README beside the files says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
INDEX = json.loads((VECTORS / "index.json").read_text())["cases"]

TOLERANCES = {
    # The stored sum was rounded to float32.
    ("Skip__residual2", "float64"): {"rtol": 1e-6, "exact": False},
}
"""Where a case needs another tolerance than its own: by case and dtype of the run."""


SITES = {
    "conv1.act": "conv1",
    "conv2.primary.act": "ghost/primary",
    "conv2.cheap.act": "ghost/cheap",
    "primary.act": "primary",
    "cheap.act": "cheap",
    "act2": "split",
    "act3": "cat",
    **{f"{branch}.{place}.act": f"{branch}_{place}" for branch in ("cv2", "cv3") for place in (0, 1)},
}
"""Golden names of inner neurons, and the node of our decompositions that each one follows."""


@dataclass
class Case:
    """One file: what its `meta` says, and its arrays."""

    name: str
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """Arrays by the rest of their name: `p.` parameters, `x.` intermediates."""
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}

    @property
    def spiking(self) -> bool:
        return bool(self.meta["mode"] == "spiking")

    def site(self, name: str) -> str:
        """The node that an inner neuron of this golden name follows; the neuron's own name is that and `_if`."""
        return SITES[name]

    def compare(self, found: np.ndarray, expected: np.ndarray, what: str, spikes: bool = False) -> None:
        """Fail unless equal, or close where the case allows it; spikes are always to be equal."""
        assert found.shape == expected.shape, what
        rule = {**self.meta, **TOLERANCES.get((self.name, str(found.dtype)), {})}
        if spikes or rule["exact"]:
            assert np.array_equal(found, expected), f"{what}: {np.count_nonzero(found != expected)} values differ"
            return
        np.testing.assert_allclose(found, expected, rtol=rule["rtol"], atol=rule["atol"], err_msg=what)


def load(file: str) -> Case:
    with np.load(VECTORS / file, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    return Case(Path(file).stem, json.loads(str(arrays.pop("meta"))), arrays)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folders = {"primitive_case": "prim", "net_case": "net"}
    for fixture, folder in folders.items():
        if fixture in metafunc.fixturenames:
            files = [entry["file"] for entry in INDEX if entry["file"].startswith(f"{folder}/")]
            metafunc.parametrize(fixture, files, indirect=True, ids=[Path(file).stem for file in files])


@pytest.fixture
def primitive_case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)


@pytest.fixture
def net_case(request: pytest.FixtureRequest) -> Case:
    return load(request.param)
