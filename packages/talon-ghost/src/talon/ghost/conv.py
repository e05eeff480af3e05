"""The ghost convolution: half of the maps by a convolution, the other half cheaply from those.

Han et al., GhostNet: More Features from Cheap Operations, arXiv 1911.11907. With neurons it is the layer of the
spiking detector SU-YOLO, whose norms are folded into weights and biases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from talon.ir.declare import Array, OptionalArray, OptionalPair, Pair, array, integers
from talon.ir.errors import TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import NeuronsInside

if TYPE_CHECKING:
    from talon.ir.graph import Graph
    from talon.ir.node import Node


class GhostComposite(NeuronsInside):
    """What the ghost primitives share: neurons at named sites, and half-kernel padding."""

    def half(self, weight: str) -> tuple[int, int]:
        """Half of the kernel, rounded down: the padding that keeps the size of a map when the kernel is odd."""
        shape = self.shape_of(weight)
        assert shape is not None
        return shape[-2] // 2, shape[-1] // 2

    def keeps_size(self, weight: str, pads: tuple[int, int]) -> None:
        """Raise `TalonValueError` where a kernel, at stride 1, gives maps that fit beside those it reads in no case."""
        shape = self.shape_of(weight)
        assert shape is not None
        kernel = shape[-2:]
        if any(2 * p != k - 1 for k, p in zip(kernel, pads, strict=True)):
            raise TalonValueError(
                "T201",
                f"{weight} does not fit its padding: the maps beside each other would differ in size",
                expected="odd kernels, padded by half of them, rounded down",
                found=f"kernel {kernel} ({weight}) with padding {pads}",
                help="change the kernel or cheap_padding" if "cheap" in weight else "change the kernel",
            )

    def wired(self, nodes: dict[str, Node], edges: list[tuple[str, str]], sites: Sequence[str]) -> Graph:
        """The graph; with neurons, each endpoint of `sites` leads into an IF of its own, which feeds what that fed."""
        from talon.ir.graph import Graph

        if self.neuron == "if":
            for site in sites:
                name = f"{site.partition(':')[0]}_if"
                nodes[name] = self.inner_neuron()
                edges = [(site, name), *((name if src == site else src, dst) for src, dst in edges)]
        return Graph(nodes, edges)


class SGhostConv(GhostComposite):
    """`p = conv(x)`, `c = depthwise conv(p)`, output `cat[p, c]`: twice the primary channels.

    With neurons, one stands after each convolution, so that the cheap one reads spikes.
    """

    known_as = {"ghostnet": "GhostModule without its activations, norms folded", "su-yolo": "SGhostConv"}
    usage = ('ir.SGhostConv(np.ones((4, 3, 3, 3)), None, np.ones((4, 1, 3, 3)), None, neuron="if")', [(3, 8, 8)])

    primary_weight: Array = array("*step primary in kh kw", doc="kernels of the primary convolution")
    primary_bias: OptionalArray = array("*step primary", doc="added to the primary maps", optional=True, neutral=0.0)
    cheap_weight: Array = array("*step primary 1 cheap_kh cheap_kw", doc="one kernel per primary map")
    cheap_bias: OptionalArray = array("*step primary", doc="added to the cheap maps", optional=True, neutral=0.0)
    primary_stride: Pair = integers(doc="step of the primary window", unit="pixels", default=(1, 1), length=2, low=1)
    primary_padding: OptionalPair = integers(
        doc="zeros on all sides, None for half the primary kernel", unit="pixels", default=None, length=2
    )
    cheap_stride: Pair = integers(doc="step of the cheap window", unit="pixels", default=(1, 1), length=2, low=1)
    cheap_padding: OptionalPair = integers(
        doc="zeros on all sides, None for half the cheap kernel", unit="pixels", default=None, length=2
    )

    @property
    def primary_pads(self) -> tuple[int, int]:
        """Zeros on each side of the input, vertically and horizontally."""
        return self.half("primary_weight") if self.primary_padding is None else self.primary_padding

    @property
    def cheap_pads(self) -> tuple[int, int]:
        """Zeros on each side of the primary maps, vertically and horizontally."""
        return self.half("cheap_weight") if self.cheap_padding is None else self.cheap_padding

    def constrain(self) -> None:
        if self.cheap_stride == (1, 1):
            self.keeps_size("cheap_weight", self.cheap_pads)

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        # The published package's own default is another one, so it is told the numbers.
        pads = {"primary_padding": self.primary_pads, "cheap_padding": self.cheap_pads}
        unsaid = {name: value for name, value in pads.items() if self.stored(name) is None}
        return super().published_values(input_shapes) | unsaid

    def decompose(self) -> Graph:
        from talon.ir.primitives.boundary import Input, Output
        from talon.ir.primitives.convolution import Conv2d, SDConv
        from talon.ir.primitives.structure import Concat

        primary = {"stride": self.primary_stride, "padding": self.primary_pads}
        cheap = {"stride": self.cheap_stride, "padding": self.cheap_pads}
        nodes: dict[str, Node] = {
            "input": Input(None),
            "primary": Conv2d.restore(
                {"weight": self.raw("primary_weight"), "bias": self.raw("primary_bias"), **primary}
            ),
            "cheap": SDConv.restore({"weight": self.raw("cheap_weight"), "bias": self.raw("cheap_bias"), **cheap}),
            "cat": Concat(2),
            "output": Output(None),
        }
        edges = [("input", "primary"), ("primary", "cheap"), ("primary", "cat"), ("cheap", "cat"), ("cat", "output")]
        return self.wired(nodes, edges, ["primary", "cheap"])


class GhostStack(GhostComposite):
    """What is made of ghost convolutions: each has four fields, under a prefix of its own."""

    cheap_padding: OptionalPair = integers(
        doc="zeros around the maps that cheap kernels read, None for half the kernel",
        unit="pixels",
        default=None,
        length=2,
        kw_only=True,
    )

    def cheap_weights(self) -> list[str]:
        return [name for name in self.fields if name.endswith("_cheap_weight")]

    def constrain(self) -> None:
        for name in self.cheap_weights():
            self.keeps_size(name, self.cheap_padding or self.half(name))

    def published_meaning(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        # There, cheap kernels are padded by 1 whatever their size.
        return {"cheap_padding": (1, 1)} if any(self.half(name) != (1, 1) for name in self.cheap_weights()) else {}

    def ghost(self, prefix: str, stride: int, neuron: str = "none") -> SGhostConv:
        """The ghost convolution made of the fields `{prefix}_primary_weight` and so on."""
        parts = ("primary_weight", "primary_bias", "cheap_weight", "cheap_bias")
        values: dict[str, Any] = {part: self.raw(f"{prefix}_{part}") for part in parts}
        values |= {"primary_stride": stride, "cheap_padding": self.stored("cheap_padding")}
        return SGhostConv.restore({**values, "neuron": neuron, "v_threshold": self.v_threshold})
