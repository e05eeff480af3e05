"""Writes the golden files of quantised networks in the format that records have today, `make golden`: the network and
what it computes. Files that are there are never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.packed import FORMAT

HERE = Path(__file__).parent / "quantised"


def main() -> None:
    path = HERE / f"format-{FORMAT}.t1c"
    if path.exists():
        return
    rng = np.random.default_rng(7)
    graph = ir.Graph.chain(
        input=ir.Input([12]),
        fc1=ir.SpikingAffine(rng.normal(0, 0.4, (9, 12)), rng.normal(0, 0.1, 9), weight_bits=6, accumulator_bits=12),
        lif1=ir.LIF(np.linspace(2, 6, 9), 3.0, 0.0, 0.2),
        fc2=ir.Affine(rng.normal(0, 0.5, (4, 9)), rng.normal(0, 0.1, 4)),
        if2=ir.IF(0.3),
        output=ir.Output([4]),
    )
    x = rng.uniform(-1, 1, (20, 2, 12)).astype(np.float32)
    quantised = hw.quantize(graph, "generic-mesh", calibration=x, method="max")
    found = run(quantised, x, engine="integer", engine_options={"kernels": "oracle"}, record="lif1.v")
    ir.write(path, quantised)
    spikes = found.outputs["output"].astype(np.uint8)
    np.savez(path.with_suffix(".npz"), x=x, spikes=spikes, v=found.records["lif1.v"])
    with (HERE / "SHA256SUMS").open("a", encoding="ascii") as sums:
        for new in (path.with_suffix(".npz"), path):
            sums.write(f"{hashlib.sha256(new.read_bytes()).hexdigest()}  {new.name}\n")
            print(f"wrote {new.name}")


if __name__ == "__main__":
    main()
