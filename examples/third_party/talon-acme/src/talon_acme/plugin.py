"""What talon is told about this distribution. Import strings keep it light: nothing is loaded before it is used."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from talon.plugins import hookimpl

TALON_API = 1


@hookimpl
def talon_primitives() -> dict[str, str]:
    return {
        "Izhikevich": "talon_acme.neurons:Izhikevich",
        "WinnerTakeAll": "talon_acme.blocks:WinnerTakeAll",
    }


@hookimpl
def talon_kernels() -> dict[tuple[str, str], str]:
    return {("native", "Izhikevich"): "talon_acme.kernels:IzhikevichKernel"}


@hookimpl
def talon_targets() -> dict[str, Traversable]:
    return {"acme-grid": files("talon_acme") / "acme-grid.toml"}


@hookimpl
def talon_migrations() -> dict[str, str]:
    return {"Izhikevich": "talon_acme.migrations:izhikevich"}


@hookimpl
def talon_storage_backends() -> dict[str, str]:
    return {"npz": "talon_acme.npz:NpzBackend"}


@hookimpl
def talon_commands() -> dict[str, str]:
    return {"acme": "talon_acme.commands:group"}
