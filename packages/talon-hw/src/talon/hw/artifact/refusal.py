"""What is said of a file that is no artifact, or does not hold together."""

from __future__ import annotations

from talon.ir.errors import TalonFormatError

HDF5 = b"\x89HDF\r\n\x1a\n"


def damaged(what: str, expected: object = None, found: object = None) -> TalonFormatError:
    """The artifact does not hold together (T303)."""
    return TalonFormatError(
        "T303",
        f"the artifact is damaged: {what}",
        expected=expected,
        found=None if found is None else str(found)[:200],
        help="get an undamaged copy, or deploy the network again",
    )


def not_ours(head: bytes = b"") -> TalonFormatError:
    """The file is something else (T302). `head`: its first bytes."""
    graph = head == HDF5
    return TalonFormatError(
        "T302",
        "this is a graph, not an artifact" if graph else "this is no artifact of talon",
        expected="a .talonhw file, as build.save or 'talon hw deploy' writes it",
        found="an HDF5 file, such as a .t1c" if graph else f"what begins with {head[:32]!a}" if head else "no file",
        help="graphs are read with talon.ir.read, and become artifacts by hw.deploy(graph).save(path), or 'talon hw "
        "deploy'",
    )
