"""State: everything a run needs to go on where another stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from talon.ir.errors import TalonFileError, TalonFormatError, TalonRunError


@dataclass
class State:
    """`nodes`: node path -> name -> `(B, *shape)`; `delays`: `"path:port"` -> the values still to be delivered, oldest
    first, `(n, B, *shape)`; `step`: the index of the next step."""

    step: int = 0
    nodes: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    delays: dict[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as an npz file at exactly this path."""
        from talon.storage.atomic import replacing

        arrays = {f"node {node}.{name}": a for node, values in self.nodes.items() for name, a in values.items()}
        arrays |= {f"delay {port}": a for port, a in self.delays.items()}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, step=np.int64(self.step), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> State:
        """Read a state that `save` wrote. Raises `TalonFileError` (T301) or `TalonFormatError` (T303)."""
        state = cls()
        nodes: dict[str, dict[str, np.ndarray]] = {}
        try:
            with np.load(path, allow_pickle=False) as stored:
                state.step = int(stored["step"])
                for key in stored.files:
                    kind, _, name = key.partition(" ")
                    if kind == "node":
                        node, _, quantity = name.rpartition(".")
                        nodes.setdefault(node, {})[quantity] = stored[key]
                    elif kind == "delay":
                        state.delays[name] = stored[key]
        except OSError as error:
            raise TalonFileError("T301", "cannot open the state", file=os.fspath(path), found=str(error)) from error
        except Exception as error:
            raise TalonFormatError(
                "T303",
                "the file is no saved state",
                file=os.fspath(path),
                expected="an npz written by State.save",
                found=f"{type(error).__name__}: {error}",
            ) from error
        state.nodes = nodes
        return state

    def __repr__(self) -> str:
        return f"State(step={self.step}, {len(self.nodes)} nodes, {len(self.delays)} delayed ports)"


def check_like(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], node: str) -> None:
    """Raise `TalonRunError` (T403) unless both hold the same names with equal shapes and dtypes."""
    if found.keys() != expected.keys():
        raise TalonRunError(
            "T403",
            "the state was made by another graph",
            node=node,
            expected=", ".join(expected) or "no state",
            found=", ".join(found) or "no state",
        )
    for name, array in expected.items():
        given = np.asarray(found[name])
        if given.shape != array.shape or given.dtype != array.dtype:
            raise TalonRunError(
                "T403",
                f"the state's {name} does not fit this run",
                node=node,
                expected=f"{array.dtype} {array.shape}",
                found=f"{given.dtype} {given.shape}",
                help="go on with the batch size and dtype of the run that gave the state, or start without one",
            )
