"""From which share of active inputs on a layer is faster through all of them than through the active ones alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from workloads import events, weights

from talon import hw, ir

RATES = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
WAYS = ("event", "dense", "auto")
STEPS = 8


def conv(channels: int, outputs: int, kernel: int, groups: int = 1) -> Callable[[np.random.Generator], ir.Node]:
    size = (outputs, channels // groups, kernel, kernel)
    padding = (kernel // 2, kernel // 2)
    return lambda rng: ir.Conv2d(weights(rng, *size, deviation=0.1), padding=padding, groups=groups)


def affine(size: int) -> Callable[[np.random.Generator], ir.Node]:
    return lambda rng: ir.Affine(weights(rng, size, size, deviation=0.05))


LAYERS = {
    "affine 512x512, in L2": ((512,), affine(512)),
    "affine 2048x2048": ((2048,), affine(2048)),
    "conv 3x3, 32 to 32 at 40x40": ((32, 40, 40), conv(32, 32, 3)),
    "conv 1x1, 64 to 64 at 40x40": ((64, 40, 40), conv(64, 64, 1)),
    "depthwise 3x3, 64 at 40x40": ((64, 40, 40), conv(64, 64, 3, groups=64)),
}


def measure(rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    found: dict[str, Any] = {}
    for name, (shape, make) in LAYERS.items():
        graph = ir.Graph.chain(input=ir.Input(list(shape)), layer=make(rng), output=ir.Output(None))
        programs = {way: hw.compile(graph, kernels=way) for way in WAYS}
        found[name] = {}
        for rate in RATES:
            inputs = events(rng, rate, STEPS, 1, *shape)
            runs = {way: partial(program.run, inputs) for way, program in programs.items()}
            took = turns(runs, max(3, rounds // 3))
            found[name][str(rate)] = {way: seconds / STEPS for way, seconds in took.items()}
        print(f"{name:30} crosses at {crossing(found[name])}", flush=True)
    return {"layers": found}


def turns(runs: dict[str, Callable[[], Any]], rounds: int, sample: float = 0.01) -> dict[str, float]:
    """Median CPU seconds of one run each, taking turns in this process."""
    times: dict[str, int] = {}
    for name, run in runs.items():
        run()
        start = time.perf_counter()
        run()
        times[name] = max(1, round(sample / max(time.perf_counter() - start, 1e-6)))
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time()
            for _ in range(times[name]):
                run()
            took[name].append((time.process_time() - start) / times[name])
    return {name: statistics.median(values) for name, values in took.items()}


def crossing(rates: dict[str, dict[str, float]]) -> float | None:
    """The rate at which both take the same, between two measured ones; None where events stay faster."""
    before: tuple[float, float] | None = None
    for rate, took in rates.items():
        gain = float(np.log(took["event"] / took["dense"]))
        if gain >= 0:
            if before is None:
                return float(rate)
            old, past = before
            share = -past / (gain - past)
            return float(np.exp(np.log(old) + share * (np.log(float(rate)) - np.log(old))))
        before = float(rate), gain
    return None
