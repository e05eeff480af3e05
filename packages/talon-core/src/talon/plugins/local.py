"""Registration by hand: for tests, notebooks, and scripts that bring a primitive of their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

from talon.ir.errors import TalonPluginError, TalonTypeError
from talon.plugins import registry
from talon.plugins.hookspecs import hookimpl
from talon.plugins.manager import Plugin, PluginWarning, described, manager

T = TypeVar("T", bound=type)

_registered: dict[str, type] = {}
"""What `register_node` was given, in this process."""


def register_node(cls: T) -> T:
    """Class decorator: make a primitive known under its name in this process, for `ir.NAME` and for reading files.

    Raises `TalonPluginError` (T004) for a name that is taken, naming who has it; a class of the same module and name,
    as a notebook defines it again and again, takes its own old place. For other processes, write a plugin.
    """
    name = getattr(cls, "__name__", repr(cls))
    if not registry.is_primitive(cls):
        raise TalonTypeError("T206", "register_node takes a class", expected="a subclass of ir.Primitive", found=name)
    if (why := registry.unreachable(name)) is not None:
        raise TalonPluginError(
            "T004",
            f"{name!r} could never be used: the name {why}",
            expected="a name that is free",
            found=repr(name),
            help="give the class another name",
        )
    old = _registered.get(name)
    same = old is not None and (old.__module__, old.__qualname__) == (cls.__module__, cls.__qualname__)
    taken = registry.primitives().get(name)
    if taken is not None and not same:
        by = f"{taken.distribution} {taken.version}" if taken.distribution else f"{old.__module__ if old else 'others'}"
        raise TalonPluginError(
            "T004",
            f"{name!r} would shadow the primitive of this name",
            expected="a name that is free",
            found=f"{name} of {by}",
            help="give the class another name",
        )
    _registered[name] = cls
    plugin = Plugin("register_node", "", "", cls.__module__)
    if not any(p.key == plugin.key for p in manager().plugins):
        attach(plugin, namespace({"primitives": _registered}))
    registry.changed()
    return cls


@contextmanager
def temporary(plugin: object = None, **provided: Mapping[Any, Any]) -> Iterator[None]:
    """A plugin for as long as a `with` block lasts.

    `plugin`: a module or object of `@hookimpl` functions; or by keyword what it would return: `primitives`,
    `storage_backends`, `engines`, `kernels`, `migrations`, `commands`, `targets`. What would only warn of an installed
    plugin raises here: `TalonPluginError` for a broken plugin (T003) and for names that are taken (T004).
    """
    implementation = plugin if plugin is not None else namespace(provided)
    made = Plugin(f"temporary {len(manager().plugins)}", "", "", getattr(implementation, "__name__", "temporary"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PluginWarning)  # what it would warn of is raised
            attach(made, implementation)
            for hook in made.hooks:
                refuse_taken(made, hook)
        yield
    finally:
        manager().forget(made)
        manager().plugins[:] = [p for p in manager().plugins if p is not made]
        registry.changed()


def namespace(provided: Mapping[str, Mapping[Any, Any]]) -> SimpleNamespace:
    """An object with one hook for each kind of thing provided."""

    def hook(mapping: Mapping[Any, Any]) -> Any:
        return hookimpl(lambda: mapping)

    return SimpleNamespace(**{f"talon_{kind}": hook(mapping) for kind, mapping in provided.items()})


def attach(plugin: Plugin, implementation: Any) -> None:
    """Register an object as a plugin. Raises `TalonPluginError` (T003) for what an installed one is warned of."""
    try:
        manager().register(plugin, implementation)
    except Exception as error:
        raise TalonPluginError(
            "T003", "the plugin cannot be used", found=described(error), help="mend the plugin"
        ) from error
    manager().plugins.append(plugin)
    registry.changed()


def refuse_taken(plugin: Plugin, hook: str) -> None:
    """Raise for a name that another plugin has or nobody could use (T004), and for a hook that fails (T003)."""
    names: dict[str, str] = {}
    for other, name, _ in manager().provided(hook):
        why = registry.unreachable(name) if other is plugin and hook == "talon_primitives" else None
        if why is not None:
            raise TalonPluginError(
                "T004", f"{name!r} cannot be used: the name {why}", found=repr(name), help="give it another name"
            )
        if other is plugin and name in names:
            raise TalonPluginError(
                "T004", f"{name!r} is provided already", found=names[name], help="give it another name"
            )
        names.setdefault(name, other.origin)
    if plugin.error:
        raise TalonPluginError("T003", "the plugin cannot be used", found=plugin.error, help="mend the plugin")
