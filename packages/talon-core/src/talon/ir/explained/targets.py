"""T5xx: hardware targets (talon-hw)."""

from __future__ import annotations

from talon.ir.explained import Example

NET = """\
import numpy as np
from talon import hw, ir


def net(hidden):
    first, second = np.ones((hidden, 64), np.float32), np.ones((10, hidden), np.float32)
    lif = ir.LIF(tau=2.0, r=1.0, v_leak=0.0, v_threshold=1.0)
    return ir.Graph.chain(ir.Input([64]), ir.Affine(first), lif, ir.Affine(second), lif, ir.Output([10]))


"""

DESCRIPTION = """\
from importlib.resources import files
from pathlib import Path

from talon import hw

shipped = files("talon.hw").joinpath("targets", "generic-mesh.toml").read_text()
"""

TRAPPING = (
    NET
    + """\
from pathlib import Path

from talon.engine import run

Path("chip.toml").write_text(\"\"\"
inherits = "generic-mesh"
target.id = "trapping"
[numeric.accumulators]
overflow = "trap"
bits = { value = WIDTH, unit = "bit", kind = "assumed", cite = "talon" }
\"\"\")
quiet, loud = np.zeros((5, 1, 64), np.float32), np.ones((5, 1, 64), np.float32)
run(hw.quantize(net(hidden=10), "chip.toml", calibration=quiet), loud, engine="integer")
"""
)

EXAMPLES: dict[str, Example] = {
    "T501": Example(
        wrong="""\
from talon import hw

hw.target("generic_mesh")
""",
        right="""\
from talon import hw

hw.target("generic-mesh")
""",
    ),
    "T502": Example(
        wrong=DESCRIPTION
        + """\
Path("chip.toml").write_text(shipped.replace("fan_in", "fanin"))
hw.target("chip.toml")
""",
        right=DESCRIPTION
        + """\
Path("chip.toml").write_text(shipped)
hw.target("chip.toml")
""",
    ),
    "T503": Example(
        wrong=NET + 'report = hw.check(net(hidden=100_000), "generic-mesh")\n',
        right=NET + 'report = hw.check(net(hidden=100), "generic-mesh")\n',
        ends="reports",
    ),
    "T504": Example(
        wrong=NET
        + """\
graph = net(hidden=100)
graph = graph.insert_after("lif1", "softmax", ir.Softmax(10))  # no core computes it
report = hw.check(graph, "generic-mesh")
""",
        right=NET
        + """\
graph = net(hidden=100)  # take the softmax of the counted spikes on the host
report = hw.check(graph, "generic-mesh")
""",
        ends="reports",
    ),
    "T505": Example(
        wrong=NET + 'report = hw.check(net(hidden=100), "zcu102")  # nobody has published its fan-in\n',
        right=NET + 'report = hw.check(net(hidden=100), "generic-mesh")  # every number is stated\n',
        ends="reports",
    ),
    "T506": Example(
        wrong=NET
        + """\
spikes = np.ones((20, 1, 64), np.float32)
hw.quantize(net(hidden=100), "loihi1", calibration=spikes)  # nobody has published how its membranes overflow
""",
        right=NET
        + """\
spikes = np.ones((20, 1, 64), np.float32)
hw.quantize(net(hidden=100), "generic-mesh", calibration=spikes)
""",
    ),
    "T507": Example(
        wrong=TRAPPING.replace("WIDTH", "10"),
        right=TRAPPING.replace("WIDTH", "24"),
    ),
    "T508": Example(
        wrong=NET
        + """\
from talon.engine import run

spikes = np.ones((20, 1, 64), np.float32)
whole = hw.quantize(net(hidden=100), calibration=spikes)
part = whole.replace("affine1", net(hidden=100).nodes["affine1"])  # its weights are floats again
run(part, spikes, engine="integer")
""",
        right=NET
        + """\
from talon.engine import run

spikes = np.ones((20, 1, 64), np.float32)
whole = hw.quantize(net(hidden=100), calibration=spikes)
run(whole, spikes, engine="integer")
""",
    ),
    "T509": Example(
        wrong=NET
        + """\
graph = net(hidden=100)
graph = graph.replace("lif1", graph.nodes["lif1"].changed(core_id=64))  # cores are numbered from 0 to 63
report = hw.check(graph, "generic-mesh")
""",
        right=NET
        + """\
graph = net(hidden=100)
graph = graph.replace("lif1", graph.nodes["lif1"].changed(core_id=63))
report = hw.check(graph, "generic-mesh")
""",
        ends="reports",
    ),
}
