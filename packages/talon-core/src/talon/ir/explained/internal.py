"""T9xx: what should not happen, and what a primitive under development leaves out."""

from __future__ import annotations

from talon.ir.explained import GAIN, Example

EXAMPLES: dict[str, Example] = {
    "T900": Example(
        wrong="""\
from talon import ir


class Gain(ir.Primitive):
    \"\"\"Twice the input.\"\"\"

    def step(self, t, state, *inputs):
        return 2 * inputs[0]


graph = ir.Graph.chain(ir.Input([3]), Gain(), ir.Output([3]))
report = graph.check()  # Gain does not say which shape it gives
""",
        right=f"""\
from talon import ir


{GAIN}

graph = ir.Graph.chain(ir.Input([3]), Gain(), ir.Output([3]))
report = graph.check()
""",
        ends="reports",
    ),
}
