"""What a program is made of: one op a node, which goes through several steps at once where the node allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from talon.engine.wiring import Counted, Source, Tallies, Unit, read_only
from talon.hw.native.layout import formed
from talon.hw.native.memory import aligned
from talon.ir.primitive import Primitive

Arrays = tuple[np.ndarray, ...]
Quantities = dict[str, Any]


class Call(NamedTuple):
    """A call that can be made again, since what it reads and writes stays where it is, and who heeds what it gives."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    heed: Callable[[Any], None]


class Op:
    """A node in a session. Subclasses compute it, and say by what (`how`).

    `last`: maps come and go channels last. State lies in `unit.state` unless the op takes it to itself.
    """

    last = False
    how = "numpy step"
    direct = False
    """Whether its output goes where `into` says, and it keeps none of its arguments."""
    takes_bytes = False
    """Whether spikes may come as bytes, 0 or 1, instead of floats."""
    takes_held = False
    """Whether it knows what to do with a step that is held for several."""
    gives: Any = np.float32
    """Of its first output, where `target` makes the array."""
    repeats = False
    """Whether all that it does in a run, of whole chunks and without traces, are the calls that it makes by `do`."""
    log: list[Call] | None = None
    """Where those are noted down, if anywhere."""
    halted = False
    """Set by another thread: stop as soon as can be."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.kept: dict[str, np.ndarray] = {}
        self.rooms: dict[str, np.ndarray] = {}
        self.into: np.ndarray | None = None
        self.among: tuple[int, int] | None = None
        """In a cycle the step that it computes, of how many: its counts lie with those of the others."""

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        """`n` steps from step `t` on. `arguments` and outputs are `(n, B, *shape)`, counts `(n, B)`; `traces` are
        filled with the state of that name after every step, `(n, B, *shape)`. Outputs are good until the next call."""
        raise NotImplementedError(type(self).__name__)

    def do(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call the library."""
        gave = function(*arguments)
        if gave:
            self.heed(gave)
        if self.log is not None:
            self.log.append(Call(function, arguments, self.heed))

    def heed(self, gave: Any) -> None:
        """What the library gave back."""

    def heed_halt(self) -> None:
        """Stop if another thread asks for it."""
        if self.halted:
            raise KeyboardInterrupt

    @property
    def sources(self) -> list[list[Source]]:
        """Where its arguments come from."""
        return self.unit.arguments

    def begin(self) -> None:
        """Take the state from `unit.state`; if it `repeats`, to the memory where it had it before."""

    def told_state(self) -> dict[str, np.ndarray]:
        """The state in arrays of their own, channels first."""
        return {name: np.array(value) for name, value in self.unit.state.items()}

    def tell(self) -> Callable[[], dict[str, np.ndarray]]:
        """The same, as it is now, for somebody who may ask for it until it changes."""
        found = self.told_state()
        return lambda: found

    def keep_start(self) -> None:
        """Remember the state before the first step, in which the op is now, if that is quicker than making it again."""

    def again(self) -> bool:
        """Go back to the state before the first step, if it is remembered."""
        return False

    def save(self) -> None:
        """Remember the state, in case the call that begins now is interrupted."""
        self.kept = {name: np.array(value) for name, value in self.unit.state.items()}

    def restore(self) -> None:
        """Go back to what was saved."""
        self.unit.state = self.kept

    @property
    def form(self) -> tuple[int, ...]:
        """The shape of a sample of the first output, in the op's layout."""
        return formed(self.unit.shapes[0], self.last)

    def target(self, lead: tuple[int, int]) -> np.ndarray:
        """What the first output is written to."""
        return self.room("y", (*lead, *self.form), self.gives) if self.into is None else self.into

    def cycled(self, among: tuple[int, int] | None) -> None:
        """Be told which step of a cycle it computes."""
        self.among = among

    def tally(self, name: str, shape: tuple[int, ...], dtype: Any = np.int64) -> np.ndarray:
        """An array for a quantity of `(n, B)`."""
        if self.among is None:
            return self.room(name, shape, dtype)
        step, steps = self.among
        return self.room(name, (steps, *shape[1:]), dtype)[step : step + 1]

    def tallied(self, lead: tuple[int, int]) -> list[Counted]:
        """What the nodes it computes counted at all steps of a cycle, if it `repeats`."""
        return []

    def room(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        """An array to write to, the same one as long as its shape and type are."""
        found = self.rooms.get(name)
        if found is None or found.shape != shape or found.dtype != dtype:
            found = self.rooms[name] = aligned(shape, dtype)
        return found


class Stepwise(Op):
    """Any primitive, by its own numpy step, one step after the other."""

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        unit, steps = self.unit, len(arguments[0])
        outputs = tuple([np.empty((steps, *shape), unit.dtype) for shape in unit.promised])
        tallies = Tallies(steps, arguments[0].shape[1])
        # Others read them too.
        safe = [read_only(argument) for argument in arguments]
        for k in range(steps):
            own = tuple([argument[k] for argument in safe])
            result = unit.step(t + k, own)
            for into, value in zip(outputs, result, strict=True):
                into[k] = value
            for name, trace in traces.items():
                trace[k] = unit.state[name]
            tallies.add(unit.path, k, unit.count(own, result))
        return outputs, tallies.found.get(unit.path, {})


class Timeless(Op):
    """A primitive whose step knows neither time nor state and treats every sample by itself, by one numpy step for
    all steps: they stand side by side as samples."""

    how = "numpy step, all steps at once"
    repeats = True

    @staticmethod
    def suits(unit: Unit) -> bool:
        return not unit.state and type(unit.node).count is Primitive.count

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        lead = arguments[0].shape[:2]
        shapes = [(*lead, *shape) for shape in self.unit.shapes]
        outputs = tuple([self.room(f"y{port}", shape, self.unit.dtype) for port, shape in enumerate(shapes)])
        self.do(self.fill, t, arguments, outputs)
        return outputs, {}

    def fill(self, t: int, arguments: Arrays, outputs: Arrays) -> None:
        unit, many = self.unit, len(arguments[0]) * arguments[0].shape[1]
        side = tuple([read_only(a.reshape(many, *a.shape[2:])) for a in arguments])
        values = unit.outcome(t, side, [(many, *shape) for shape in unit.shapes])
        for into, value in zip(outputs, values, strict=True):
            into[...] = value.reshape(into.shape)


class Alias(Op):
    """A node that hands on what it is given."""

    how = "handed on"
    takes_bytes = True
    takes_held = True
    repeats = True

    def __init__(self, unit: Unit, last: bool) -> None:
        super().__init__(unit)
        self.last = last

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        return arguments, {}


class Reshaped(Op):
    """A node that hands on what it is given, in another shape."""

    how = "handed on in another shape"
    takes_bytes = True
    repeats = True

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = arguments[0]
        return (x.reshape(*x.shape[:2], *self.unit.shapes[0]),), {}
