"""The target is the old file or the new one, whole, whatever happens to the writer and whoever reads meanwhile."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from talon import ir
from tests.storage.writing import FORMATS, GRAPHS

KILLS = 200
ROOT = Path(__file__).parents[2]
FINGERPRINTS = [graph.fingerprint() for graph in GRAPHS]


@pytest.fixture(params=FORMATS, ids=lambda form: form[1])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Where to write, and the backend."""
    backend, suffix = request.param
    return tmp_path / f"net{suffix}", backend


def command(how: str, path: Path, backend: str) -> list[str]:
    return [sys.executable, "-m", "tests.storage.writing", how, str(path), backend]


class Writers:
    """Processes that write the two graphs over a target in turn, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seconds = float(self.said())

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, word: str) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return int(self.said())

    @contextmanager
    def one(self) -> Iterator[None]:
        """A writer, killed at the end of the block."""
        number = self.ask("start")
        try:
            yield
        finally:
            os.kill(number, signal.SIGKILL)
            ended = self.ask("wait")
        assert ended == -signal.SIGKILL, f"the writer ended by itself, with {ended}"


@pytest.fixture
def writers(target: tuple[Path, str]) -> Iterator[Writers]:
    with subprocess.Popen(
        command("loop", *target), cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Writers(process)
        finally:
            process.kill()


def left(path: Path) -> list[Path]:
    """Temporaries beside a target."""
    return list(path.parent.glob(".*.talon-tmp"))


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(target: tuple[Path, str], writers: Writers) -> None:
    path, backend = target
    moments = random.Random(1)
    seen = []
    for _ in range(-(-KILLS // len(FORMATS))):
        with writers.one():
            time.sleep(moments.uniform(0, 3 * writers.seconds))
        seen.append(ir.read(path, lazy=False).fingerprint())
        assert seen[-1] in FINGERPRINTS
    assert set(seen) == set(FINGERPRINTS)
    temporaries = left(path)
    assert len(temporaries) > 5, "hardly any writer was killed while it wrote"
    ir.write(path, GRAPHS[0], backend=backend)
    assert set(left(path)) == set(temporaries), "those of writers that may be alive were swept"
    for temporary in temporaries:
        for inside in (*temporary.rglob("*"), temporary):
            os.utime(inside, (time.time() - 7200,) * 2)
    ir.write(path, GRAPHS[0], backend=backend)
    assert left(path) == []


def test_a_reader_sees_the_old_file_or_the_new_one(target: tuple[Path, str], writers: Writers) -> None:
    path, _ = target
    seen: list[str] = []
    with writers.one():
        while len(seen) < 60 or len(set(seen)) < 2:
            seen.append(ir.read(path, lazy=False).fingerprint())
            # One that is opened now and loaded after the file was replaced keeps its values.
            lazy = ir.read(path)
            which = lazy.metadata["seed"]
            time.sleep(writers.seconds)
            assert lazy.fingerprint() == FINGERPRINTS[which - 1]
            assert which in (1, 2)
    assert set(seen) == set(FINGERPRINTS)


def results(words: list[str]) -> list[dict[str, object]]:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def check_room(found: list[dict[str, object]]) -> None:
    """Every write that had too little room failed with one error, and nothing was left of it."""
    for one in found[:-1]:
        assert (one["code"], one["family"]) == ("T301", "TalonFileError"), one
        assert one["fingerprint"] == FINGERPRINTS[0], one
    assert (found[-1]["code"], found[-1]["fingerprint"]) == (None, FINGERPRINTS[1]), found[-1]
    assert all(one["left"] == [] for one in found), found
    assert len({one["open"] for one in found}) == 1, f"files stay open: {found}"


def test_a_limit_on_the_size_of_files(target: tuple[Path, str]) -> None:
    check_room(results(command("limited", *target)))


def inside(path: Path, *first: str) -> list[str]:
    """A shell in a name space of its own, where anybody may mount; skips where the system has none."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    if shutil.which("unshare") is None or subprocess.run([*words, "mount -t tmpfs t /mnt"], check=False).returncode:
        pytest.skip("no file system can be mounted here (unshare)")
    return [*words, " && ".join([f"mount -t tmpfs -o size=4m t '{path.parent}'", *first, '"$@"']), "sh"]


def test_a_full_file_system(target: tuple[Path, str]) -> None:
    check_room(results([*inside(target[0]), *command("full", *target)]))


def test_a_file_system_that_may_only_be_read(target: tuple[Path, str]) -> None:
    path, backend = target
    kept = path.parent.parent / "kept"
    ir.write(kept / path.name, GRAPHS[0], backend=backend)
    first = f"cp -r '{kept}/.' '{path.parent}'", f"mount -o remount,ro '{path.parent}'"
    (found,) = results([*inside(path, *first), *command("once", path, backend)])
    assert (found["code"], found["fingerprint"], found["left"]) == ("T301", FINGERPRINTS[0], [])


def test_a_folder_that_may_only_be_read(target: tuple[Path, str]) -> None:
    path, backend = target
    ir.write(path, GRAPHS[0], backend=backend)
    words = command("once", path, backend)
    if os.geteuid() == 0:  # root may write anywhere, but not from a name space in which it is nobody
        inside(path)
        words = ["unshare", "--user", *words]
    path.parent.chmod(0o500)
    try:
        (found,) = results(words)
    finally:
        path.parent.chmod(0o700)
    assert (found["code"], found["fingerprint"], found["left"]) == ("T301", FINGERPRINTS[0], [])
