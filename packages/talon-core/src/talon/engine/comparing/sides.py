"""The sides of a comparison: what each must tell, and those that are no graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from talon.engine.comparing.window import Site
from talon.ir.errors import TalonTypeError

Records = Mapping[str, np.ndarray]


@runtime_checkable
class Told(Protocol):
    """What a run gives: `outputs` by Output name, `records` by `path.quantity`, all `(T, B, *shape)`."""

    @property
    def outputs(self) -> Records: ...
    @property
    def records(self) -> Records: ...


@runtime_checkable
class Runs(Protocol):
    """Anything that can be compared with a graph: a compiled program, a deployed build, a client of a device.

    `run(inputs, record="*")` tells what it can of the nodes, by the paths that the graph has for them.
    """

    def run(self, inputs: Any, *, record: str) -> Told: ...


class Side(Protocol):
    """What is compared. `sites` stand in an order in which a step can compute them."""

    label: str
    sites: dict[str, Site]

    def steps(self) -> int: ...

    def step_bytes(self) -> int:
        """What a step takes that is told."""
        ...

    def tell(self, start: int, stop: int) -> Records:
        """The next steps, by key."""
        ...


class OtherSide:
    """Something else that has a `run`: it is run once over all steps, as nobody knows how it would go on."""

    def __init__(self, what: Runs, label: str, inputs: Any, repeat: int | None) -> None:
        self.label = f"{label}, {type(what).__name__}"
        told = what.run(inputs if repeat is None else held(inputs, repeat), record="*")
        if not isinstance(told, Told):
            raise TalonTypeError(
                "T206",
                f"{type(what).__name__}.run gave something that is no result",
                expected="something with outputs and records",
                found=type(told).__name__,
            )
        self.records = {key: np.asarray(array) for key, array in told.records.items()}
        self.records |= {f"{name}.out": np.asarray(array) for name, array in told.outputs.items()}
        by_path: dict[str, list[str]] = {}
        for key in list(self.records):
            path, _, quantity = key.rpartition(".")
            by_path.setdefault(path, []).append(quantity)
            if quantity == "spikes":
                self.records.setdefault(f"{path}.out", self.records[key])
        self.sites = {path: self.site(path, names, told) for path, names in by_path.items()}

    def site(self, path: str, names: list[str], told: Told) -> Site:
        """Of what is told by `path.quantity`, `out` and `spikes` are the output; what else there is may be state."""
        others = tuple(name for name in names if name not in ("out", "spikes"))
        ports = ("out",) if len(others) < len(names) else ()
        return Site(path, "", ports, others, "spikes" in names, exit=path in told.outputs)

    def steps(self) -> int:
        return min((len(array) for array in self.records.values() if array.ndim), default=0)

    def step_bytes(self) -> int:
        return 0

    def tell(self, start: int, stop: int) -> Records:
        return {key: array[start:stop] for key, array in self.records.items()}


def held(inputs: Any, repeat: int) -> Any:
    """Inputs with a time axis of so many equal steps."""
    if isinstance(inputs, Mapping):
        return {name: held(value, repeat) for name, value in inputs.items()}
    array = np.asarray(inputs)
    return np.broadcast_to(array, (repeat, *array.shape))
