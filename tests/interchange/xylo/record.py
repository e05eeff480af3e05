"""Records how states of Xylo decay in its own simulator: `make chips` runs it in `.envs/xylo`.

It writes `tests/golden/xylo/decays.npz`, which `tests/interchange/test_chips.py` compares with our arithmetic. Every
8-bit weight arrives once at a neuron of its own; its synaptic current and its membrane are left alone after that.
Thresholds are out of reach. rockpool's documentation writes the rule as `dv = max(v >> dash, 1)` for positive states,
at least -1 for negative ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from xylosim.v2 import XyloLayer, XyloSynapse

FOLDER = Path(__file__).parents[2] / "golden" / "xylo"
STEPS = 40
SHIFTS = range(10)
WEIGHTS = range(-128, 128)
MEMBRANE = 3
"""Shift of the membranes."""


def layer(shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Currents and membranes `(step, weight)` after a spike at the first step."""
    count = len(WEIGHTS)
    # The chip points to the synapses and does not keep them: they have to live as long as it runs.
    synapses = [[XyloSynapse(i, 0, weight) for i, weight in enumerate(WEIGHTS)]]
    none: list[list[XyloSynapse]] = [[] for _ in range(count)]
    chip = XyloLayer(
        synapses_in=synapses,
        synapses_rec=none,
        synapses_out=none,
        aliases=none,
        threshold=[2**15 - 1] * count,
        threshold_out=[2**15 - 1],
        has_bias=False,
        bias=[0] * count,
        bias_out=[0],
        weight_shift_inp=0,
        weight_shift_rec=0,
        weight_shift_out=0,
        dash_mem=[MEMBRANE] * count,
        dash_mem_out=[MEMBRANE],
        dash_syns=[[shift]] * count,
        dash_syns_out=[[shift]],
        name="decay",
    )
    chip.evolve([[1]] + [[0]] * (STEPS - 1))
    assert not np.any(chip.rec_recurrent_spikes)
    assert len(synapses[0]) == count
    return np.array(chip.rec_i_syn, np.int16).T, np.array(chip.rec_v_mem, np.int16).T


def main() -> None:
    currents, membranes = zip(*map(layer, SHIFTS), strict=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        FOLDER / "decays.npz",
        shifts=np.array(SHIFTS),
        weights=np.array(WEIGHTS),
        currents=np.stack(currents),
        membranes=np.stack(membranes),
        membrane=np.array(MEMBRANE),
    )


if __name__ == "__main__":
    main()
