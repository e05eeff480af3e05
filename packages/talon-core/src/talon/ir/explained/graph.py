"""T1xx: graph and shapes."""

from __future__ import annotations

from talon.ir.explained import GAIN, Example

LAYERS = """\
import numpy as np
from talon import ir

image, scores = ir.Input([64]), ir.Output([10])
fc, lif = ir.Affine(np.ones((10, 64))), ir.LIF(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
"""

NODES = LAYERS + 'nodes = {"image": image, "fc": fc, "lif": lif, "scores": scores}\n'
EDGES = 'edges = [("image", "fc"), ("fc", "lif"), ("lif", "scores")]\n'
CHECK = "report = ir.Graph(nodes, edges).check()\n"

ACME = f"""\
from talon import ir
from talon.plugins import temporary


{GAIN}

net = ir.Graph.chain(ir.Input([3]), Gain(), ir.Output([3]))
"""


def reports(wrong: str, right: str) -> Example:
    """An example whose graph can be made, and whose check() has the finding."""
    return Example(wrong, right, "reports")


EXAMPLES: dict[str, Example] = {
    "T101": Example(
        wrong=NODES + 'ir.Graph(nodes, [("image", "fc1"), ("fc1", "lif"), ("lif", "scores")])\n',
        right=NODES + 'ir.Graph(nodes, [("image", "fc"), ("fc", "lif"), ("lif", "scores")])\n',
    ),
    "T102": Example(
        wrong=LAYERS + 'ir.Graph({"image": image, "block/fc": fc}, [("image", "block/fc")])\n',
        right=LAYERS + 'ir.Graph({"image": image, "block.fc": fc}, [("image", "block.fc")])\n',
    ),
    "T103": Example(
        wrong=LAYERS + 'ir.Graph({"image": image, "fc": fc}, [("image:1", "fc")])\n',
        right=LAYERS + 'ir.Graph({"image": image, "fc": fc}, [("image", "fc")])\n',
    ),
    "T104": reports(
        LAYERS + "report = ir.Graph.chain(image, fc, lif.changed(v_threshold=np.ones(64)), scores).check()\n",
        LAYERS + "report = ir.Graph.chain(image, fc, lif.changed(v_threshold=np.ones(10)), scores).check()\n",
    ),
    "T105": reports(
        LAYERS + "report = ir.Graph.chain(image, fc.changed(output_type=[64]), lif, scores).check()\n",
        LAYERS + "report = ir.Graph.chain(image, fc.changed(output_type=[10]), lif, scores).check()\n",
    ),
    "T106": reports(
        NODES
        + 'nodes |= {"both": ir.Concat(num_inputs=2), "scores": ir.Output([20])}\n'
        + 'edges = [("image", "fc"), ("fc", "lif"), ("lif", "both"), ("both", "scores")]\n'
        + CHECK,
        NODES
        + 'nodes |= {"both": ir.Concat(num_inputs=2), "scores": ir.Output([20])}\n'
        + 'edges = [("image", "fc"), ("fc", "lif"), ("lif", "both"), ("fc", "both"), ("both", "scores")]\n'
        + CHECK,
    ),
    "T107": Example(
        wrong=NODES + EDGES + 'ir.Graph(nodes, [*edges, ("fc", "lif")])\n',
        right=NODES
        + EDGES
        + 'nodes["twin"] = ir.Skip("passthrough")\n'
        + 'ir.Graph(nodes, [*edges, ("fc", "twin"), ("twin", "lif")])  # lif receives fc twice\n',
    ),
    "T108": reports(
        LAYERS + "report = ir.Graph.chain(ir.Input(None), lif, ir.Output(None)).check()\n",
        LAYERS + "report = ir.Graph.chain(ir.Input([10]), lif, ir.Output(None)).check()\n",
    ),
    "T109": reports(
        LAYERS + "report = ir.Graph.chain(image, fc, lif).check()\n",
        LAYERS + "report = ir.Graph.chain(image, fc, lif, scores).check()\n",
    ),
    "T110": reports(
        NODES + EDGES + 'nodes["clock"] = lif\nedges += [("clock", "clock"), ("clock", "lif")]\n' + CHECK,
        NODES
        + EDGES
        + 'nodes["clock"] = lif\nedges += [("fc", "clock"), ("clock", "clock"), ("clock", "lif")]\n'
        + CHECK,
    ),
    "T111": reports(
        NODES + EDGES + 'nodes["probe"] = lif\nedges += [("fc", "probe")]\n' + CHECK,
        NODES + EDGES + 'nodes |= {"probe": lif, "seen": ir.Output([10])}\n'
        'edges += [("fc", "probe"), ("probe", "seen")]\n' + CHECK,
    ),
    "T112": reports(
        NODES + 'edges = [("image", "fc"), ("lif", "scores")]\n' + CHECK,
        NODES + 'edges = [("image", "fc"), ("fc", "lif"), ("lif", "scores")]\n' + CHECK,
    ),
    "T113": reports(
        NODES
        + EDGES
        + 'nodes |= {"split": ir.ChannelSplit([4, 6]), "part": ir.Output([4])}\n'
        + 'edges += [("lif", "split"), ("split:0", "part")]\n'
        + CHECK,
        NODES
        + EDGES
        + 'nodes |= {"split": ir.ChannelSplit([4, 6]), "part": ir.Output([4]), "rest": ir.Output([6])}\n'
        + 'edges += [("lif", "split"), ("split:0", "part"), ("split:1", "rest")]\n'
        + CHECK,
    ),
    "T114": reports(
        NODES + EDGES + 'edges.append(ir.Edge("lif", "lif", delay=0))\n' + CHECK,
        NODES + EDGES + 'edges.append(ir.Edge("lif", "lif", delay=1))\n' + CHECK,
    ),
    "T115": reports(
        NODES + EDGES + 'edges.append(ir.Edge("lif", "lif"))\n' + CHECK,
        NODES + EDGES + 'edges.append(ir.Edge("lif", "lif", delay=1))\n' + CHECK,
    ),
    "T116": Example(
        wrong=LAYERS
        + """\
net = ir.Graph.chain(image, fc, scores)
for _ in range(40):
    net = ir.Graph.chain(image, inner=net, scores=scores)
""",
        right=LAYERS
        + """\
net = ir.Graph.chain(image, fc, scores)
for _ in range(40):
    net = ir.Graph.chain(image, inner=net, scores=scores).flatten()
""",
    ),
    "T117": reports(
        ACME
        + """\
with temporary(primitives={"Gain": Gain}):  # as if its plugin were installed
    ir.write("net.t1c", net)
report = ir.read("net.t1c", unknown="keep").check()  # and now no longer
""",
        ACME
        + """\
with temporary(primitives={"Gain": Gain}):
    ir.write("net.t1c", net)
    report = ir.read("net.t1c", unknown="keep").check()
""",
    ),
}
