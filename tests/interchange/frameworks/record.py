"""Records what other frameworks' neurons do on random spike trains: `make interop` runs it in `.envs/frameworks`.

It writes `tests/golden/frameworks/<framework>.npz` and `manifest.json`, which `tests/interchange/test_frameworks.py`
compares with our neurons. Every recording holds the events (integers), the weights that make them inputs
(`x = events * weights`), the output spikes and the membrane after each step as the framework reports it.

Dyadic recordings have parameters and weights that are exact in binary, and cells that stand exactly at the threshold.
All other cells, and every cell of a generic recording, keep a distance of MARGIN, so that rounding moves no spike.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from settings import NAMES, SETTINGS, Setting

FOLDER = Path(__file__).parents[2] / "golden" / "frameworks"
STEPS = 50
MARGIN = 1e-4
SIZES = (((6,), 1), ((3,), 2), ((2, 2, 2), 1))
"""Shape of a sample and batch; the cases of a setting take them in turn."""
NEVER = 1e9
"""A threshold that no membrane reaches."""


def build(setting: Setting, parameters: dict[str, Any]) -> Any:
    """The framework's neuron. Norse wants tensors, the others take numbers; one value per neuron is a tensor."""
    tensors = setting.framework == "norse"
    values = {
        name: torch.tensor(value) if isinstance(value, list) or (tensors and name != "dt") else value
        for name, value in parameters.items()
    }
    return eval(setting.expression, {**NAMES[setting.framework], **values})


def advance(framework: str, neuron: Any, x: torch.Tensor, v: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """One step from the membrane `v (B, *shape)`, None before the first step: spikes and the membrane reported."""
    if framework == "snntorch":
        return neuron(x, v)
    if framework == "norse":
        state = None if v is None else type(neuron.initial_state(x))(v=v)
        spikes, after = neuron(x, state)
        return spikes, after.v
    if framework == "spikingjelly":
        if v is not None:
            neuron.v = v
        return neuron(x), neuron.v
    if v is not None:
        neuron.init_state_with_shape(v.shape)
        neuron.v_mem = v
    return neuron(x[:, None])[:, 0], neuron.v_mem


def draw(rng: np.random.Generator, setting: Setting, parameters: dict[str, Any], kind: str, size: Any) -> Any:
    """Events `(T, B, *shape)` and weights `(*shape)`, of the order of the threshold after the gain."""
    shape, batch = size
    events = rng.choice([-1, 0, 1, 2], (STEPS, batch, *shape), p=[0.1, 0.35, 0.4, 0.15]).astype(np.int8)
    eighths = 5 if setting.strong and kind != "strong" else 8
    weights = rng.uniform(0.2, eighths / 9, shape) if kind == "generic" else rng.integers(2, eighths, shape) / 8
    scale = eval(setting.gain, dict(parameters)) * np.asarray(parameters["threshold"]) * (3 if kind == "strong" else 1)
    return events, (weights * scale).astype(np.float32)


def trace(
    setting: Setting, parameters: dict[str, Any], inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes, membranes, and what each membrane had over the threshold where the spikes were decided."""
    neuron = build(setting, parameters)
    threshold = torch.as_tensor(parameters["threshold"])
    v, spikes, membranes, over = None, [], [], []
    for x in torch.from_numpy(inputs):
        decided = None
        if setting.reports == "after":
            twin = build(setting, {**parameters, "threshold": NEVER})
            decided = advance(setting.framework, twin, x, None if v is None else v.clone())[1].clone()
        s, v = advance(setting.framework, neuron, x, v)
        v = v.clone()
        spikes.append(s.numpy().astype(np.uint8))
        membranes.append(v.numpy())
        over.append(((v if decided is None else decided) - threshold).numpy())
    return np.stack(spikes), np.stack(membranes), np.stack(over)


def record(setting: Setting, parameters: dict[str, Any], kind: str, size: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first trains that keep the margin, and reach the threshold exactly where the case is dyadic.

    A setting with a strong case stays below two thresholds in its others.
    """
    for seed in range(2000):
        events, weights = draw(np.random.default_rng(seed), setting, parameters, kind, size)
        spikes, membranes, over = trace(setting, parameters, events * weights)
        exact, margin = np.count_nonzero(over == 0), np.abs(over[over != 0]).min()
        fits = margin > MARGIN and bool(exact) == (kind == "dyadic") and spikes.mean() > 0.05
        if setting.strong:
            fits &= bool((over >= np.asarray(parameters["threshold"])).any()) == (kind == "strong")
        if fits:
            arrays = {"events": events, "weights": weights, "spikes": spikes, "membranes": membranes}
            said = {"seed": seed, "margin": float(f"{margin:.3g}"), "at_threshold": int(exact)}
            return said, arrays
    raise SystemExit(f"no trains for {setting.expression} with {parameters}")


def main() -> None:
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    stored: dict[str, dict[str, np.ndarray]] = {name: {} for name in NAMES}
    recordings = []
    for setting in SETTINGS:
        for number, (parameters, kind) in enumerate(setting.cases()):
            size = SIZES[number % len(SIZES)]
            said, arrays = record(setting, parameters, kind, size)
            key = f"{len(recordings):02}"
            stored[setting.framework] |= {f"{key}.{name}": array for name, array in arrays.items()}
            recordings.append(
                {
                    "key": key,
                    "framework": setting.framework,
                    "setting": setting.expression,
                    "parameters": parameters,
                    "kind": kind,
                    "membrane": f"{setting.reports} the reset",
                    **said,
                }
            )
    files = {}
    for name, arrays in stored.items():
        path = FOLDER / f"{name}.npz"
        np.savez_compressed(path, **arrays)
        data = path.read_bytes()
        files[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    versions = json.dumps({name: version(name) for name in (*NAMES, "torch")})
    lines = ",\n".join(json.dumps(each) for each in recordings)
    (FOLDER / "manifest.json").write_text(
        f'{{"versions": {versions},\n"files": {json.dumps(files)},\n"recordings": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main()
