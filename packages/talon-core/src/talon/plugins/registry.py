"""What the plugins provide, by kind and name, loaded on first use, with who provides it."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from talon.ir.errors import TalonPluginError, suggest
from talon.ir.known import FACADE, PRIMITIVES
from talon.plugins import manager as manager_module
from talon.plugins.lazy import load
from talon.plugins.manager import Plugin, described, manager, silent


@dataclass
class Entry:
    """One provided name: the object or its import string, and who provides it."""

    name: str
    value: Any
    provider: Plugin
    hook: str
    rivals: tuple[str, ...] = ()

    @property
    def plugin(self) -> str:
        return self.provider.name

    @property
    def distribution(self) -> str:
        return self.provider.distribution

    @property
    def version(self) -> str:
        return self.provider.version

    def load(self) -> Any:
        """The object. Raises `TalonPluginError` when two distributions claim it (T004) or it cannot be had (T003)."""
        if self.rivals:
            both = " and ".join(dict.fromkeys((self.distribution, *self.rivals)))
            raise TalonPluginError(
                "T004",
                f"{self.name!r} is provided twice, by {both}",
                expected="one provider",
                found=both,
                help="uninstall one of them, or limit what loads with TALON_PLUGINS",
            )
        if self.named():
            try:
                with silent():
                    self.value = load(self.value)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise self.broken(described(error)) from error
        if not KINDS[self.hook](self.value):
            raise self.broken(f"{self.value!r:.80}, which is no {KIND_NAMES[self.hook]}")
        if self.hook == "talon_primitives" and self.value.__name__ != self.name:
            # Files name types by their class; under another name nobody would find it again.
            raise self.broken(f"a class called {self.value.__name__!r}")
        return self.value

    def named(self) -> bool:
        """Whether the value is an import string, and not a text that is itself what the hook gives."""
        return isinstance(self.value, str) and not KINDS[self.hook](self.value)

    def broken(self, found: str) -> TalonPluginError:
        return TalonPluginError(
            "T003",
            f"{self.name!r} of {self.distribution or 'this process'} could not be loaded",
            found=found,
            help=f"upgrade or uninstall {self.distribution}" if self.distribution else "mend what registers it",
        )


def is_primitive(value: Any) -> bool:
    from talon.ir.node import Node

    return isinstance(value, type) and issubclass(value, Node)


def is_backend(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("suffixes", "recognises", "write", "read", "version"))


def is_engine(value: Any) -> bool:
    return isinstance(getattr(value, "target", None), str) and isinstance(getattr(value, "priority", None), int)


def is_migrations(value: Any) -> bool:
    from talon.ir.migration import is_table

    return is_table(value)


def is_target(value: Any) -> bool:
    """TOML as bytes, a file that can be read, or its path; else an object with what every target has."""
    described = isinstance(value, bytes) or hasattr(value, "read_bytes")
    return described or is_path(value) or all(hasattr(value, name) for name in ("id", "cores", "numeric", "hash"))


def is_path(value: Any) -> bool:
    """Whether a string is the path of a TOML file, and no import string."""
    return isinstance(value, str) and value.endswith(".toml")


def is_command(value: Any) -> bool:
    import click

    return isinstance(value, click.Command)


KINDS: dict[str, Callable[[Any], bool]] = {
    "talon_primitives": is_primitive,
    "talon_storage_backends": is_backend,
    "talon_engines": is_engine,
    "talon_kernels": callable,
    "talon_migrations": is_migrations,
    "talon_commands": is_command,
    "talon_targets": is_target,
}
"""What a loaded object must be, by hook."""
KIND_NAMES = {
    "talon_primitives": "primitive",
    "talon_storage_backends": "storage backend",
    "talon_engines": "engine",
    "talon_kernels": "kernel",
    "talon_migrations": "migration table",
    "talon_commands": "command group",
    "talon_targets": "target",
}


_collected: dict[str, Mapping[str, Entry]] = {}


def collected(hook: str) -> Mapping[str, Entry]:
    """Everything provided for one hook. Built-in names win; a name that two plugins give is kept with both."""
    if hook not in _collected:
        found = collect(hook)
        if manager().loading:
            return found  # a plugin asks while it is being loaded: there is more to come
        _collected[hook] = found
    return _collected[hook]


def changed() -> None:
    """Ask the plugins anew on next use."""
    _collected.clear()


def usable(hook: str) -> dict[str, Any]:
    """What is provided for one hook, loaded; what cannot be is complained of, and costs nothing else."""
    found: dict[str, Any] = {}
    for name, entry in collected(hook).items():
        try:
            found[name] = entry.load()
        except TalonPluginError as error:
            if not entry.rivals:
                complain(entry, f"provides {name!r}, which cannot be used: {error.found}")
    return found


def complain(entry: Entry, cause: str) -> None:
    """Complain of the plugin that provides an entry."""
    manager().complain(entry.provider, cause)


def unreachable(name: str) -> str | None:
    """Why `ir.NAME` could never be a primitive of this name, or None where it can."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return "is no name of Python"
    if name.startswith("_"):
        return "begins with an underscore, and such names are not looked up"
    if name in FACADE or find_spec(f"talon.ir.{name}") is not None:
        return f"is taken: talon.ir.{name} is something else"
    return None


def collect(hook: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for plugin, name, value in manager().provided(hook):
        old = found.get(name)
        why = unreachable(name) if hook == "talon_primitives" and not plugin.builtin else None
        if why is not None:
            manager().complain(plugin, f"provides {name!r}, which cannot be used: the name {why}")
        elif old is None:
            found[name] = Entry(name, value, plugin, hook)
        elif old.provider.builtin:
            manager().complain(plugin, f"provides {name!r}, which talon-core has built in: the built-in one is used")
        else:
            old.rivals = (*old.rivals, plugin.distribution)
            manager().complain(plugin, f"provides {name!r}, and so does {old.provider.origin}: neither can be used")
    return found


def primitives() -> Mapping[str, Entry]:
    """All primitives that can be used here, boundaries and Graph included."""
    return collected("talon_primitives")


def primitive(name: str) -> type:
    """The class of a primitive. Raises when it is not installed or unknown (T001, T002)."""
    entry = primitives().get(name)
    if entry is None:
        if name in PRIMITIVES:
            from talon.ir.facade import missing

            raise missing(name)
        raise TalonPluginError(
            "T002",
            f"no installed plugin provides a primitive {name!r}",
            help=suggest(name, primitives(), "'talon primitives' lists what is installed"),
        )
    cls: type = entry.load()
    return cls


def provider(cls: type) -> tuple[str, str]:
    """Distribution and version that provide a primitive's class; empty where no plugin does."""
    entry = primitives().get(cls.__name__)
    return (entry.distribution, entry.version) if entry is not None else ("", "")


def list_primitives() -> list[str]:
    """Names of the installed primitives, in alphabetical order (Input, Output, Graph and StepMean apart)."""
    unlisted = {name for name, known in PRIMITIVES.items() if not known.listed}
    return sorted(name for name in primitives() if name not in unlisted)


def forget() -> None:
    """Discover plugins anew on next use; for tests and notebooks after an install."""
    changed()
    manager_module.forget()
