"""Ghost convolutions and the blocks of the SU-YOLO detectors, as primitives of TALON IR.

Every name is loaded on first use; `ir.SGhostConv` and `talon.ghost.SGhostConv` are the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talon.ir.known import PRIMITIVES

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.ghost.blocks import GhostBasicBlock1 as GhostBasicBlock1
    from talon.ghost.blocks import GhostBasicBlock2 as GhostBasicBlock2
    from talon.ghost.conv import SGhostConv as SGhostConv
    from talon.ghost.encoder import SGhostEncoderLite as SGhostEncoderLite
else:

    def __getattr__(name: str) -> Any:
        targets = provided()
        if name not in targets:
            raise AttributeError(f"module 'talon.ghost' has no attribute {name!r}; it has {', '.join(targets)}")
        from talon.ir.facade import load

        value = load(targets[name])
        globals()[name] = value
        return value


def provided() -> dict[str, str]:
    """The primitives of this distribution: name -> import string."""
    return {name: known.target for name, known in PRIMITIVES.items() if known.distribution == "talon-ghost"}


def __dir__() -> list[str]:
    return sorted({*globals(), *provided()})
