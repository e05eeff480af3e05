"""Ghost convolutions and the blocks of the SU-YOLO detectors, as primitives of TALON IR.

Every name is loaded on first use; `ir.SGhostConv` and `talon.ghost.SGhostConv` are the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.ir.known import provided_by
from talon.plugins.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.ghost.blocks import GhostBasicBlock1 as GhostBasicBlock1
    from talon.ghost.blocks import GhostBasicBlock2 as GhostBasicBlock2
    from talon.ghost.conv import SGhostConv as SGhostConv
    from talon.ghost.encoder import SGhostEncoderLite as SGhostEncoderLite
else:
    __getattr__, __dir__ = lazy_names(__name__, provided_by("talon-ghost"))
