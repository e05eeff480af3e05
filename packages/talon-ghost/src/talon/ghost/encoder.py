"""The stem of the ghost detectors: a convolution, then a ghost convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.ghost.conv import GhostStack
from talon.ir.declare import Array, OptionalArray, array, integer

if TYPE_CHECKING:
    from talon.ir.graph import Graph
    from talon.ir.node import Node


class SGhostEncoderLite(GhostStack):
    """`conv1` (padding half its kernel), then an SGhostConv of stride 1.

    With neurons there are three: after conv1, after the primary and after the cheap convolution. An image that is
    presented at every step becomes spikes at the first of them.
    """

    known_as = {"su-yolo": "SGhostEncoderLite"}
    usage = (
        "ir.SGhostEncoderLite(\n"
        "    np.ones((4, 3, 3, 3)), None,\n"
        "    np.ones((2, 4, 1, 1)), None, np.ones((2, 1, 3, 3)), None,\n"
        '    neuron="if",\n'
        ")",
        [(3, 16, 16)],
    )

    conv1_weight: Array = array("*step mid in kh kw", doc="kernels of the first convolution")
    conv1_bias: OptionalArray = array("*step mid", doc="added to its maps", optional=True, neutral=0.0)
    ghost_primary_weight: Array = array("*step primary mid primary_kh primary_kw", doc="primary kernels")
    ghost_primary_bias: OptionalArray = array("*step primary", doc="added to them", optional=True, neutral=0.0)
    ghost_cheap_weight: Array = array("*step primary 1 cheap_kh cheap_kw", doc="one kernel per primary map")
    ghost_cheap_bias: OptionalArray = array("*step primary", doc="added to cheap maps", optional=True, neutral=0.0)
    stride: int = integer(doc="step of the first window", unit="pixels", default=2, low=1)

    def decompose(self) -> Graph:
        from talon.ir.primitives.boundary import Input, Output
        from talon.ir.primitives.convolution import Conv2d

        values = {"weight": self.raw("conv1_weight"), "bias": self.raw("conv1_bias")}
        nodes: dict[str, Node] = {
            "input": Input(None),
            "conv1": Conv2d.restore({**values, "stride": self.stride, "padding": self.half("conv1_weight")}),
            "ghost": self.ghost("ghost", 1, self.neuron),
            "output": Output(None),
        }
        return self.wired(nodes, [("input", "conv1"), ("conv1", "ghost"), ("ghost", "output")], ["conv1"])
