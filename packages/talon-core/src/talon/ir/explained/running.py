"""T4xx: running graphs."""

from __future__ import annotations

from talon.ir.explained import GAIN, Example

NET = """\
import numpy as np
from talon import ir
from talon.engine import run

net = ir.Graph.chain(ir.Input([3]), lif=ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0), out=ir.Output([3]))
"""

PRIMITIVE = """\
import numpy as np
from talon import ir
from talon.engine import run


class Total(ir.Primitive):
    \"\"\"The sum of all channels.\"\"\"

    def infer(self, *inputs):
        return (1,)

    def step(self, t, state, *inputs):
        {step}


net = ir.Graph.chain(ir.Input([3]), Total(), ir.Output([1]))
run(net, np.ones((10, 1, 3)))
"""

WRITTEN = f"""\
import numpy as np
from talon import ir
from talon.engine import run
from talon.plugins import temporary


{GAIN}

with temporary(primitives={{"Gain": Gain}}):  # as if its plugin were installed
    ir.write("net.t1c", ir.Graph.chain(ir.Input([3]), Gain(), ir.Output([3])))
"""

EXAMPLES: dict[str, Example] = {
    "T401": Example(
        wrong=NET + "run(net, np.ones(3))  # no steps, no batch\n",
        right=NET + "run(net, np.ones((10, 1, 3)))  # 10 steps of one sample; or np.ones((1, 3)) with repeat=10\n",
    ),
    "T402": Example(
        wrong=NET + 'run(net, np.ones((10, 1, 3)), dtype="float16")\n',
        right=NET + 'run(net, np.ones((10, 1, 3)), dtype="float32")\n',
    ),
    "T403": Example(
        wrong=NET
        + """\
first = run(net, np.ones((10, 1, 3)))
run(net, np.ones((10, 8, 3)), state=first.state)  # one sample before, eight now
""",
        right=NET
        + """\
first = run(net, np.ones((10, 8, 3)))
run(net, np.ones((10, 8, 3)), state=first.state)
""",
    ),
    "T404": Example(
        wrong=NET + 'run(net, np.ones((10, 1, 3)), record="lif.spike")\n',
        right=NET + 'run(net, np.ones((10, 1, 3)), record="lif.spikes")\n',
    ),
    "T405": Example(
        wrong=NET + 'run(net, np.ones((10, 1, 3)), engine="gpu")\n',
        right=NET + 'run(net, np.ones((10, 1, 3)), engine="auto")\n',
    ),
    "T406": Example(
        wrong=NET + "run(net, np.full((10, 1, 3), np.nan))\n",
        right=NET + "run(net, np.nan_to_num(np.full((10, 1, 3), np.nan)))\n",
    ),
    "T407": Example(
        wrong=PRIMITIVE.format(step="return inputs[0].sum(axis=1)  # (batch,), where infer promised (batch, 1)"),
        right=PRIMITIVE.format(step="return inputs[0].sum(axis=1, keepdims=True)"),
    ),
    "T408": Example(
        wrong=WRITTEN
        + """\
net = ir.read("net.t1c", unknown="keep")  # Gain is kept, and nobody knows what it computes
run(net, np.ones((10, 1, 3)))
""",
        right=WRITTEN
        + """\
with temporary(primitives={"Gain": Gain}):  # with its plugin
    net = ir.read("net.t1c", unknown="keep")
run(net, np.ones((10, 1, 3)))
""",
    ),
    "T409": Example(
        wrong=NET + "run(net, np.ones((1, 3)), repeat=10**13)  # some 200 TB of outputs and counts\n",
        right=NET
        + """\
from talon.engine import record_to, stream

spikes = 0
for result in stream(net, np.ones((1, 3)), repeat=10_000, chunk=1_000):  # as many steps as you like
    spikes += result.counts.total()["spikes"]
record_to("spikes.h5", stream(net, np.ones((1, 3)), repeat=10_000, record="lif.spikes"))
""",
    ),
    "T412": Example(
        wrong=NET
        + """\
from talon.engine import compare

other = ir.Graph.chain(x=ir.Input([3]), neurons=net.nodes["lif"], y=ir.Output([3]))
compare(net, other, np.ones((10, 1, 3)))  # no path is on both sides
""",
        right=NET
        + """\
from talon.engine import compare

other = ir.Graph.chain(x=ir.Input([3]), neurons=net.nodes["lif"], y=ir.Output([3]))
compare(net, other.rename({"neurons": "lif", "y": "out"}), np.ones((10, 1, 3)))
""",
    ),
    "T413": Example(
        wrong=NET
        + """\
from talon import hw

hw.evaluate(net, np.ones((8, 3)), labels=[0, 1, 2], repeat=10)  # eight samples, three labels
""",
        right=NET
        + """\
from talon import hw

hw.evaluate(net, np.ones((8, 3)), labels=[0, 1, 2, 0, 1, 2, 0, 1], repeat=10)
""",
    ),
}
