"""What `quantize` refuses of a graph whatever its calibration, told beforehand, as `check` does.

The rules stand where quantising has them; here they are asked, and what they raise is collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from talon.hw.description import Target
from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import PIECES, Cell, Summed, Weights, divisor
from talon.hw.quantising import accumulators, folding, hints, widths
from talon.hw.quantising.rings import endless
from talon.hw.report import Finding
from talon.hw.wiring import Wiring
from talon.ir.errors import Diagnostic, TalonError
from talon.ir.graph import Graph


def refusals(graph: Graph, wiring: Wiring, target: Target) -> Iterator[Finding]:
    """Findings (T506): what the target's arithmetic leaves open, as a warning, since the part itself may compute the
    graph; what no integers follow; and for every node what it asks for and cannot have."""
    error = widths.undescribed(target)
    if error is not None:
        yield finding(error.diagnostic, "warning")
    uncomputable = widths.uncomputable(target)
    if uncomputable is not None:
        yield finding(uncomputable.diagnostic)
    yield from (finding(error.diagnostic) for error in hints.placeless(graph))
    yield from (finding(error.diagnostic) for error in endless(wiring.graph))
    numeric = widths.arithmetic(target) if error is None and uncomputable is None else None
    for number, node in enumerate(wiring.nodes):
        if number not in wiring.hosted and not node.identity:
            yield from of_node(wiring, number, target, numeric)


def of_node(wiring: Wiring, number: int, target: Target, numeric: Arithmetic | None) -> Iterator[Finding]:
    """What is refused of one node."""
    node, path, kind = wiring.nodes[number], wiring.path(number), PIECES.get(wiring.nodes[number].type_name)
    if kind is Weights:
        yield from tried(folding.refuse_large, node, path)
        yield from tried(widths.require_spike_mode, node, path, target)
        if target.width("weights") is not None:
            yield from tried(widths.weight_bits, node, path, None, target)
    if kind is Summed:
        yield from tried(divisor, node, wiring.inputs[number][0], path)
    if numeric is None or kind not in (Weights, Cell):
        return
    if kind is Weights:
        yield from tried(widths.bias_bits, node, path, numeric)
    else:
        yield from tried(folding.refuse_places, node, len(wiring.outputs[number][0]), path, numeric)
    yield from tried(list, accumulators.asks(node, path, numeric.accumulators.bits))


def tried(rule: Callable[..., Any], *given: Any) -> Iterator[Finding]:
    """What a rule raises, as a finding."""
    try:
        rule(*given)
    except TalonError as error:
        yield finding(error.diagnostic)


def finding(said: Diagnostic, severity: Any = "error") -> Finding:
    return Finding(
        "T506", said.message, severity, node=said.node, expected=said.expected, found=said.found, help=said.help
    )
