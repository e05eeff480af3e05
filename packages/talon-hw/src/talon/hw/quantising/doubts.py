"""What makes a quantised network doubtful: weights of too few bits, and neurons that never fire."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from talon.ir.graph import Graph
from talon.ir.grouped import parameters

NAMED = 8
"""How many nodes a warning names."""


class QuantisingWarning(UserWarning):
    """The network is in integers, but it may compute something else than the floats did, or nothing."""


def narrow_weights(graph: Graph, quantised: Graph, bits_of: Mapping[str, int], asked: Container[str]) -> Iterator[str]:
    """A line for every layer of which no weight takes the bits that were `asked` for; of others, whose width is the
    target's, where less than half of it is left, or nothing; unless they are what they were, to the last bit.
    `bits_of`: the width by layer."""
    for name, bits in bits_of.items():
        node: Any = graph.nodes[name]
        made: Any = quantised.nodes[name]
        before, after = parameters(node.weight), parameters(made.quant["weight"].integers)
        left = 1 + int(np.abs(after).max(initial=0)).bit_length()
        enough = bits if name in asked else max(2, bits / 2)
        if left < enough and before.any() and not np.array_equal(parameters(made.weight), before):
            lost = "all of them become 0" if left < 2 else f"the largest takes {left}"
            yield (
                f"weights of {name!r} were to have {bits} bits, and {lost}: what 1 stands for is as coarse as sums, "
                "membranes, biases or the layers that it is added to need; ask for fewer input_bits, or for a target "
                "with wider accumulators and membranes, and see the ledger"
            )


def named(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return ", ".join(map(repr, nodes[:NAMED])) + more


def silent(largest: Mapping[str, np.ndarray], cells: Iterable[str]) -> Iterator[str]:
    """A line that names the neurons without any spike in the calibration. `largest`: of what was recorded."""
    found = [name for name in cells if not largest[f"{name}.spikes"].any()]
    if found:
        yield (
            f"no neuron of {named(found)} fires with this calibration, so nothing shows what the layers behind need: "
            "give an input of the kind that the network is for, with as many steps"
        )
