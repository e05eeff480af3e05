"""Every name that talon itself provides: where it lives and which distribution has it. The one table of them."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """`target` is `"module:attribute"`; an unlisted primitive can be stored but is no part of `list_primitives()`."""

    target: str
    distribution: str
    listed: bool = True


def _family(module: str, names: str, distribution: str = "talon-core", listed: bool = True) -> dict[str, Known]:
    return {name: Known(f"{module}:{name}", distribution, listed) for name in names.split()}


_CORE = "talon.ir.primitives"

PRIMITIVES: dict[str, Known] = {
    **_family(f"{_CORE}.linear", "Affine SpikingAffine"),
    **_family(f"{_CORE}.convolution", "Conv1d Conv2d SConv SDConv SepConv2d"),
    **_family(f"{_CORE}.neurons", "LIF IF"),
    **_family(f"{_CORE}.activation", "ReLU Sigmoid Tanh Softmax GELU ELU PReLU"),
    **_family(f"{_CORE}.normalization", "BatchNorm1d BatchNorm2d LayerNorm Dropout"),
    **_family(f"{_CORE}.spatial", "MaxPool2d AvgPool2d Upsample Flatten"),
    **_family(f"{_CORE}.structure", "Skip HybridRegion ChannelSplit Concat"),
    **_family(f"{_CORE}.structure", "StepMean", listed=False),
    **_family(f"{_CORE}.boundary", "Input Output", listed=False),
    **_family("talon.ir.graph", "Graph", listed=False),
    **_family("talon.ghost.conv", "SGhostConv", "talon-ghost"),
    **_family("talon.ghost.encoder", "SGhostEncoderLite", "talon-ghost"),
    **_family("talon.ghost.blocks", "GhostBasicBlock1 GhostBasicBlock2", "talon-ghost"),
    **_family("talon.detect.head", "SDDetect", "talon-detect"),
    **_family("talon.detect.boxes", "DFLDecode Dist2BBox", "talon-detect"),
    **_family("talon.detect.nms", "NMS", "talon-detect"),
}


def provided_by(distribution: str) -> dict[str, str]:
    """The primitives of one distribution, name -> import string: what its hook implementation returns."""
    return {name: known.target for name, known in PRIMITIVES.items() if known.distribution == distribution}


COMMAND_GROUPS = {"hw": "talon-hw"}
"""Groups of commands that our other distributions add to `talon`."""


def neuron_module(name: str) -> bool:
    """Whether the built-in neuron plugin provides the name."""
    return PRIMITIVES[name].target.startswith(f"{_CORE}.neurons:")


FACADE: dict[str, str] = {
    "Edge": "talon.ir.edges:Edge",
    "Quantized": "talon.ir.quantized:Quantized",
    "Node": "talon.ir.node:Node",
    "Opaque": "talon.ir.opaque:Opaque",
    "Primitive": "talon.ir.primitive:Primitive",
    "Composite": "talon.ir.primitive:Composite",
    "Ports": "talon.ir.ports:Ports",
    "InPort": "talon.ir.ports:InPort",
    "ArrayRef": "talon.ir.arrays:ArrayRef",
    "CSR": "talon.ir.csr:CSR",
    "Document": "talon.ir.document:Document",
    "CheckReport": "talon.ir.check:CheckReport",
    "Diagnostic": "talon.ir.errors:Diagnostic",
    "Diff": "talon.ir.differences:Diff",
    "diff": "talon.ir.differences:diff",
    "TalonError": "talon.ir.errors:TalonError",
    "TalonGraphError": "talon.ir.errors:TalonGraphError",
    "TalonShapeError": "talon.ir.errors:TalonShapeError",
    "TalonNameError": "talon.ir.errors:TalonNameError",
    "TalonValueError": "talon.ir.errors:TalonValueError",
    "TalonTypeError": "talon.ir.errors:TalonTypeError",
    "TalonFrozenError": "talon.ir.errors:TalonFrozenError",
    "TalonFormatError": "talon.ir.errors:TalonFormatError",
    "TALONFormatError": "talon.ir.errors:TalonFormatError",
    "T1CFormatError": "talon.ir.errors:TalonFormatError",
    "TalonFileError": "talon.ir.errors:TalonFileError",
    "TalonRunError": "talon.ir.errors:TalonRunError",
    "TalonTargetError": "talon.ir.errors:TalonTargetError",
    "TalonPluginError": "talon.ir.errors:TalonPluginError",
    "TalonMissingPluginError": "talon.ir.errors:TalonMissingPluginError",
    "TalonUnknownNameError": "talon.ir.errors:TalonUnknownNameError",
    "list_primitives": "talon.plugins.registry:list_primitives",
    "register_node": "talon.plugins.local:register_node",
    "read": "talon.storage:read",
    "write": "talon.storage:write",
    "info": "talon.storage:info",
    "read_version": "talon.storage:read_version",
}
"""The public names of `talon.ir` that are no primitives. The last four are the one way back from ir to storage."""
