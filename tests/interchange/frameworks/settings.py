"""What is recorded: every neuron as its framework writes it, and the parameters that it is recorded with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sinabs.activation
import sinabs.layers
import snntorch
from norse.torch.functional.iaf import IAFParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.iaf import IAFCell
from norse.torch.module.lif_box import LIFBoxCell
from spikingjelly.activation_based import neuron as spikingjelly

NAMES: dict[str, dict[str, Any]] = {
    "snntorch": {"Leaky": snntorch.Leaky},
    "spikingjelly": {"IFNode": spikingjelly.IFNode, "LIFNode": spikingjelly.LIFNode},
    "norse": {
        "IAFCell": IAFCell,
        "IAFParameters": IAFParameters,
        "LIFBoxCell": LIFBoxCell,
        "LIFBoxParameters": LIFBoxParameters,
        "reset_subtract": reset_subtract,
    },
    "sinabs": {
        "IAF": sinabs.layers.IAF,
        "LIF": sinabs.layers.LIF,
        "MembraneReset": sinabs.activation.MembraneReset,
        "SingleSpike": sinabs.activation.SingleSpike,
    },
}
"""What the expressions of a framework may name."""


@dataclass(frozen=True)
class Setting:
    """One neuron of a framework, as its user writes it, and the parameters that it is recorded with.

    `reports` says whether the reported membrane is the one before or after the reset of the same step, `gain` what a
    unit of membrane asks of the input. With `strong` a membrane passes two thresholds, where not all tools agree.
    """

    framework: str
    expression: str
    reports: str
    dyadic: tuple[dict[str, Any], ...] = ()
    generic: tuple[dict[str, Any], ...] = ()
    gain: str = "1"
    strong: dict[str, Any] = field(default_factory=dict)

    def cases(self) -> Iterator[tuple[dict[str, Any], str]]:
        for parameters in self.dyadic:
            yield parameters, "dyadic"
        for parameters in self.generic:
            yield parameters, "generic"
        if self.strong:
            yield self.strong, "strong"


def vary(name: str, dyadic: list[float], generic: list[float]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Cases that differ in the parameter `name` and in the threshold."""
    thresholds = [1.0, 0.5, 1.0]
    return {
        "dyadic": tuple({name: value, "threshold": t} for value, t in zip(dyadic, thresholds, strict=False)),
        "generic": tuple({name: value, "threshold": t} for value, t in zip(generic, [1.3, 0.7], strict=False)),
    }


BETAS = vary("beta", [0.5, 0.75, 0.875], [0.9, 0.63])
EACH = {"beta": [0.5, 0.75, 0.875, 0.5, 0.75, 0.875], "threshold": [1.0, 0.5, 1.0, 0.5, 1.0, 0.5]}
LEAKY = {**BETAS, "dyadic": (EACH, *BETAS["dyadic"])}
# Without a reset the membrane grows to 1 / (1 - beta) inputs; a small one keeps the last place of a float32 below 1e-6.
UNBOUNDED = {**BETAS, "generic": ({"beta": 0.9, "threshold": 0.4}, {"beta": 0.63, "threshold": 0.7})}
TAUS = vary("tau", [2.0, 4.0, 8.0], [2.3, 5.7])
HARD = vary("v_reset", [0.0, -0.25, 0.25], [0.1])
TAUS_HARD = {
    kind: tuple({**hard, **tau} for tau, hard in zip(TAUS[kind], (*HARD[kind], *HARD[kind]), strict=False))
    for kind in ("dyadic", "generic")
}
ALONE = {"dyadic": ({"threshold": 1.0}, {"threshold": 0.5}), "generic": ({"threshold": 1.3},)}
# dt times the inverse time constant is a power of two in the dyadic cases.
BOX = {
    "dyadic": (
        {"tau_mem_inv": 512.0, "v_leak": 0.0, "threshold": 1.0, "v_reset": 0.0, "dt": 2.0**-10},
        {"tau_mem_inv": 256.0, "v_leak": 0.25, "threshold": 0.5, "v_reset": -0.25, "dt": 2.0**-10},
    ),
    "generic": (
        {"tau_mem_inv": 100.0, "v_leak": 0.0, "threshold": 1.3, "v_reset": 0.0, "dt": 0.002},
        {"tau_mem_inv": 230.0, "v_leak": -0.1, "threshold": 0.7, "v_reset": 0.1, "dt": 0.001},
    ),
}
BOX_SUBTRACT = {
    kind: tuple({name: value for name, value in case.items() if name != "v_reset"} for case in cases)
    for kind, cases in BOX.items()
}
MEMS = {"generic": ({"tau_mem": 10.0, "threshold": 1.0}, {"tau_mem": 2.5, "threshold": 0.7})}

SETTINGS = (
    Setting("snntorch", "Leaky(beta, threshold)", "before", **LEAKY),
    Setting("snntorch", 'Leaky(beta, threshold, reset_mechanism="zero")', "before", **LEAKY),
    Setting("snntorch", 'Leaky(beta, threshold, reset_mechanism="none")', "before", **UNBOUNDED),
    Setting("snntorch", "Leaky(beta, threshold, reset_delay=False)", "after", **LEAKY,
            strong={"beta": 0.75, "threshold": 1.0}),
    Setting("snntorch", 'Leaky(beta, threshold, reset_mechanism="zero", reset_delay=False)', "after", **BETAS),
    Setting("snntorch", "Leaky(1.0, threshold)", "before", **ALONE),
    Setting("spikingjelly", "IFNode(threshold, v_reset)", "after", **HARD),
    Setting("spikingjelly", "IFNode(threshold, None)", "after", **ALONE),
    Setting("spikingjelly", "LIFNode(tau, True, threshold, v_reset)", "after", **TAUS_HARD, gain="tau"),
    Setting("spikingjelly", "LIFNode(tau, True, threshold, None)", "after", **TAUS, gain="tau"),
    Setting("spikingjelly", "LIFNode(tau, False, threshold, v_reset)", "after", **TAUS_HARD),
    Setting("spikingjelly", "LIFNode(tau, False, threshold, None)", "after", **TAUS),
    Setting("norse", "LIFBoxCell(LIFBoxParameters(tau_mem_inv, v_leak, threshold, v_reset), dt)", "after",
            **BOX, gain="1 / (dt * tau_mem_inv)"),
    Setting("norse", "LIFBoxCell(LIFBoxParameters(tau_mem_inv, v_leak, threshold, reset_method=reset_subtract), dt)",
            "after", **BOX_SUBTRACT, gain="1 / (dt * tau_mem_inv)"),
    Setting("norse", "IAFCell(IAFParameters(threshold, v_reset))", "after", **HARD),
    Setting("sinabs", "IAF(threshold, SingleSpike)", "after", **ALONE),
    Setting("sinabs", "IAF(threshold, SingleSpike, MembraneReset())", "after", **ALONE),
    Setting("sinabs", "LIF(tau_mem, None, threshold, SingleSpike)", "after", **MEMS, gain="tau_mem"),
    Setting("sinabs", "LIF(tau_mem, None, threshold, SingleSpike, MembraneReset())", "after", **MEMS, gain="tau_mem"),
    Setting("sinabs", "LIF(tau_mem, None, threshold, SingleSpike, norm_input=False)", "after", **MEMS),
    Setting("sinabs", "IAF(threshold)", "after", **ALONE, strong={"threshold": 1.0}),
)  # fmt: skip
