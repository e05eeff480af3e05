"""Every hook that talon calls. All return mappings from name to an object or an import string `"module:attribute"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

PROJECT = "talon"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def talon_primitives() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Primitives by name: subclasses of `ir.Primitive` or `ir.Composite`, called as their class is.

    Example: `return {"Izhikevich": "acme.neurons:Izhikevich"}`.
    """


@hookspec
def talon_storage_backends() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Storage backends by name: objects or classes that follow `talon.storage.backend.Backend`.

    Example: `return {"safetensors": "acme.storage:SafetensorsBackend"}`.
    """


@hookspec
def talon_engines() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Engines by name: `talon.engine.EngineSpec` objects, which `talon.engine.run` chooses from by priority.

    Example: `return {"native": "talon.hw.engines:native"}`.
    """


@hookspec
def talon_kernels() -> Mapping[tuple[str, str], Any]:  # type: ignore[empty-body]
    """Kernels by engine and primitive: factories of what computes a leaf primitive on an engine of somebody else.

    `factory(node, in_shapes, batch, dtype)` gives an object as `talon.engine.kernels.Kernel` says; the engine calls its
    `step(inputs, state, out)` once a step.

    Example: `return {("native", "Izhikevich"): "acme.kernels:izhikevich"}`.
    """


@hookspec
def talon_migrations() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Migrations by type: tables of functions, by the schema that each begins with, for files of older versions.

    `{1: from_1}` says that `from_1(attrs, arrays)` changes the fields of schema 1, in place, into those of schema 2.

    Example: `return {"Izhikevich": "acme.migrations:izhikevich"}`.
    """


@hookspec
def talon_commands() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Commands: `{group name: click.Group}`, reached as `talon GROUP COMMAND`.

    Example: `return {"acme": "acme.cli:group"}`.
    """


@hookspec
def talon_targets() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Hardware targets by id: TOML as bytes or as a file (a path, a resource of the package), or `hw.Target` objects.

    Example: `return {"acme-1": "acme.targets:acme_1"}`.
    """
