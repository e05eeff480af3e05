"""TALON IR: graphs of spiking and hybrid neural networks.

`from talon import ir`, then `ir.LIF(...)`, `ir.Graph(...)`, `ir.write(path, graph)`, `ir.read(path)`. Every name is
loaded on first use. `ir.list_primitives()` lists what is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.ir.arrays import ArrayRef as ArrayRef
    from talon.ir.check import CheckReport as CheckReport
    from talon.ir.csr import CSR as CSR
    from talon.ir.differences import Diff as Diff
    from talon.ir.differences import diff as diff
    from talon.ir.document import Document as Document
    from talon.ir.edges import Edge as Edge
    from talon.ir.errors import (
        Diagnostic as Diagnostic,
    )
    from talon.ir.errors import (
        TalonError as TalonError,
    )
    from talon.ir.errors import (
        TalonFileError as TalonFileError,
    )
    from talon.ir.errors import (
        TalonFormatError as T1CFormatError,
    )
    from talon.ir.errors import (
        TalonFormatError as TALONFormatError,
    )
    from talon.ir.errors import (
        TalonFormatError as TalonFormatError,
    )
    from talon.ir.errors import (
        TalonFrozenError as TalonFrozenError,
    )
    from talon.ir.errors import (
        TalonGraphError as TalonGraphError,
    )
    from talon.ir.errors import (
        TalonMissingPluginError as TalonMissingPluginError,
    )
    from talon.ir.errors import (
        TalonNameError as TalonNameError,
    )
    from talon.ir.errors import (
        TalonPluginError as TalonPluginError,
    )
    from talon.ir.errors import (
        TalonRunError as TalonRunError,
    )
    from talon.ir.errors import (
        TalonShapeError as TalonShapeError,
    )
    from talon.ir.errors import (
        TalonTargetError as TalonTargetError,
    )
    from talon.ir.errors import (
        TalonTypeError as TalonTypeError,
    )
    from talon.ir.errors import (
        TalonUnknownNameError as TalonUnknownNameError,
    )
    from talon.ir.errors import (
        TalonValueError as TalonValueError,
    )
    from talon.ir.graph import Graph as Graph
    from talon.ir.node import Node as Node
    from talon.ir.opaque import Opaque as Opaque
    from talon.ir.ports import InPort as InPort
    from talon.ir.ports import Ports as Ports
    from talon.ir.primitive import Composite as Composite
    from talon.ir.primitive import Primitive as Primitive
    from talon.ir.primitives.activation import ELU as ELU
    from talon.ir.primitives.activation import GELU as GELU
    from talon.ir.primitives.activation import PReLU as PReLU
    from talon.ir.primitives.activation import ReLU as ReLU
    from talon.ir.primitives.activation import Sigmoid as Sigmoid
    from talon.ir.primitives.activation import Softmax as Softmax
    from talon.ir.primitives.activation import Tanh as Tanh
    from talon.ir.primitives.boundary import Input as Input
    from talon.ir.primitives.boundary import Output as Output
    from talon.ir.primitives.convolution import Conv1d as Conv1d
    from talon.ir.primitives.convolution import Conv2d as Conv2d
    from talon.ir.primitives.convolution import SConv as SConv
    from talon.ir.primitives.convolution import SDConv as SDConv
    from talon.ir.primitives.convolution import SepConv2d as SepConv2d
    from talon.ir.primitives.linear import Affine as Affine
    from talon.ir.primitives.linear import SpikingAffine as SpikingAffine
    from talon.ir.primitives.neurons import IF as IF
    from talon.ir.primitives.neurons import LIF as LIF
    from talon.ir.primitives.normalization import BatchNorm1d as BatchNorm1d
    from talon.ir.primitives.normalization import BatchNorm2d as BatchNorm2d
    from talon.ir.primitives.normalization import Dropout as Dropout
    from talon.ir.primitives.normalization import LayerNorm as LayerNorm
    from talon.ir.primitives.spatial import AvgPool2d as AvgPool2d
    from talon.ir.primitives.spatial import Flatten as Flatten
    from talon.ir.primitives.spatial import MaxPool2d as MaxPool2d
    from talon.ir.primitives.spatial import Upsample as Upsample
    from talon.ir.primitives.structure import ChannelSplit as ChannelSplit
    from talon.ir.primitives.structure import Concat as Concat
    from talon.ir.primitives.structure import HybridRegion as HybridRegion
    from talon.ir.primitives.structure import Skip as Skip
    from talon.ir.primitives.structure import StepMean as StepMean
    from talon.ir.quantized import Quantized as Quantized
    from talon.plugins.local import register_node as register_node
    from talon.plugins.registry import list_primitives as list_primitives
    from talon.storage import info as info
    from talon.storage import read as read
    from talon.storage import read_version as read_version
    from talon.storage import write as write

    # Other distributions provide these; `talon.ghost.SGhostConv` and its like are typed.
    SGhostConv: Any
    SGhostEncoderLite: Any
    GhostBasicBlock1: Any
    GhostBasicBlock2: Any
    SDDetect: Any
    DFLDecode: Any
    Dist2BBox: Any
    NMS: Any

else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module 'talon.ir' has no attribute {name!r}")
        from talon.ir.facade import find, lasting

        value = find(name)
        if lasting(name):
            globals()[name] = value
        return value


def __dir__() -> list[str]:
    from talon.ir.facade import names

    return sorted({*globals(), *names()})
