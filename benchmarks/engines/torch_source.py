"""Python source that runs an exported network with torch, as somebody would write it by hand: one line a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from exported import Exported, Layer

Neuron = Callable[[torch.Tensor], torch.Tensor]
Make = Callable[[Layer, torch.Tensor | None], Neuron]
"""A neuron ready to run: takes a step, or all steps at once. The tensor: its first membrane."""


def settings(layer: Layer, *names: str) -> str:
    return "".join(f", {name}={layer.settings[name]!r}" for name in names)


def joined(x: list[str]) -> str:
    return f"cat(({', '.join(x)}), 1)"


CONVOLUTION = ("stride", "padding", "dilation", "groups")
POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
LINES: dict[str, Callable[[Layer, list[str]], str]] = {
    "Conv2d": lambda layer, x: f"conv2d({x[0]}, w_{layer.name}, b_{layer.name}{settings(layer, *CONVOLUTION)})",
    "Affine": lambda layer, x: f"linear({x[0]}, w_{layer.name}, b_{layer.name})",
    "MaxPool2d": lambda layer, x: f"max_pool2d({x[0]}{settings(layer, *POOL)})",
    "Flatten": lambda layer, x: f"{x[0]}.flatten(1)",
    "Concat": lambda layer, x: joined(x),
    "Upsample": lambda layer, x: f"interpolate({x[0]}{settings(layer, 'scale_factor', 'mode')})",
    "ChannelSplit": lambda layer, x: f"split({x[0]}, {list(layer.settings['split_sections'])}, 1)",
    "Skip": lambda layer, x: joined(x) if layer.settings["skip_type"] == "concatenate" else " + ".join(x),
}
LINES["SDConv"] = lambda layer, x: LINES["Conv2d"](
    layer._replace(settings=layer.settings | {"groups": layer.shape[0]}), x
)
"""How a layer is computed from what its sources gave. The first axis of all values holds samples (times steps)."""
NAMES = ("conv2d", "linear", "max_pool2d", "interpolate")


def source(network: Exported, folded: bool, counts: bool) -> str:
    """`folded`: all steps at once, layer by layer; else step by step. `counts`: totals of every neuron's spikes."""
    body = [line for layer in network.layers for line in lines(layer, folded, counts)]
    out = ", ".join(value(source) for layer in network.layers if layer.type == "Output" for source in layer.sources)
    neurons = [f"    {identifier(name)}_n = make_{identifier(name)}()" for name in network.neurons]
    means = [f"    sum_{identifier(layer.name)} = 0" for layer in network.layers if layer.type == "StepMean"]
    head = ["def run(inputs):", "    total = {}", *neurons, *(means if not folded else [])]
    if folded:
        return "\n".join(
            [*head, "    x = inputs.flatten(0, 1)", *(f"    {line}" for line in body), f"    return ({out},), total"]
        )
    return "\n".join(
        [
            *head,
            "    outs = 0",
            "    for x in inputs:",
            *(f"        {line}" for line in body),
            f"        outs = add(outs, ({out},))",
            "    return outs, total",
        ]
    )


def identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def value(source: tuple[str, int | None]) -> str:
    name, port = source
    return f"v_{identifier(name)}" + ("" if port is None else f"[{port}]")


def lines(layer: Layer, folded: bool, counts: bool) -> list[str]:
    name = identifier(layer.name)
    x = [value(source) for source in layer.sources]
    match layer.type:
        case "Input":
            return [f"v_{name} = x"]
        case "Output":
            return []
        case "LIF" | "IF":
            call = f"{name}_n(apart({x[0]})).flatten(0, 1)" if folded else f"{name}_n({x[0]})"
            total = [f"total[{layer.name!r}] = total.get({layer.name!r}, 0) + v_{name}.sum().item()"] if counts else []
            return [f"v_{name} = {call}", *total]
        case "StepMean":
            if folded:
                return [f"v_{name} = apart({x[0]}).mean(0)"]
            return [f"sum_{name} = sum_{name} + {x[0]}", f"v_{name} = sum_{name}"]
        case kind:
            return [f"v_{name} = {LINES[kind](layer._replace(name=name), x)}"]


def compiled(network: Exported, folded: bool, counts: bool, make: Make) -> Callable[[torch.Tensor], Any]:
    names: dict[str, Any] = {name: getattr(torch.nn.functional, name) for name in NAMES}
    names |= {"cat": torch.cat, "split": torch.split}
    names["apart"] = lambda x: x.unflatten(0, (network.steps, network.batch))
    names["add"] = lambda total, now: now if total == 0 else tuple(a + b for a, b in zip(total, now, strict=True))
    for layer in network.layers:
        key = identifier(layer.name)
        if layer.type in ("LIF", "IF"):
            names[f"make_{key}"] = lambda layer=layer: make(layer, None)
        for short, field in (("w", "weight"), ("b", "bias")):
            array = network.array(layer, field)
            names[f"{short}_{key}"] = None if array is None else torch.from_numpy(array)
    exec(source(network, folded, counts), names)
    return names["run"]
