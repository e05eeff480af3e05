"""Kernels that plugins give for primitives on somebody else's engine (`talon_kernels`), held to what they promise.

An engine asks `find(engine, primitive)`, makes a `PluginKernel` of what it gets, and takes its steps. Errors of a
kernel, and promises it breaks, are errors that name the node and the distribution (T407).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from talon.engine.counts import QUANTITIES
from talon.engine.wiring import Unit, binary, guarded, read_only
from talon.ir.errors import TalonRunError
from talon.ir.fields import Shape
from talon.ir.primitive import Tally
from talon.plugins import registry
from talon.plugins.manager import one_name

Arrays = tuple[np.ndarray, ...]


class Events(NamedTuple):
    """What is not zero in an array `(B, *shape)`: sample `b` has the entries `pointers[b]` to `pointers[b + 1]`.

    `indices` (int32) are places in the sample, row-major in its own axes, ascending; `values` stand at them. Zeros of
    either sign are left out. `pointers` is int64, `(B + 1,)`.
    """

    indices: np.ndarray
    pointers: np.ndarray
    values: np.ndarray


class KernelState(dict[str, np.ndarray]):
    """The state of a kernel by name, `(B, *shape)`; `step` is the index of the step that is taken."""

    step: int = 0


class Kernel(Protocol):
    """What a factory gives. It may say `accepts_events = True`, and then has `Events` in place of arrays as inputs; and
    it may have `count(inputs, out)`, as the primitive's, which is asked otherwise."""

    def init_state(self) -> Mapping[str, np.ndarray]:
        """New arrays: names, shapes, dtypes and values of the primitive's own `init_state`."""
        ...

    def step(self, inputs: Any, state: KernelState, out: Arrays) -> None:
        """Fill `out`, an array `(B, *shape)` for each output port, and bring the state forward, in place or anew."""
        ...


Factory = Callable[[Any, tuple[Shape, ...], int, np.dtype[Any]], Kernel]
"""`factory(node, in_shapes, batch, dtype)`: the node is a copy with arrays of this dtype; shapes are of samples."""


def find(engine: str, primitive: str) -> registry.Entry | None:
    """What a plugin gives for a primitive on an engine."""
    return registry.collected("talon_kernels").get(one_name("talon_kernels", (engine, primitive)))


def events(x: np.ndarray) -> Events:
    flat = x.reshape(len(x), -1)
    rows, indices = np.nonzero(flat)
    pointers = np.zeros(len(x) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(x)), out=pointers[1:])
    return Events(indices.astype(np.int32), pointers, flat[rows, indices])


class PluginKernel:
    """A plugin's kernel for one node and batch; `begin` comes before the first step."""

    def __init__(self, entry: registry.Entry, unit: Unit, in_shapes: tuple[Shape, ...]) -> None:
        self.unit, self.entry = unit, entry
        self.origin = entry.distribution or "this process"
        batch = unit.promised[0][0]
        factory: Factory = entry.load()
        self.kernel = self.asked("the factory", factory, unit.node, in_shapes, batch, unit.dtype)
        for method in ("init_state", "step"):
            if not callable(getattr(self.kernel, method, None)):
                raise self.fault("lacks a method", "init_state() and step(inputs, state, out)", f"no {method}")
        self.by_events = bool(getattr(self.kernel, "accepts_events", False))
        self.counts = getattr(self.kernel, "count", None)
        self.buffers = [np.empty((batch, *shape), unit.dtype) for shape in in_shapes]
        self.state = KernelState()
        self.check_first_state(batch, in_shapes)

    def check_first_state(self, batch: int, in_shapes: tuple[Shape, ...]) -> None:
        """The kernel begins as the primitive does."""
        unit = self.unit
        expected = guarded(unit, "init_state", unit.node.init_state, batch, in_shapes, unit.dtype)
        made = self.asked("init_state", self.kernel.init_state)
        found = made if isinstance(made, Mapping) else {"": made}
        self.layout = laid_out(expected)
        self.hold_state("init_state", found)
        for name, array in found.items():
            if not same_bytes(array, expected[name]):
                raise self.fault(f"begins with another {name}", "the values of the primitive's init_state", "others")

    def begin(self) -> None:
        """Go on from the unit's state, in arrays of the kernel's own."""
        self.state = KernelState({name: np.array(array, order="C") for name, array in self.unit.state.items()})
        self.unit.state = self.state

    def hold_state(self, what: str, state: Mapping[str, Any]) -> None:
        """Refuse other names, shapes or dtypes: a state goes on on another engine, too."""
        own = laid_out(state)
        if own != self.layout:
            raise self.fault(f"gave another state at {what}", words(self.layout), words(own))

    def step(self, t: int, arguments: Arrays) -> tuple[Arrays, Tally]:
        """The outputs of one step, and what it cost."""
        unit = self.unit
        self.state.step = t
        # Its own copies: a kernel that works on memory is not kept out by a flag.
        for buffer, argument in zip(self.buffers, arguments, strict=True):
            np.copyto(buffer, argument)
        given = tuple([events(x) if self.by_events else read_only(x) for x in self.buffers])
        out = tuple([np.full(shape, np.nan, unit.dtype) for shape in unit.promised])
        result = self.asked(f"step {t}", self.kernel.step, given, self.state, out)
        if result is not None:
            raise self.fault(
                "gave something back", "nothing: what it computes is written into out", type(result).__name__
            )
        if [(a.shape, a.dtype) for a in out] != [(shape, unit.dtype) for shape in unit.promised]:
            raise self.fault("changed the form of out", f"{unit.promised}", f"{[a.shape for a in out]}")
        for place, (buffer, argument) in enumerate(zip(self.buffers, arguments, strict=True)):
            if not same_bytes(buffer, argument):
                raise self.fault(f"changed its input {place} at step {t}", "inputs that are only read", "other values")
        self.hold_state(f"step {t}", self.state)
        return tuple([read_only(array) for array in out]), self.count(t, given, arguments, out)

    def count(self, t: int, given: Any, arguments: Arrays, out: Arrays) -> Tally:
        if self.counts is None:
            return self.unit.count(arguments, out)
        found = self.asked(f"count of step {t}", self.counts, given, out) or {}
        for quantity, value in dict(found).items():
            array = np.asarray(value)
            if quantity not in QUANTITIES or array.dtype.kind not in "iu" or array.shape not in ((), (len(out[0]),)):
                raise self.fault(
                    f"counts something else at step {t}",
                    f"whole numbers, one or one a sample, of {', '.join(QUANTITIES)}",
                    f"{quantity}: {array.dtype} {array.shape}",
                )
        return found if "macs" not in found else {**found, "binary_input": binary(arguments[0])}

    def asked(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of the kernel gives; whatever it raises names the plugin."""
        try:
            return function(*arguments)
        except Exception as error:
            raise self.fault(f"failed at {what}", "", f"{type(error).__name__}: {error}") from error

    def fault(self, what: str, expected: str, found: str) -> TalonRunError:
        return TalonRunError(
            "T407",
            f"the kernel of {self.origin} for {self.unit.node.type_name} {what}",
            node=self.unit.path,
            expected=expected or None,
            found=found,
            help=f"report it to {self.origin}, or name the other plugins in TALON_PLUGINS, so that it is left out",
        )


def same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the bit, quickly."""
    own, other = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (a, b))
    return np.array_equal(own, other)


def laid_out(state: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Dtype and shape of each array of a state."""
    return {
        name: (value.dtype, value.shape) if isinstance(value, np.ndarray) else (type(value).__name__, "")
        for name, value in state.items()
    }


def words(layout: Mapping[str, tuple[Any, ...]]) -> str:
    return ", ".join(f"{name}: {dtype} {shape}" for name, (dtype, shape) in layout.items()) or "no state"
