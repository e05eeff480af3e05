"""The residual blocks of the ghost detectors. No neurons stand inside their ghost convolutions: everything before a
block's own neuron is float, counted in multiply-accumulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.ghost.conv import GhostStack
from talon.ir.declare import Array, OptionalArray, array, integer

if TYPE_CHECKING:
    from talon.ir.graph import Graph
    from talon.ir.node import Node


class GhostBlock(GhostStack):
    """What both blocks share: `y = G(x; cv0)`, of which `z1` is the primary and `z2` the cheap half, and
    `z3 = G([neuron](z2); cv2)`."""

    def constrain(self) -> None:
        # cv2 reads a half of cv0's maps and stands beside the other half.
        self.keeps_size("cv2_primary_weight", self.half("cv2_primary_weight"))
        super().constrain()

    def block(self, stride: int, residual: bool) -> Graph:
        """The graph of a block, with or without the ghost convolution `cvres` beside the main path."""
        from talon.ir.primitives.boundary import Input, Output
        from talon.ir.primitives.structure import ChannelSplit, Concat, Skip

        half = self.dims["half"]
        nodes: dict[str, Node] = {
            "input": Input(None),
            "cv0": self.ghost("cv0", stride),
            "split": ChannelSplit((half, half)),
            "cv2": self.ghost("cv2", 1),
        }
        edges = [("input", "cv0"), ("cv0", "split"), ("split:1", "cv2"), ("split:0", "cat")]
        if residual:
            nodes |= {"cvres": self.ghost("cvres", stride), "add": Skip("residual")}
            edges += [("input", "cvres"), ("cv2", "add"), ("cvres", "add"), ("add", "cat")]
        else:
            edges += [("cv2", "cat")]
        nodes |= {"cat": Concat(2), "output": Output(None)}
        return self.wired(nodes, [*edges, ("cat", "output")], ["split:1", "cat"])


class GhostBasicBlock1(GhostBlock):
    """A block that shrinks the map: `out = [neuron](cat[z1, z3 + G(x; cvres)])`, `cvres` and `cv0` with `stride`.

    `G(x; name)` is an SGhostConv without neurons, padded by half of each kernel; `[neuron]` is there with
    `neuron="if"`.
    """

    known_as = {"su-yolo": "GhostBasicBlock1"}
    usage = (
        "ir.GhostBasicBlock1(\n"
        "    np.ones((2, 6, 1, 1)), None, np.ones((2, 1, 3, 3)), None,\n"
        "    np.ones((4, 6, 3, 3)), None, np.ones((4, 1, 3, 3)), None,\n"
        "    np.ones((2, 4, 3, 3)), None, np.ones((2, 1, 3, 3)), None,\n"
        '    stride=2, neuron="if",\n'
        ")",
        [(6, 8, 8)],
    )

    cvres_primary_weight: Array = array("*step res in res_kh res_kw", doc="primary kernels beside the main path")
    cvres_primary_bias: OptionalArray = array("*step res", doc="added to its primary maps", optional=True, neutral=0.0)
    cvres_cheap_weight: Array = array("*step res 1 res_cheap_kh res_cheap_kw", doc="its cheap kernels")
    cvres_cheap_bias: OptionalArray = array("*step res", doc="added to its cheap maps", optional=True, neutral=0.0)
    cv0_primary_weight: Array = array("*step half in kh0 kw0", doc="primary kernels of the first ghost convolution")
    cv0_primary_bias: OptionalArray = array("*step half", doc="added to its primary maps", optional=True, neutral=0.0)
    cv0_cheap_weight: Array = array("*step half 1 cheap_kh0 cheap_kw0", doc="its cheap kernels")
    cv0_cheap_bias: OptionalArray = array("*step half", doc="added to its cheap maps", optional=True, neutral=0.0)
    cv2_primary_weight: Array = array("*step res half kh2 kw2", doc="primary kernels of the second, which reads z2")
    cv2_primary_bias: OptionalArray = array("*step res", doc="added to its primary maps", optional=True, neutral=0.0)
    cv2_cheap_weight: Array = array("*step res 1 cheap_kh2 cheap_kw2", doc="its cheap kernels")
    cv2_cheap_bias: OptionalArray = array("*step res", doc="added to its cheap maps", optional=True, neutral=0.0)
    stride: int = integer(doc="step of the windows that read the input", unit="pixels", default=2, low=1)

    def decompose(self) -> Graph:
        return self.block(self.stride, residual=True)


class GhostBasicBlock2(GhostBlock):
    """A block that keeps the map's size: `out = [neuron](cat[z1, z3])`.

    Its convolutions are SGhostConv without neurons, padded by half of each kernel; `[neuron]` is there with
    `neuron="if"`.
    """

    known_as = {"su-yolo": "GhostBasicBlock2"}
    usage = (
        "ir.GhostBasicBlock2(\n"
        "    np.ones((4, 6, 1, 1)), None, np.ones((4, 1, 3, 3)), None,\n"
        "    np.ones((2, 4, 3, 3)), None, np.ones((2, 1, 3, 3)), None,\n"
        '    neuron="if",\n'
        ")",
        [(6, 8, 8)],
    )

    cv0_primary_weight: Array = array("*step half in kh0 kw0", doc="primary kernels of the first ghost convolution")
    cv0_primary_bias: OptionalArray = array("*step half", doc="added to its primary maps", optional=True, neutral=0.0)
    cv0_cheap_weight: Array = array("*step half 1 cheap_kh0 cheap_kw0", doc="its cheap kernels")
    cv0_cheap_bias: OptionalArray = array("*step half", doc="added to its cheap maps", optional=True, neutral=0.0)
    cv2_primary_weight: Array = array("*step res half kh2 kw2", doc="primary kernels of the second, which reads z2")
    cv2_primary_bias: OptionalArray = array("*step res", doc="added to its primary maps", optional=True, neutral=0.0)
    cv2_cheap_weight: Array = array("*step res 1 cheap_kh2 cheap_kw2", doc="its cheap kernels")
    cv2_cheap_bias: OptionalArray = array("*step res", doc="added to its cheap maps", optional=True, neutral=0.0)

    def decompose(self) -> Graph:
        return self.block(1, residual=False)
