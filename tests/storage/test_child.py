"""The process that parses strangers' trees: whatever becomes of it is one error, and the next file is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from talon import ir
from talon.storage.child import asking, process
from talon.storage.child.limits import LIMITS
from tests.hostile import trees

GRAPH = ir.Graph.chain(ir.Input([50]), ir.Affine(np.arange(2500, dtype=np.float32).reshape(50, 50)), ir.Output([50]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A file of ours that lost its index."""
    path = tmp_path / "tree.t1c"
    ir.write(path, GRAPH)
    with h5py.File(path, "r+"):
        pass
    return path


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    asking.IDLE.stop()
    yield
    asking.IDLE.stop()


def behaving(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Children that, asked about a file, do this instead."""
    body = textwrap.indent(textwrap.dedent(code), "    ")
    told = f"import os, sys, time, signal\ndef answer(path, what):\n{body}\nchild.answer = answer\nchild.main()\n"
    boot = process.BOOT.replace("from talon.storage.child.__main__ import main\nmain()\n", "")
    assert boot != process.BOOT
    monkeypatch.setattr(process, "BOOT", boot + "import talon.storage.child.__main__ as child\n" + told)


FAILURES = {
    "crash": ("os.kill(os.getpid(), signal.SIGSEGV)", "it crashed", "SIGSEGV"),
    "end": ("os._exit(3)", "it crashed", "exit status 3"),
    "hang": ("time.sleep(60)", "it took too long", "no answer after"),
    "busy": ("while True: pass", "it took too much processor time", "1 seconds"),
    "memory": ("return {}, bytes(1 << 33)", "the file takes too much", "more memory"),
    "nonsense": ("os.write(4, bytes(range(256)) * 10); os._exit(0)", "", ""),
    "no header": ("return {}, b''", "", ""),
    "no index": ("return {'stamp': stamp(path), 'format': '1.0', 'legacy': False}, b''", "", ""),
    "long answer": ("return {'stamp': stamp(path), 'format': 'x' * (1 << 21), 'legacy': False}, b''", "", ""),
    "other error": ("return {'error': {'code': 'T900'}}, b''", "", ""),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of processes are other there")
def test_its_end_is_one_error(name: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, message, found = FAILURES[name]
    with monkeypatch.context() as patch:
        stamp = "def stamp(path): s = os.stat(path); return [s.st_size, s.st_mtime_ns, s.st_dev, s.st_ino]\n"
        behaving(patch, stamp + code)
        limits = replace(LIMITS, wall_seconds=2.0 if name != "busy" else 9.0, cpu_seconds=1.0)
        patch.setattr(asking, "LIMITS", limits)
        with pytest.raises(ir.TalonFormatError) as caught:
            ir.read(tree)
    assert caught.value.code == "T311"
    assert message in str(caught.value)
    assert found in str(caught.value)
    assert "trusted=True" in str(caught.value)
    if name == "memory":
        asking.IDLE.stop()  # an honest complaint: it would be asked again
    assert ir.read(tree).fingerprint() == GRAPH.fingerprint()


def test_one_process_serves_many_files_and_ends_with_its_parent(tree: Path) -> None:
    code = """
import os, sys
from talon import ir
from talon.storage.child import asking

numbers = set()
for _ in range(3):
    ir.read(sys.argv[1])
    numbers.add(asking.IDLE.child.process.pid)
print(len(numbers), *numbers)
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tree)], capture_output=True, text=True, check=True, timeout=60
    )
    count, number = map(int, done.stdout.split())
    assert count == 1
    with pytest.raises(ProcessLookupError):  # noqa: PT012 - it needs a moment to see that nobody asks any more
        for _ in range(200):
            os.kill(number, 0)
            threading.Event().wait(0.05)


def test_one_that_was_killed_while_it_waited_is_replaced(tree: Path) -> None:
    ir.read(tree)
    child = asking.IDLE.child
    assert child is not None
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert ir.read(tree).fingerprint() == GRAPH.fingerprint()


def test_threads_read_at_once(tree: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(ir.read(tree).fingerprint())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [GRAPH.fingerprint()] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_asks_one_of_its_own(tree: Path) -> None:
    ir.read(tree)
    mine = asking.IDLE.child
    assert mine is not None
    number = os.fork()
    if number == 0:
        good = ir.read(tree).fingerprint() == GRAPH.fingerprint() and asking.IDLE.child.process.pid != mine.process.pid
        asking.IDLE.stop()
        os._exit(0 if good else 1)
    assert os.waitpid(number, 0)[1] == 0
    ir.read(tree)
    assert asking.IDLE.child is mine


def test_it_may_not_write_and_loads_no_plugins(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tree.with_name("written")
    with monkeypatch.context() as patch:
        patch.setenv("HDF5_PLUGIN_PATH", str(tree.parent))
        behaving(
            patch,
            f"""
            said = (os.environ["HDF5_PLUGIN_PRELOAD"], os.environ.get("HDF5_PLUGIN_PATH"))
            try:
                with open({str(target)!r}, "w") as file: file.write("x")
            except OSError as error:
                said += (type(error).__name__,)
            none = dict.fromkeys(("node", "expected", "found", "help"))
            return {{"error": {{"code": "T303", "message": repr(said), **none}}}}, b""
            """,
        )
        with pytest.raises(ir.TalonFormatError) as caught:
            ir.read(tree)
    assert "('::', None, 'OSError')" in str(caught.value)
    assert target.read_bytes() == b""


def test_what_it_says_of_large_arrays_is_proved_when_they_are_loaded(tree: Path) -> None:
    graph = ir.read(tree)
    content = tree.read_bytes()
    at = content.index(np.arange(40, 50, dtype=np.float32).tobytes())
    stamp = tree.stat()
    with tree.open("r+b") as file:
        file.seek(at)
        file.write(b"\x01")
    os.utime(tree, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(ir.TalonFormatError) as caught:
        graph.load()
    assert caught.value.code == "T305"
    assert "weight" in str(caught.value)


def test_a_pipe_and_a_socket_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ir.TalonFormatError, match="only regular files"):
        ir.read(tmp_path / "pipe")


def test_what_no_file_of_ours_holds_is_told_without_an_index(tmp_path: Path) -> None:
    trees.honest(tmp_path / "tree.h5")
    with h5py.File(tmp_path / "tree.h5", "r+") as file:
        file.move("graph/nodes/fc", "graph/nodes/" + "x" * 300)
        file["graph/edges/src"][1] = file["graph/edges/dst"][0] = "x" * 300
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(tmp_path / "tree.h5")
    assert (caught.value.code, caught.value.expected) == ("T303", "at most 255 characters")
    assert "too long" in str(caught.value)
    assert "index" not in str(caught.value)
