"""T2xx: values of fields, and constructors."""

from __future__ import annotations

from talon.ir.explained import Example

EXAMPLES: dict[str, Example] = {
    "T201": Example(
        wrong="""\
import numpy as np
from talon import ir

ir.Affine(weight=np.ones((10, 64)), bias=np.ones(64))  # 10 outputs, 64 biases
""",
        right="""\
import numpy as np
from talon import ir

ir.Affine(weight=np.ones((10, 64)), bias=np.ones(10))
""",
    ),
    "T202": Example(
        wrong="""\
from talon import ir

ir.LIF(tau=0.02, r=1.0, v_leak=0.0, v_threshold=1.0)  # 20 ms, where steps are asked for
""",
        right="""\
from talon import ir

ir.LIF(tau=0.02 / 0.001, r=1.0, v_leak=0.0, v_threshold=1.0)  # 20 ms in steps of 1 ms
""",
    ),
    "T203": Example(
        wrong="""\
from talon import ir

lif = ir.LIF(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
lif.tau = 10.0
""",
        right="""\
from talon import ir

lif = ir.LIF(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
lif = lif.changed(tau=10.0)
""",
    ),
    "T204": Example(
        wrong="""\
import numpy as np
from talon import ir

ir.Conv2d(np.ones((8, 1, 3, 3)), padding=1.0)
""",
        right="""\
import numpy as np
from talon import ir

ir.Conv2d(np.ones((8, 1, 3, 3)), padding=1)
""",
    ),
    "T205": Example(
        wrong="""\
import numpy as np
from talon import ir

weight = np.ones((10, 64))
weight[3, 5] = np.nan  # from a training run that diverged
graph = ir.Graph.chain(ir.Input([64]), ir.Affine(weight), ir.Output([10]))
report = graph.check()
""",
        right="""\
import numpy as np
from talon import ir

weight = np.ones((10, 64))
graph = ir.Graph.chain(ir.Input([64]), ir.Affine(weight), ir.Output([10]))
report = graph.check()
""",
        ends="reports",
    ),
    "T206": Example(
        wrong="""\
from talon import ir

ir.LIF(tau=20.0, v_thresh=1.0)
""",
        right="""\
from talon import ir

ir.LIF(tau=20.0, r=1.0, v_leak=0.0, v_threshold=1.0)
""",
    ),
}
