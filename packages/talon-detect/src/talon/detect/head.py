"""The detection head of one scale: a branch for box distances and one for class scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talon.ir.declare import Array, OptionalArray, array, integer
from talon.ir.errors import TalonValueError
from talon.ir.primitives.neurons import NeuronsInside

if TYPE_CHECKING:
    from talon.ir.graph import Graph
    from talon.ir.node import Node
    from talon.ir.primitives.convolution import Conv2d

BRANCHES = ("cv2", "cv3")


class SDDetect(NeuronsInside):
    """Two branches of three convolutions, padded by half of each kernel; output `cat[box 4 reg_max, classes]`.

    Groups follow from the weights: channels that arrive / channels that a kernel reads. What arrives at the head are
    the channels that the wider of `cv2_w0` and `cv3_w0` reads. With `neuron="if"` an IF (reset to 0) follows the first
    two convolutions of each branch, and the last one's maps are averaged over the steps so far.
    """

    known_as = {"su-yolo": "SDDetect", "ultralytics": "Detect of one scale, as in training"}
    usage = (
        "ir.SDDetect(\n"
        "    2, 4, 8,\n"
        "    np.ones((8, 6, 3, 3)), None, np.ones((8, 8, 3, 3)), None, np.ones((16, 8, 1, 1)), None,\n"
        "    np.ones((4, 6, 3, 3)), None, np.ones((4, 4, 3, 3)), None, np.ones((2, 4, 1, 1)), None,\n"
        '    neuron="if",\n'
        ")",
        [(6, 4, 4)],
    )

    num_classes: int = integer(doc="number of classes", low=1, dim="classes")
    reg_max: int = integer(doc="bins of each of the four box distances", low=1)
    stride: int = integer(doc="size of one cell, kept for tools", unit="pixels", low=1)
    cv2_w0: Array = array("*step box0 box0_in box0_kh box0_kw", doc="box branch, first kernels")
    cv2_b0: OptionalArray = array("*step box0", doc="added to its maps", optional=True, neutral=0.0)
    cv2_w1: Array = array("*step box1 box1_in box1_kh box1_kw", doc="box branch, second kernels")
    cv2_b1: OptionalArray = array("*step box1", doc="added to its maps", optional=True, neutral=0.0)
    cv2_w2: Array = array("*step box2 box2_in box2_kh box2_kw", doc="box branch, last kernels")
    cv2_b2: OptionalArray = array("*step box2", doc="added to its maps", optional=True, neutral=0.0)
    cv3_w0: Array = array("*step class0 class0_in class0_kh class0_kw", doc="class branch, first kernels")
    cv3_b0: OptionalArray = array("*step class0", doc="added to its maps", optional=True, neutral=0.0)
    cv3_w1: Array = array("*step class1 class1_in class1_kh class1_kw", doc="class branch, second kernels")
    cv3_b1: OptionalArray = array("*step class1", doc="added to its maps", optional=True, neutral=0.0)
    cv3_w2: Array = array("*step classes class2_in class2_kh class2_kw", doc="class branch, last kernels")
    cv3_b2: OptionalArray = array("*step classes", doc="added to its maps", optional=True, neutral=0.0)

    def kernels(self, weight: str) -> tuple[int, int, int, int]:
        """Output channels, input channels of one group, height and width of a weight, without its step axis."""
        shape = self.shape_of(weight)
        assert shape is not None
        out, per_group, height, width = shape[-4:]
        return out, per_group, height, width

    def conv(self, branch: str, place: int) -> Conv2d:
        """A convolution of a branch, its groups worked out; raises `TalonValueError` where the channels do not fit."""
        from talon.ir.primitives.convolution import Conv2d

        weight = f"{branch}_w{place}"
        out, per_group, height, width = self.kernels(weight)
        if place:
            source = f"{branch}_w{place - 1}"
            channels = self.kernels(source)[0]
            words = f"{source} gives {channels} channels (shape {self.shape_of(source)})"
        else:
            source = max((f"{b}_w0" for b in BRANCHES), key=lambda name: self.kernels(name)[1])
            channels = self.kernels(source)[1]
            words = f"{channels} channels arrive, as {source} reads (shape {self.shape_of(source)})"
        groups, rest = divmod(channels, per_group)
        if rest or out % groups:
            raise TalonValueError(
                "T201",
                f"{weight} does not fit {source}",
                expected=words + ", a multiple of what each kernel reads",
                found=f"{weight} reads {per_group} and gives {out} (shape {self.shape_of(weight)})",
                help=f"groups are {channels} / {per_group} and must divide {channels} and {out}",
            )
        values: dict[str, Any] = {"weight": self.raw(weight), "bias": self.raw(f"{branch}_b{place}"), "groups": groups}
        return Conv2d.restore({**values, "padding": (height // 2, width // 2)})

    def constrain(self) -> None:
        distances = self.kernels("cv2_w2")[0]
        if distances != 4 * self.reg_max:
            raise TalonValueError(
                "T201",
                "cv2_w2 does not fit reg_max",
                expected=f"{4 * self.reg_max} output channels (4 sides of reg_max = {self.reg_max} bins)",
                found=f"cv2_w2 gives {distances} (shape {self.shape_of('cv2_w2')})",
            )
        for branch in BRANCHES:
            for place in range(3):
                self.conv(branch, place)

    def decompose(self) -> Graph:
        from talon.ir.graph import Graph
        from talon.ir.primitives.boundary import Input, Output
        from talon.ir.primitives.structure import Concat, StepMean

        nodes: dict[str, Node] = {"input": Input(None)}
        edges: list[tuple[str, str]] = []
        ends: list[str] = []
        for branch in BRANCHES:
            last = "input"
            for place in range(3):
                following: dict[str, Node] = {f"{branch}_{place}": self.conv(branch, place)}
                if self.neuron == "if" and place < 2:
                    following[f"{branch}_{place}_if"] = self.inner_neuron()
                elif self.neuron == "if":
                    following[f"{branch}_mean"] = StepMean()
                for name, node in following.items():
                    nodes[name] = node
                    edges.append((last, name))
                    last = name
            ends.append(last)
        nodes |= {"cat": Concat(2), "output": Output(None)}
        return Graph(nodes, [*edges, *((end, "cat") for end in ends), ("cat", "output")])
