"""`hw.evaluate` and `hw.sweep` by the workers of a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

from talon import hw, ir
from tests.hw.evaluating.fakes import CLASSES, STEPS, Build, X, computed, net, program, quantised

LABELS = [index % CLASSES for index in range(len(X))]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_a_cluster_gives_what_this_process_gives(client: Client, tmp_path: Path) -> None:
    ir.write(tmp_path / "net.t1c", net())
    x = X.copy()
    x[5, 0] = float("inf")
    expected = hw.evaluate(net(), x, labels=LABELS, repeat=STEPS).as_dict()
    for chunk in (None, 3):
        found = hw.evaluate(ir.read(tmp_path / "net.t1c"), x, client, labels=LABELS, repeat=STEPS, chunk=chunk)
        assert found.as_dict() == expected
    assert [failure["index"] for failure in expected["failed"]] == [5]


def test_programs_and_builds(client: Client) -> None:
    expected = computed(hw.evaluate(quantised(), X, labels=LABELS, repeat=STEPS, engine="integer"))
    for subject in (program(), hw.deploy(quantised())):
        found = hw.evaluate(subject, X, client, labels=LABELS, repeat=STEPS, chunk=3)
        assert computed(found) == expected


def test_the_work_was_done_there(client: Client, tmp_path: Path) -> None:
    def tasks() -> int:
        return sum(len(calls) for calls in client.run(lambda dask_worker: list(dask_worker.state.log)).values())

    before = tasks()
    first = hw.evaluate(net(), X, client, repeat=STEPS, chunk=2, cache=tmp_path)
    between = tasks()
    again = hw.evaluate(net(), X, client, repeat=STEPS, chunk=2, cache=tmp_path)
    assert (first.reused, again.reused) == (0, 20)
    assert between - before >= 10


def test_a_sweep_by_a_cluster(client: Client) -> None:
    how = {"labels": LABELS, "repeat": STEPS, "calibration": X, "bits": (None, 4)}
    assert hw.sweep(net(), X, client, **how).as_dict() == hw.sweep(net(), X, **how).as_dict()


def test_many_samples_go_without_a_warning(client: Client) -> None:
    x = np.random.default_rng(0).random((600, 5000)).astype("f4")  # 12 MB, of which Dask's scheduler would complain
    graph = ir.Graph.chain(ir.Input([5000]), ir.Output([5000]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = hw.evaluate(graph, x, client, repeat=1, chunk=600, labels=x.argmax(axis=1))
    assert found.accuracy == 1.0


def test_a_worker_that_is_lost_is_told(client: Client) -> None:
    with pytest.raises(ir.TalonRunError, match="T413") as caught:
        hw.evaluate(Missing(), X, client, repeat=STEPS)
    assert "importable" in str(caught.value)


class Missing(Build):
    """Cannot be made where it is unpickled."""

    def __reduce__(self) -> object:
        return int, ("none",)
