"""Nodes that join, split or mark: no parameters of their own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from talon.ir.declare import Ints, choice, integer, integers, text
from talon.ir.errors import TalonShapeError
from talon.ir.exact import settle
from talon.ir.fields import Shape
from talon.ir.ports import MANY_IN_ONE_OUT, ONE_IN_ONE_OUT, InPort, Ports
from talon.ir.primitive import Primitive
from talon.ir.primitives.activation import with_features


def sample_axis(dim: int, rank: int) -> int:
    """A non-negative axis of the sample; raises when there is no such axis."""
    if not -rank <= dim < rank:
        raise TalonShapeError(
            "T104", "dim is not an axis of the sample", expected=f"dim in {-rank}..{rank - 1}", found=f"dim = {dim}"
        )
    return dim % rank


def joined(shapes: tuple[Shape | None, ...], dim: int) -> Shape | None:
    """The shape of several samples joined along `dim`."""
    known = [s for s in shapes if s is not None]
    if len(known) < len(shapes) or not known:
        return None
    axis = sample_axis(dim, len(known[0]))
    rest = {(*s[:axis], *s[axis + 1 :]) if len(s) > axis else s for s in known}
    if len(rest) > 1 or len({len(s) for s in known}) > 1:
        raise TalonShapeError(
            "T104",
            f"the inputs differ on more than axis {axis}",
            expected=f"equal lengths on every other axis than {axis}",
            found=", ".join(map(str, known)),
        )
    return (*known[0][:axis], sum(s[axis] for s in known), *known[0][axis + 1 :])


class Skip(Primitive):
    """A skip connection: `residual` sums its inputs, `concatenate` joins them on axis 0, `passthrough` is identity."""

    known_as = {
        "torch": "+, torch.cat or nn.Identity",
        "onnx": "Add, Concat or Identity",
        "nir": "edges that meet in one node, for residual",
    }
    usage = ('ir.Skip("residual")', [(4, 8, 8), (4, 8, 8)])

    skip_type: Literal["residual", "concatenate", "passthrough"] = choice(
        ("residual", "concatenate", "passthrough"),
        doc="what happens to several inputs",
        default="residual",
        aliases={"add": "residual", "concat": "concatenate", "identity": "passthrough"},
    )

    @property
    def identity(self) -> bool:  # type: ignore[override]
        return self.skip_type != "concatenate"

    def ports(self) -> Ports:
        return MANY_IN_ONE_OUT if self.skip_type == "concatenate" else ONE_IN_ONE_OUT

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return joined(inputs, 0) if self.skip_type == "concatenate" else inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return np.concatenate(inputs, axis=1) if self.skip_type == "concatenate" else inputs[0]


class HybridRegion(Primitive):
    """Marks where spiking and conventional layers meet; the values pass through."""

    known_as = {"torch": "nn.Identity", "onnx": "Identity"}
    usage = ('ir.HybridRegion("snn", features=3, name="backbone")', [(3, 8, 8)])

    identity = True

    mode: Literal["snn", "ann"] = choice(("snn", "ann"), doc="the kind of layers that begin here")
    features: int = integer(doc="number of channels of the input", low=1)
    name: str | None = text(doc="name of the region", default=None)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return with_features(self.features, inputs[0])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]


class ChannelSplit(Primitive):
    """Cuts a sample along `dim`; chunk i leaves by output port i."""

    known_as = {"torch": "torch.split, whose dim counts the batch", "onnx": "Split, whose axis counts the batch"}
    usage = ("ir.ChannelSplit([2, 4])", [(6, 8, 8)])

    split_sections: Ints = integers(doc="lengths of the chunks", low=1)
    dim: int = integer(doc="axis of the sample that is cut", default=0)

    def ports(self) -> Ports:
        return Ports((InPort(),), tuple(str(i) for i in range(len(self.split_sections))), numbered=True)

    def infer(self, *inputs: Shape | None) -> Any:
        shape = inputs[0]
        if shape is None:
            return self.several([None] * len(self.split_sections))
        axis = sample_axis(self.dim, len(shape))
        if sum(self.split_sections) != shape[axis]:
            raise TalonShapeError(
                "T104",
                "split_sections do not add up to the axis",
                expected=f"{sum(self.split_sections)} = {' + '.join(map(str, self.split_sections))} on axis {axis}",
                found=f"a sample of shape {shape}",
            )
        return self.several([(*shape[:axis], n, *shape[axis + 1 :]) for n in self.split_sections])

    def several(self, values: list[Any]) -> Any:
        return tuple(values) if len(values) > 1 else values[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        (x,) = inputs
        ends = np.cumsum(self.split_sections)[:-1].tolist()
        return self.several(np.split(x, ends, axis=sample_axis(self.dim, x.ndim - 1) + 1))


class Concat(Primitive):
    """Joins `num_inputs` samples along `dim`, in edge order."""

    known_as = {"torch": "torch.cat, whose dim counts the batch", "onnx": "Concat, whose axis counts the batch"}
    usage = ("ir.Concat(num_inputs=2)", [(2, 8, 8), (4, 8, 8)])

    num_inputs: int = integer(doc="how many edges enter", default=2, low=1)
    dim: int = integer(doc="axis of the sample along which they are joined", default=0)

    def ports(self) -> Ports:
        return MANY_IN_ONE_OUT

    def infer(self, *inputs: Shape | None) -> Shape | None:
        if len(inputs) != self.num_inputs:
            raise TalonShapeError(
                "T106",
                "num_inputs does not match the edges",
                expected=f"{self.num_inputs} edges (num_inputs)",
                found=f"{len(inputs)} edges",
                help=f"give num_inputs={len(inputs)}, or add and remove edges",
            )
        return joined(inputs, self.dim)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return np.concatenate(inputs, axis=sample_axis(self.dim, inputs[0].ndim - 1) + 1)


class StepMean(Primitive):
    """The mean of all inputs so far: state sum and step count, output sum / count."""

    known_as = {"torch": "x.mean(0) of the steps so far"}
    usage = ("ir.StepMean()", [(3,)])

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return inputs[0]

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        return {"sum": np.zeros((batch, *shapes[0]), dtype), "count": np.zeros(batch, dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        state["sum"] = settle(state["sum"] + x)
        state["count"] = state["count"] + x.dtype.type(1)
        return np.asarray(state["sum"] / state["count"].reshape(-1, *(1,) * (x.ndim - 1)))
