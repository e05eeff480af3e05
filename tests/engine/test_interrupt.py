"""ctrl-C ends a long run or stream at once; the process, and the stream, can go on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from talon import ir
from talon.engine.choice import specs

ENGINES = [name for name, spec in specs().items() if spec.load().refuses(ir.Graph({}, []), "float32") is None]
WAYS = [(engine, threads) for engine in ENGINES for threads in ((1, 2) if engine == "native" else (1,))]
PATIENCE = 60.0
"""Seconds to wait for what takes well below one, so that a busy machine fails no test. A whole run takes far longer."""

START = """
import sys, time
import numpy as np
from talon import ir
from talon.engine import run, stream

engine, threads = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
layers = [rng.standard_normal((1500, 1500)).astype("f4") / 40 for _ in range(3)]
lif = dict(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0)
graph = ir.Graph.chain(
    ir.Input([1500]), ir.Affine(layers[0]), ir.LIF(**lif), ir.Affine(layers[1]), ir.LIF(**lif),
    pick=ir.ChannelSplit([1, 1499]), out=ir.Output([1]),
)
graph.validate()
x = np.ones((2, 1500), np.float32)
how = dict(engine=engine, threads=threads)
expected = run(graph, x, repeat=12, **how)
STEPS = 2_000_000

def begun(done, total):
    if not told:
        told.append(done)
        print("begun", flush=True)

def ended(began):
    print(f"interrupted {time.monotonic() - began:.3f}", flush=True)

told = []
"""

RUN = """
try:
    run(graph, x, repeat=STEPS, progress=begun, **how)
except KeyboardInterrupt:
    ended(float(sys.stdin.readline()))
again = run(graph, x, repeat=12, **how)
assert again.outputs["out"].tobytes() == expected.outputs["out"].tobytes()
print("again", flush=True)
"""

STREAM = """
outputs = []
results = stream(graph, x, repeat=STEPS, chunk=CHUNK, record="*.v", **how)
try:
    for result in results:
        outputs.append(result.outputs["out"])
        begun(result.state.step, STEPS)
except KeyboardInterrupt:
    ended(float(sys.stdin.readline()))
state = results.state
assert state.step >= CHUNK and state.step % CHUNK == 0, state
whole = run(graph, x, repeat=state.step + 5, **how)
rest = next(stream(graph, x, repeat=5, state=state, **how))
seen = np.concatenate(outputs)
assert len(seen) in (state.step, state.step - CHUNK)  # the last result may have been on its way
assert seen.tobytes() == whole.outputs["out"][: len(seen)].tobytes()
assert rest.outputs["out"].tobytes() == whole.outputs["out"][state.step :].tobytes()
print("again", flush=True)
"""


@contextmanager
def child(code: str, engine: str, threads: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", START + code, engine, str(threads)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def interrupt(code: str, engine: str, threads: int) -> float:
    """Seconds from the signal to the exception in the process, which must be usable again."""
    with child(code, engine, threads) as process:
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(f"{began}\n", timeout=PATIENCE)
    first, *rest = output.splitlines()
    assert first.startswith("interrupted "), output + errors
    assert rest == ["again"], output + errors
    assert process.returncode == 0
    return float(first.split()[1])


pytestmark = pytest.mark.skipif(os.name == "nt", reason="a signal cannot be sent to one process alone")


@pytest.mark.parametrize(("engine", "threads"), WAYS)
def test_a_run_is_interrupted(engine: str, threads: int) -> None:
    assert interrupt(RUN, engine, threads) < PATIENCE


@pytest.mark.parametrize("chunk", [3, 2_000])
@pytest.mark.parametrize(("engine", "threads"), WAYS)
def test_a_stream_is_interrupted_and_goes_on(engine: str, threads: int, chunk: int) -> None:
    if chunk > 3 and engine == "reference":
        chunk = 10
    assert interrupt(STREAM.replace("CHUNK", str(chunk)), engine, threads) < PATIENCE
