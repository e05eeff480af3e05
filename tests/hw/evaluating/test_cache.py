"""The cache: what was computed is not computed again, and what is damaged is not believed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.hw.evaluating.blocks import Block
from talon.hw.evaluating.cache import CacheWarning
from talon.hw.evaluating.packs import name_of, packed, unpacked
from talon.hw.evaluating.runners import Runner
from tests.hw.evaluating.fakes import STEPS, Build, X, hashed, net, program, quantised


def evaluated(build: Any, x: Any, cache: Path | None, **given: Any) -> dict[str, Any]:
    found = hw.evaluate(build, x, repeat=STEPS, cache=cache, **given).as_dict()
    return {name: value for name, value in found.items() if name != "reused"}


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.tuples(st.lists(st.integers(0, 19), min_size=1), st.none() | st.integers(1, 9)), max_size=4),
    whole=st.booleans(),
)
def test_only_what_is_missing_is_computed(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[list[int], int | None]], whole: bool
) -> None:
    cache, known = tmp_path_factory.mktemp("cache"), set()
    decide = hashed if whole else None
    for chosen, chunk in parts:
        build = Build()
        found = evaluated(build, X[chosen], cache, chunk=chunk, decide=decide)
        assert found == evaluated(Build(), X[chosen], None, decide=decide)
        assert sum(build.ran) >= len(set(chosen) - known)
        assert sum(build.ran) == sum(index not in known for index in chosen)
        known |= set(chosen)


@pytest.mark.parametrize("chunk", [None, 1, 7])
def test_a_second_call_runs_nothing(tmp_path: Path, chunk: int | None) -> None:
    first = hw.evaluate(net(), X, repeat=STEPS, cache=tmp_path, labels=[0] * 20, chunk=3)
    again = hw.evaluate(net(), X, "processes", repeat=STEPS, cache=tmp_path, labels=[0] * 20, chunk=chunk, workers=1)
    assert (first.reused, again.reused) == (0, 20)
    assert again.as_dict() == {**first.as_dict(), "reused": 20}
    (folder,) = tmp_path.iterdir()
    assert folder.name == Runner(net(), STEPS, "auto", False).key()
    assert len(files(tmp_path)) == 7


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluated(Build(stops_after=3), X, tmp_path, chunk=4)
    build = Build()
    found = hw.evaluate(build, X, repeat=STEPS, cache=tmp_path)
    assert found.reused == 12
    assert sum(build.ran) == 8


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    bad = hw.evaluate(Build(bad=(float(X[3, 0]),)), X, repeat=STEPS, cache=tmp_path)
    assert [failure.index for failure in bad.failed] == [3]
    build = Build()
    found = hw.evaluate(build, X, repeat=STEPS, cache=tmp_path)
    assert (found.reused, found.failed, build.ran) == (19, (), [1])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((net(0), {}), (net(1), {})),
        ((net(), {}), (net(), {"engine": "reference"})),
        ((net(), {}), (net(), {"repeat": STEPS + 1})),
        ((net(), {}), (net(), {"decide": hashed})),
        ((quantised(), {"engine": "integer"}), (program(), {})),
        ((program(0), {}), (program(1), {})),
        ((Build("a"), {}), (Build("b"), {})),
    ],
)
def test_what_computes_something_else_shares_nothing(first: Any, second: Any, tmp_path: Path) -> None:
    for runnable, options in (first, second):
        found = hw.evaluate(runnable, X, cache=tmp_path, **{"repeat": STEPS, **options})
        assert found.reused == 0


def test_samples_of_other_values_dtypes_and_names_share_nothing(tmp_path: Path) -> None:
    graph = ir.Graph.chain(input=ir.Input([4]), output=ir.Output([4]))
    for x in (X, X + 1, X.astype("f8"), {"input": X}, X.view("i4")):
        assert hw.evaluate(graph, x, repeat=STEPS, cache=tmp_path, chunk=20).reused == 0
    assert hw.evaluate(graph, {"input": X}, repeat=STEPS, cache=tmp_path).reused == 20


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def with_a_name_of_its_own(path: Path) -> None:
    """Bytes that are no such file, under their true hash."""
    path.with_name(name_of(b"forged")).write_bytes(b"forged")
    path.unlink()


def of_other_values(path: Path) -> None:
    """A sound file, but not the one that was written."""
    digests, block = unpacked(path.name, path.parent.name, path.read_bytes())
    outputs = {name: array + 1 for name, array in block.outputs.items()}
    other = Block(block.indexes, outputs, block.names, block.counts + 1)
    path.write_bytes(packed(path.parent.name, digests, other))


def of_something_else(path: Path) -> None:
    digests, block = unpacked(path.name, path.parent.name, path.read_bytes())
    content = packed("another", digests, block)
    path.with_name(name_of(content)).write_bytes(content)
    path.unlink()


def of_other_lengths(path: Path) -> None:
    digests, block = unpacked(path.name, path.parent.name, path.read_bytes())
    content = packed(path.parent.name, digests[1:], block)
    path.with_name(name_of(content)).write_bytes(content)
    path.unlink()


@pytest.mark.parametrize(
    "damage", [cut, flipped, emptied, with_a_name_of_its_own, of_other_values, of_something_else, of_other_lengths]
)
def test_a_damaged_file_is_told_and_computed_anew(damage: Callable[[Path], None], tmp_path: Path) -> None:
    expected = evaluated(Build(), X, tmp_path, chunk=5)
    assert len(files(tmp_path)) == 4
    damage(files(tmp_path)[1])
    build = Build()
    with pytest.warns(CacheWarning, match="damaged.*computed anew") as told:
        found = evaluated(build, X, tmp_path, chunk=20)
    assert len(told) == 1
    assert found == expected
    assert sum(build.ran) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hw.evaluate(Build(), X, repeat=STEPS, cache=tmp_path).reused == 20


def test_a_file_damaged_after_it_was_listed_is_not_believed(tmp_path: Path) -> None:
    expected = evaluated(Build(), X, tmp_path, chunk=1)

    def samples() -> Any:
        for index, x in enumerate(X):
            if index == 3:
                for path in files(tmp_path):
                    flipped(path)
            yield x

    build = Build()
    with pytest.warns(CacheWarning):
        assert evaluated(build, samples(), tmp_path) == expected
    assert sum(build.ran) >= 15


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    evaluated(Build(), X, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "notes.txt").write_text("mine")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluated(Build(), X, tmp_path)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    build = Build()
    with pytest.raises(ir.TalonFileError, match="T301") as caught:
        evaluated(build, X, tmp_path / "file")
    assert caught.value.help
    assert not build.ran


def test_a_pack_gives_what_was_put_in() -> None:
    rng = np.random.default_rng(0)
    counts, outputs = rng.integers(0, 9, (3, 2)), {"y": rng.random((2, 3, 4)), "z": rng.random((2, 1)).astype("f4")}
    block = Block((4, 7), outputs, (("a/b", "synops", 2), ("c", "spikes", 1)), counts)
    content = packed("key", [b"x" * 32, b"y" * 32], block)
    digests, found = unpacked(name_of(content), "key", content)
    assert digests == [b"x" * 32, b"y" * 32]
    assert found.names == block.names
    assert np.array_equal(found.counts, counts)
    for name, array in outputs.items():
        assert found.outputs[name].dtype == array.dtype
        assert np.array_equal(found.outputs[name], array)
