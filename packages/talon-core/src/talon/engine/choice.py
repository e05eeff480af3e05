"""Engines: how a plugin announces one, and which one runs a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from talon.engine.arguments import named
from talon.engine.quantised import in_integers
from talon.ir.errors import TalonRunError, suggest
from talon.plugins.lazy import load

if TYPE_CHECKING:
    import numpy as np

    from talon.engine.result import Result
    from talon.engine.task import Task
    from talon.ir.graph import Graph


IN_FLOATS = "no engine of integers is installed (talon-hw has one), so they run as the floats they stand for"


class Refusal(str):
    """Why an engine cannot run a graph, with what a user can do about it."""

    help: str

    def __new__(cls, reason: str, help: str) -> Self:
        found = super().__new__(cls, reason)
        found.help = help
        return found


class Engine(Protocol):
    """What an engine's class offers; it is constructed without arguments."""

    options: frozenset[str]
    """Names that `engine_options` may hold."""

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        """Why the engine cannot run the graph at this dtype, or None where it can. A `Refusal` says what to do, too."""
        ...

    def execute(self, task: Task) -> Result:
        """Run a checked task."""
        ...


@runtime_checkable
class Conditional(Protocol):
    """What an engine may offer besides, if it needs something that may be missing."""

    def condition(self) -> tuple[bool, str]:
        """Whether it can run anything here, and by what it runs or why it cannot; `talon doctor` shows it."""
        ...


@runtime_checkable
class Estimating(Protocol):
    """What an engine may offer besides, so that a run that does not fit in memory is refused before it begins."""

    def working_bytes(self, task: Task, results: int) -> int:
        """Bytes that the engine itself needs for a task, from its shapes: values between nodes, and copies of the
        results if it makes any, which take `results` bytes.

        The results themselves, cast inputs and parameters are added without it. The inputs of the task are not cast
        yet.
        """
        ...


@runtime_checkable
class Streaming(Protocol):
    """What an engine may offer besides, so that a stream does not pay at every chunk for making the run ready."""

    def session(self, options: Mapping[str, Any]) -> Callable[[Task], Result]:
        """A function as `execute`, for tasks of one graph that come one after the other, with these `engine_options`.

        Each task carries the state to go on from; what was laid out for one may be used for the next. A call that is
        interrupted changes nothing for those that follow.
        """
        ...


@runtime_checkable
class Testing(Protocol):
    """What an engine may offer besides, if its neurons do not compute as their numpy step does."""

    def margin(
        self, task: Task, name: str, t: int, state: Mapping[str, np.ndarray] | None, x: np.ndarray
    ) -> np.ndarray | None:
        """How far above the threshold the spike test of the node `name` finds its membrane at step `t`, from its state
        before the step (None: as the run begins) and the sum that enters; None where it tests nothing."""
        ...


@dataclass(frozen=True)
class EngineSpec:
    """An engine as `talon_engines` returns it: `target` is `"module:Class"`; `"auto"` asks high priorities first.

    `integers`: whether it runs graphs in integers (`hw.quantize` makes them) and no others. `"auto"` asks such engines
    first of a graph in integers, and does not load them for any other.
    """

    target: str
    priority: int
    integers: bool = False

    def load(self) -> Engine:
        engine: Engine = load(self.target)()
        return engine


def specs() -> dict[str, EngineSpec]:
    """The installed engines, in the order in which `"auto"` asks them."""
    from talon.plugins import registry

    found: dict[str, EngineSpec] = registry.usable("talon_engines")
    return dict(sorted(found.items(), key=lambda item: (-item[1].priority, item[0])))


def list_engines() -> list[str]:
    """Names of the installed engines, in the order in which `"auto"` asks them; those of integers are asked of graphs
    in integers alone."""
    return list(specs())


def candidates(known: Mapping[str, EngineSpec], graph: Graph) -> dict[str, EngineSpec]:
    """The engines that `"auto"` asks of a graph, in that order."""
    special = {name: spec for name, spec in known.items() if of_integers(spec)}
    others = {name: spec for name, spec in known.items() if name not in special}
    return special | others if in_integers(graph) else others


def of_integers(spec: Any) -> bool:
    """Whether an engine is one of integers; what a plugin gives in the place of an `EngineSpec` may not say."""
    return getattr(spec, "integers", False) is True


def choose(name: str, graph: Graph, dtype: str) -> tuple[str, Engine, str]:
    """The engine's name, the engine, and why it was chosen. Raises `TalonRunError` (T405)."""
    from talon.plugins import registry
    from talon.plugins.manager import described

    known, name = specs(), named(name)
    if name != "auto":
        if name not in known:
            raise TalonRunError(
                "T405",
                f"there is no engine {name!r}",
                expected=" or ".join(map(repr, ["auto", *known])),
                found=repr(name),
                help=suggest(name, known, "'talon plugins' lists who provides engines"),
            )
        engine = known[name].load()
        if (reason := engine.refuses(graph, dtype)) is not None:
            raise TalonRunError(
                "T405",
                f"engine {name!r} cannot run this graph",
                expected="a graph the engine supports",
                found=reason,
                help=help_of(reason, "use engine='auto'"),
            )
        return name, engine, "asked for by name"
    passed: list[str] = []
    asked = candidates(known, graph)
    if in_integers(graph) and not any(map(of_integers, asked.values())):
        passed.append(IN_FLOATS)
    for candidate, spec in asked.items():
        try:
            engine = spec.load()
            reason = engine.refuses(graph, dtype)
        except Exception as error:  # noqa: BLE001 - a stranger's engine must not stop the others
            reason = f"failed: {described(error)}"
            entry = registry.collected("talon_engines")[candidate]
            registry.complain(entry, f"provides the engine {candidate!r}, which {reason}")
        else:
            if reason is None:
                return candidate, engine, "; ".join(["the first that accepts the graph", *passed])
        passed.append(f"{candidate}: {reason}")
    raise TalonRunError(
        "T405", "no engine accepts the graph", found="; ".join(passed) or "no engines", help="see above"
    )


def help_of(reason: str, otherwise: str) -> str:
    """What to do where an engine refuses: what it says itself, or else this."""
    return reason.help if isinstance(reason, Refusal) else otherwise


def check_options(name: str, engine: Engine, options: dict[str, Any]) -> None:
    """Refuse options the engine does not know: none is ignored."""
    for option in options:
        if option not in engine.options:
            raise TalonRunError(
                "T405",
                f"engine {name!r} has no option {option!r}",
                expected=", ".join(sorted(engine.options)) or "no options",
                found=repr(option),
                help=suggest(option, engine.options, "leave it out, or choose the engine it belongs to"),
            )
