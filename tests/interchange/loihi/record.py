"""Records what emulators of Loihi do with random weights and spikes: `make chips` runs it in `.envs/loihi`.

It writes `tests/golden/loihi/neurons.npz` (Brian2Loihi: a layer and its neurons, by decay) and
`tests/golden/loihi/decays.npz` (nengo-loihi: one step of decay), which `tests/interchange/test_chips.py` compares with
our arithmetic.

Every network starts at membranes of both signs, takes spikes for ON steps and is left alone after that, so that its
membranes fall toward 0 by the decay alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from brian2 import prefs
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
)
from nengo_loihi.builder.discretize import decay_int

FOLDER = Path(__file__).parents[2] / "golden" / "loihi"
INPUTS, NEURONS, STEPS, ON = 8, 12, 80, 40
DECAYS = (0, 1, 100, 409, 1365, 2048, 4095, 4096)
"""Of the voltage: what is lost of 4096 parts in a step."""
THRESHOLD = 200
"""Mantissa; thresholds and weights are 64 times theirs."""
MIXED = 1
"""Weights of both signs."""

prefs.codegen.target = "numpy"


def layer(rng: np.random.Generator, decay: int) -> dict[str, np.ndarray]:
    """One network: what went in, and the membrane and spikes after every step."""
    mantissas = rng.integers(-128, 127, (INPUTS, NEURONS)) * 2
    spikes = rng.random((STEPS, INPUTS)) < 0.35
    spikes[ON:] = False
    limit = THRESHOLD * 64
    start = rng.integers(-3 * limit, limit, NEURONS)
    times, indices = np.nonzero(spikes)
    source = LoihiSpikeGeneratorGroup(INPUTS, indices, times)
    neurons = LoihiNeuronGroup(NEURONS, threshold_v_mant=THRESHOLD, decay_v=decay, decay_I=4096)
    neurons.v = start
    synapses = LoihiSynapses(source, neurons, sign_mode=MIXED)
    synapses.connect()
    synapses.w = mantissas.reshape(-1)
    membranes, events = LoihiStateMonitor(neurons, "v"), LoihiSpikeMonitor(neurons)
    LoihiNetwork(source, neurons, synapses, membranes, events).run(STEPS)
    fired = np.zeros((STEPS, NEURONS), np.uint8)
    fired[np.asarray(events.t, int), np.asarray(events.i)] = 1
    v = np.asarray(membranes.v).T
    assert (v == np.rint(v)).all()
    return {
        "decay": np.array(decay),
        "threshold": np.array(limit),
        "weights": np.asarray(synapses.w_act).reshape(INPUTS, NEURONS).T.astype(np.int32),
        "start": start.astype(np.int32),
        "inputs": spikes.astype(np.uint8),
        "membranes": v.astype(np.int32),
        "spikes": fired,
    }


def main() -> None:
    rng = np.random.default_rng(1)
    found = {f"{decay}/{key}": values for decay in DECAYS for key, values in layer(rng, decay).items()}
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FOLDER / "neurons.npz", **found)
    # Around 0, where the rules differ most, and at the ends of 24 bits.
    before = np.concatenate([np.arange(-300, 301), [-(2**23), -(2**23) + 1, 2**23 - 1]]).astype(np.int32)
    after = np.stack([decay_int(before, decay) for decay in DECAYS])
    np.savez_compressed(FOLDER / "decays.npz", decays=np.array(DECAYS), before=before, after=after)


if __name__ == "__main__":
    main()
