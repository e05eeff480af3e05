"""What safetensors does with the same arrays. It has no checksums and forces nothing to the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from worker import Once, serve, written
from workloads import Layer


def write(layers: list[Layer], path: Path) -> Once:
    tensors = {f"{name}.{field}": array for name, _, arrays in layers for field, array in arrays.items()}
    return lambda: save_file(tensors, path)


def write_and_sync(layers: list[Layer], path: Path) -> Once:
    save = write(layers, path)

    def once() -> None:
        save()
        handle = os.open(path, os.O_RDWR)
        os.fsync(handle)
        os.close(handle)

    return once


def listed(path: Path) -> list[Any]:
    with safe_open(path, "numpy") as file:
        slices = [(name, file.get_slice(name)) for name in file.keys()]  # noqa: SIM118 - it is no mapping
        return [(name, one.get_dtype(), one.get_shape()) for name, one in slices]


reading = written(write)
ACTIONS = {
    "write": write,
    "write and sync": write_and_sync,
    "open and list": reading(listed),
    "read everything": reading(load_file),
}

if __name__ == "__main__":
    serve(ACTIONS, ["safetensors", "numpy"])
