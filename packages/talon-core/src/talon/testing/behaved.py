"""Checks of how an engine behaves besides: what it refuses and says, and what it leaves alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from talon.engine import State
from talon.engine.choice import Estimating
from talon.engine.task import DTYPES, Task, draft, make_task
from talon.ir.errors import TalonRunError
from talon.testing.candidate import Candidate, Feeds, Trial, circuits, of_primitives, quiet, told
from talon.testing.results import differences


def is_an_engine(case: Candidate) -> None:
    """It has what `talon.engine.choice.Engine` lists, and accepts something."""
    engine = case.engine
    named = isinstance(engine.options, (set, frozenset)) and all(isinstance(option, str) for option in engine.options)
    assert named, f"options is {engine.options!r:.80}, not a set of names"
    assert case.some(), f"it refuses every graph of the kit in {case.dtype}, so that nothing can be asked of it"


def refuses_in_words(case: Candidate) -> None:
    """Why it cannot run a graph, in either dtype, is None or words for a user; what it accepts, it runs."""
    for dtype in DTYPES:
        for trials in (circuits, of_primitives):
            for trial in trials(case.seeds[:1]):
                with told(trial):
                    reason = case.engine.refuses(trial.graph.flatten(), dtype)
                    if reason is not None:
                        words(case, trial, dtype, reason)
                    elif dtype != case.dtype:
                        replace(case, dtype=dtype).agrees(trial, trial.feeds())


def words(case: Candidate, trial: Trial, dtype: str, reason: Any) -> None:
    assert isinstance(reason, str), f"refuses gave {reason!r:.80}, not None or words"
    assert len(reason.split()) > 1, f"refuses gave {reason!r}, which tells a user nothing"
    error = refusal("T405", case, trial, trial.feeds(), dtype=dtype)
    assert reason in str(error), f"the error does not say {reason!r}: {error}"


def refusal(code: str, case: Candidate, trial: Trial, inputs: Feeds, **how: Any) -> TalonRunError:
    """The error of this code that a run must end with."""
    asked = ", ".join(f"{name}={value!r:.60}" for name, value in how.items())
    found: TalonRunError | None = None
    try:
        case.run(trial.graph, inputs, **how)
    except TalonRunError as error:
        found = error
    assert found is not None, f"with {asked} it runs, where {code} was due"
    assert found.code == code, f"with {asked} it ends with {found.code}, not {code}: {found}"
    return found


def refuses_unknown_options(case: Candidate) -> None:
    """None is ignored."""
    for trial in case.some()[:1]:
        options = {**case.options, "no such option": 1}
        refusal("T405", case, trial, trial.feeds(), engine_options=options)


def refuses_unknown_records(case: Candidate) -> None:
    for trial in case.some()[:1]:
        for record in ("no such node.out", "*.no such quantity"):
            refusal("T404", case, trial, trial.feeds(), record=record)


def refuses_foreign_states(case: Candidate) -> None:
    """The state of another graph, batch or dtype, or one with delayed values too many or too few."""
    refused = 0
    for trial in case.some():
        inputs = trial.feeds(2, 3)
        with told(trial):
            for state in foreign(case.reference(trial.graph, inputs).state):
                refusal("T403", case, trial, inputs, state=state)
                refused += 1
    assert refused, "there was no state to refuse"


def foreign(state: State) -> Iterable[State]:
    """States that are wrong in one respect each."""
    ghost = np.zeros((3, 1), np.float32)
    yield replace(state, nodes={**state.nodes, "no such node": {"v": ghost}})
    yield replace(state, delays={**state.delays, "no such node:out": ghost[None]})
    for path, values in state.nodes.items():
        yield replace(state, nodes={name: own for name, own in state.nodes.items() if name != path})
        for name, array in values.items():
            for other in (array[:2], array[..., None], array.astype(np.float16)):
                yield replace(state, nodes={**state.nodes, path: {**values, name: other}})
            yield replace(state, nodes={**state.nodes, path: {**values, "no such quantity": array}})
    for port, array in state.delays.items():
        yield replace(state, delays={name: own for name, own in state.delays.items() if name != port})
        for other in (array[:, :2], array.astype(np.float16), np.repeat(array, 9, axis=0)):
            yield replace(state, delays={**state.delays, port: other})


def says_who_ran(case: Candidate) -> None:
    """`Result.engine`: its name, why it was chosen, and by what each node ran."""
    for trial in case.some():
        with told(trial):
            inputs = trial.feeds(1, 1)
            used, expected = case.run(trial.graph, inputs).engine, case.reference(trial.graph, inputs).engine
            assert used.name == case.name, f"the result says that {used.name!r} ran"
            assert used.why, "the result does not say why it was chosen"
            missing = [path for path in expected.nodes if not used.nodes.get(path)]
            assert not missing, f"the result does not say by what {missing[0]!r} ran"


def changes_nothing_that_it_was_given(case: Candidate) -> None:
    """Neither inputs, nor nodes, nor the state to go on from."""
    for trial in case.some():
        with told(trial), quiet():
            state = case.reference(trial.graph, trial.feeds(3)).state
            task = asked(case, trial, state=state)
            before = {name: array.copy() for name, array in given(task)}
            case.engine.execute(task)
            for name, array in given(task):
                assert np.array_equal(array, before[name], equal_nan=True), f"the run changed {name}"


def asked(case: Candidate, trial: Trial, **how: Any) -> Task:
    return make_task(trial.graph, trial.feeds(), dtype=case.dtype, options=case.options, record="*", **how)


def given(task: Task) -> Iterable[tuple[str, np.ndarray]]:
    """Every array that a task hands to an engine, by a name for it."""
    yield from ((f"the input {name!r}", array) for name, array in task.inputs.items())
    for path, node in task.graph.nodes.items():
        for name, declared in node.fields.items():
            value = getattr(node, name) if declared.is_array else None
            if isinstance(value, np.ndarray):
                yield f"{name} of node {path!r}", value
    if task.state is not None:
        for path, values in task.state.nodes.items():
            yield from ((f"the state {name} of {path!r}", array) for name, array in values.items())
        yield from ((f"the delayed values of {port!r}", array) for port, array in task.state.delays.items())


def keeps_what_it_gave(case: Candidate) -> None:
    """A later run, and going on from a state, do not change an earlier result."""
    for trial in case.some():
        with told(trial), quiet():
            task = asked(case, trial)
            first = case.engine.execute(task)
            before = copy.deepcopy(first)
            for later in (task, asked(case, trial, state=first.state)):
                case.engine.execute(later)
            for difference in differences(first, before):
                raise AssertionError(f"a later run changed an earlier result: {difference}")


def keeps_the_floating_point_mode(case: Candidate) -> None:
    """Rounding, subnormal numbers, and numpy's own settings are the same after a run."""
    for trial in case.some():
        before = mode()
        with told(trial):
            case.run(trial.graph, trial.arbitrary(case.dtype))
            after = mode()
            assert after == before, f"the run left the floating-point mode changed: {before} became {after}"


def mode() -> dict[str, Any]:
    """What tells of the mode in which this thread computes."""
    one, tiny = np.ones(1, np.float32), np.full(1, 1e-40, np.float32)
    rounding = [(one + np.float32(sign * 2.0**-27)).tobytes().hex() for sign in (1, -1)]
    rounding.append((one / np.float32(3)).tobytes().hex())
    rounding.append((-one / np.float32(3)).tobytes().hex())
    subnormal = bool((tiny * one)[0] != 0), bool((tiny.astype(np.float64) * 1e40)[0] != 0)
    return {"rounding": rounding, "subnormal numbers": subnormal, "numpy": np.geterr()}


def reports_progress(case: Candidate) -> None:
    """`progress(done, total)` counts up to the total."""
    for trial in case.some():
        calls: list[tuple[int, int]] = []
        with told(trial):
            case.run(trial.graph, trial.feeds(5), progress=lambda done, total: calls.append((done, total)))  # noqa: B023
            assert calls, "progress is never told"
            assert calls == sorted(calls), f"progress counts backwards: {calls}"
            assert calls[-1] == (5, 5), f"progress ends at {calls[-1]}, not at (5, 5)"


def says_what_it_needs(case: Candidate) -> None:
    """An engine that offers `working_bytes` gives a number of bytes, at once, for runs of any length."""
    engine = case.engine
    if not isinstance(engine, Estimating):
        return
    for trial in case.some():
        with told(trial):
            held = {
                name: np.broadcast_to(array[:1], (10**9, *array.shape[1:])) for name, array in trial.feeds().items()
            }
            for inputs in (trial.feeds(), held):
                task = draft(trial.graph, inputs, dtype=case.dtype, options=case.options).task
                found: Any = engine.working_bytes(task, 1000)
                counted = type(found) is int and found >= 0
                assert counted, f"working_bytes gave {found!r:.80}, not a number of bytes"


CHECKS: tuple[Callable[[Candidate], None], ...] = (
    is_an_engine,
    refuses_in_words,
    refuses_unknown_options,
    refuses_unknown_records,
    refuses_foreign_states,
    says_who_ran,
    changes_nothing_that_it_was_given,
    keeps_what_it_gave,
    keeps_the_floating_point_mode,
    reports_progress,
    says_what_it_needs,
)
