"""A task gone through, chunk by chunk of steps: by the calls of an earlier chunk where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple
from weakref import ref

import numpy as np

from talon.engine.counts import Counts
from talon.engine.later import Later
from talon.engine.result import EngineUse, Result
from talon.engine.state import State
from talon.engine.task import Task
from talon.engine.wiring import Tallies, Wiring
from talon.hw.native.layers import Layer
from talon.hw.native.layout import SPIKES, Signal, floats, held, put, turned
from talon.hw.native.library import library
from talon.hw.native.lowering import bytes_a_step, fused, groups, heard_as_bytes, join_up, lower, passing
from talon.hw.native.ops import Alias, Op
from talon.hw.native.options import Options
from talon.hw.native.tape import COPIED_BYTES, TAPED_STEPS, TAPES, Form, Tape
from talon.hw.native.walk import Walk
from talon.ir.primitive import Primitive

CHUNK_BYTES = 16 << 20
"""What the values of a chunk of steps may take: a layer finds its input in the last cache, and what every chunk costs
besides its kernels is paid seldom."""


class View(NamedTuple):
    """The ops as they run where some nodes are looked at, and None for those that others contain; how many steps a
    chunk has at most; the outputs that are computed where they are told; the nodes that layers by themselves hear;
    whether chunks are all calls."""

    ops: list[Op | None]
    length: int
    heard: dict[int, str]
    repeats: bool


def told(telling: list[tuple[str, Callable[[], dict[str, np.ndarray]]]]) -> dict[str, Mapping[str, np.ndarray]]:
    """The state of every node."""
    return {path: tell() for path, tell in telling}


class Sweep(Walk):
    """A graph and a batch, ready to run again and again. `own`: copies of the nodes that were cast already."""

    name = "native"

    def __init__(self, task: Task, options: Options, own: Mapping[str, Primitive] | None = None) -> None:
        self.options = options
        self.wiring = self.wired(task, own)
        self.each = self.lowered()
        self.lasting = [
            (op, name)
            for op, name in zip(self.each, self.wiring.names, strict=True)
            if op.unit.state or type(op).begin is not Op.begin
        ]
        """The ops that know something of earlier steps, with the names of their nodes."""
        self.layers = [op for op in self.each if isinstance(op, Layer)]
        self.ways: list[int] | None = None
        self.used: dict[str, str] = {}
        """By which means every node runs, where the layers go these ways."""
        self.pairs = fused(self.wiring, self.each)
        self.groups = groups(self.wiring)
        self.all_passing = passing(self.wiring, self.each, self.groups)
        self.cycling = sum(len(nodes) for nodes, cyclic in self.groups if cyclic)
        """Nodes of cycles, of which every step is calls of its own."""
        self.narrow = heard_as_bytes(self.wiring, self.each)
        self.views: dict[tuple[frozenset[int], frozenset[int]], View] = {}
        self.before = {key: self.wiring.zeros(*key) for key in self.wiring.depths}
        self.values: dict[tuple[int, int], Signal] = {}
        self.batch = task.batch
        self.tapes: dict[Form, Tape] = {}
        self.halted = False
        self.once = False
        """Whether it is to be run only once."""
        self.lent: ref[Later[str, Mapping[str, np.ndarray]]] | None = None
        """The state that was given back last, which is made before the ops change theirs, if somebody has it yet."""
        self.begin()

    def begin(self) -> None:
        """All ops from the state of the task."""
        for op in self.each:
            op.begin()
            if self.wiring.task.state is None:
                op.keep_start()

    def halt(self) -> None:
        """Called by another thread: stop as soon as can be. The sweep is of no use afterwards."""
        self.halted = True
        for op in self.each:
            op.halted = True

    def wired(self, task: Task, own: Mapping[str, Primitive] | None) -> Wiring:
        return Wiring(task, own)

    def lowered(self) -> list[Op]:
        return lower(self.wiring, self.options)

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        """Steps of an Input as the nodes get them: spikes as bytes, where all nodes take those."""
        if number not in self.narrow:
            return array
        x = np.ascontiguousarray(array)
        room = self.each[number].room("spikes", x.shape, SPIKES)
        return room if library().narrow(x.size, x, room) else array

    def told(self, number: int, port: int, array: np.ndarray) -> np.ndarray:
        """Steps of a port, channels first, as outputs and records give them."""
        return array

    def plain(self, number: int) -> bool:
        """Whether that is the same for the first port of a node, so that it may be computed where it is told."""
        return True

    def restart(self, task: Task) -> None:
        """Get ready for a task of the same graph and batch."""
        wiring = self.wiring
        self.make_lent()
        if task.state is not None:
            wiring.restart(task)
            self.begin()
            return
        wiring.rewind(task)
        for op, name in self.lasting:
            if not op.again():
                if op.unit.state:
                    wiring.reset(op.unit, name)
                op.begin()
                op.keep_start()

    def make_lent(self) -> None:
        """Make the state that was given back last, unless nobody has it any more."""
        if self.lent is not None and (lent := self.lent()) is not None:
            lent.made()

    def go_on(self, task: Task) -> Result:
        """Further inputs, from where the last run stopped; from there again if this one is interrupted."""
        wiring = self.wiring
        self.make_lent()
        former, held, first = wiring.task, dict(wiring.held), wiring.first
        for op, _ in self.lasting:
            op.save()
        try:
            wiring.first, wiring.task = first + former.steps, task
            return self.run()
        except BaseException:
            wiring.task, wiring.held, wiring.first = former, held, first
            for op, _ in self.lasting:
                op.restore()
            self.tapes = {}
            raise

    def run(self) -> Result:
        """The task from its state; what is given back is not changed by going on."""
        wiring, task = self.wiring, self.wiring.task
        self.inputs = wiring.inputs
        self.records, self.places = wiring.wanted() if task.record else ({}, {})
        self.traced: dict[int, list[tuple[str, str]]] = {}
        for key, (number, name, port) in self.places.items():
            if port is None:
                self.traced.setdefault(number, []).append((key, name))
        self.look()
        for layer in self.layers:
            layer.ways = 0
        self.tallies = Tallies(task.steps, task.batch)
        self.outputs = {
            name: np.empty((task.steps, task.batch, *task.out_shapes[name][0]), task.dtype)
            for name in wiring.exits.values()
        }
        # As even as they can be, so that arrays fit the next chunk too.
        chunk = self.options.chunk or -(-task.steps // -(-task.steps // self.length))
        for start in range(0, task.steps, chunk):
            steps = min(chunk, task.steps - start)
            self.advance(start, steps)
            if task.progress is not None:
                task.progress(start + steps, task.steps)
        self.values = {}
        # A dict of its own for every result.
        use = EngineUse(self.name, "", dict(self.means()))
        return Result(self.outputs, self.told_state(), Counts(Later(self.tallies.all)), self.records, use)

    def look(self) -> None:
        """The ops as they are to be run where these things are recorded."""
        # Of what is recorded only spikes are there when neurons are in their layer.
        apart: frozenset[int] = frozenset()
        self.passing = self.all_passing
        if self.places:
            recorded = {number for number, _, port in self.places.values() if port is not None}
            self.passing = {number: rows for number, rows in self.passing.items() if number not in recorded}
            layers = {layer for layer, _ in self.pairs.values()}
            apart = frozenset(number for number, _, port in self.places.values() if port is None or number in layers)
        key = apart, frozenset(self.passing)
        if key not in self.views:
            self.views[key] = self.view(apart)
        self.ops, self.length, self.heard, self.repeats = self.views[key]

    def view(self, apart: Collection[int]) -> View:
        self.ops = join_up(self.each, self.pairs, apart)
        length = max(1, CHUNK_BYTES // max(bytes_a_step(self.wiring, self.ops, self.narrow, self.passing), 1))
        heard = {self.origin(number): exit for number, exit in self.wiring.exits.items()}
        plain = {number: exit for number, exit in heard.items() if self.plain(number)}
        inputs = {self.wiring.number[name] for name in self.wiring.task.graph.inputs}
        repeats = all(op.repeats for number, op in enumerate(self.ops) if op is not None and number not in inputs)
        if repeats and self.cycling:
            length = min(length, max(1, TAPED_STEPS // self.cycling))
        return View(self.ops, length, plain, repeats)

    def means(self) -> dict[str, str]:
        """By which means every node ran."""
        ways = [layer.ways for layer in self.layers]
        if ways != self.ways:
            self.ways, self.used = ways, {op.unit.path: self.told_how(op) for op in self.each}
        return self.used

    def told_how(self, op: Op) -> str:
        """By which means a node runs, in words."""
        return op.how

    def told_state(self) -> State:
        """The state as it is now, which is made when somebody asks for it, at the latest when the ops go on."""
        wiring = self.wiring
        telling = [(op.unit.path, op.tell()) for op, _ in self.lasting if op.unit.state]
        nodes = Later(partial(told, telling))
        self.lent = ref(nodes)
        return State(wiring.first + wiring.task.steps, nodes, wiring.delays())

    def origin(self, number: int) -> int:
        """The node whose values an exit hands on as they are, or itself."""
        while isinstance(self.ops[number], Alias):
            arguments = self.wiring.units[number].arguments
            if len(arguments) != 1 or len(arguments[0]) != 1 or arguments[0][0].delay or arguments[0][0].port:
                break
            number = arguments[0][0].node
        return number

    def advance(self, start: int, steps: int) -> None:
        """All nodes over a chunk of steps."""
        entered = {number: self.enter(number, x[start : start + steps]) for number, x in self.inputs.items()}
        form = Form(self.wiring.task.record, steps, self.wiring.first + start > 0)
        repeats = self.repeats and not self.traced and (steps - 1) * self.cycling < TAPED_STEPS
        # Whether a chunk of this form follows.
        follows = not self.once or (start > 0 and start + 2 * steps <= self.wiring.task.steps)
        tape = self.tapes.get(form) if repeats else None
        if tape is not None and tape.takes(entered):
            self.play(tape, start, steps)
            self.hand_out(start, steps)
        elif repeats and follows and (fresh := self.taped(form, entered)) is not None:
            self.record(fresh, start, steps)
        else:
            self.walk(start, steps, entered)
            self.hand_out(start, steps)

    def enter(self, number: int, x: np.ndarray) -> np.ndarray:
        """Steps of an Input as the nodes get them; where they are held, one."""
        return self.entered(number, x[:1] if held(x) else x)

    def taped(self, form: Form, entered: Mapping[int, np.ndarray]) -> Tape | None:
        """A tape to be recorded on, with what entered in arrays of the sweep's own, unless there is much to be
        copied."""
        own, most = {}, COPIED_BYTES * (form.steps if self.cycling else 1)
        for number, x in entered.items():
            op = self.each[number]
            if not any(x is room for room in op.rooms.values()):
                if x.nbytes > most:
                    return None
                room = op.room("entered", x.shape, x.dtype)
                room[...] = x
                x = room
            own[number] = x
        return Tape(form, own, most)

    def record(self, tape: Tape, start: int, steps: int) -> None:
        """A chunk of steps, with the calls that it comes down to."""
        self.tapes.pop(tape.form, None)
        self.taping = tape
        for op in self.each:
            op.log = tape.calls
        try:
            self.walk(start, steps, tape.entered)
            # Which may ask for other layouts and types.
            self.hand_out(start, steps)
        finally:
            self.taping = None
            for op in self.each:
                op.log = None
        tape.values = self.values
        if len(self.tapes) >= TAPES:
            self.tapes = {}
        self.tapes[tape.form] = tape

    def play(self, tape: Tape, start: int, steps: int) -> None:
        """A chunk of steps of the same form by the same calls."""
        for function, arguments, heed in tape.calls:
            if self.halted:
                raise KeyboardInterrupt
            if gave := function(*arguments):
                heed(gave)
        self.tallies.keep(slice(start, start + steps), tape.counted)
        self.values = tape.values

    def shown(self, number: int, port: int) -> np.ndarray:
        """What a port gave over the chunk, as it is told."""
        return self.told(number, port, self.values[number, port].whole(last=False, takes_bytes=True, do=self.do))

    def hand_out(self, start: int, steps: int) -> None:
        """The outputs, the records, and what delayed edges have to deliver."""
        for number, exit in self.wiring.exits.items():
            output = self.outputs[exit][start : start + steps]
            value = self.shown(number, 0)
            # `ctypes.data` says the same, ten times as slowly.
            if value.__array_interface__["data"] != output.__array_interface__["data"]:
                put(value, output)
        for record, (number, _, port) in self.places.items():
            if port is not None:
                put(self.shown(number, port), self.records[record][start : start + steps])
        for key, depth in self.wiring.depths.items():
            signal = self.values[key]
            found = signal.recent(depth, steps)
            recent = floats(turned(found, last=False) if signal.last else found)
            kept = [*self.wiring.held[key], *recent][-depth:]
            # Copies, or one value would keep its whole chunk.
            self.wiring.held[key] = [np.array(value) for value in kept]
