"""Loading plugins, each by itself: one that fails is reported once and costs nothing else."""

from __future__ import annotations

import inspect
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from talon.plugins import API, hookspecs

GROUP = "talon"
BUILTIN = {
    "neurons": "talon.plugins.builtin_neurons",
    "core": "talon.plugins.builtin_core",
    "hdf5": "talon.storage.plugin",
    "zarr": "talon.storage.zarr.plugin",
    "reference": "talon.engine.plugin",
}
"""The plugins inside talon-core: hook implementations like anybody's, registered first."""


SLOW_SECONDS = 1.0
"""A plugin whose module takes longer to import is complained of: every command pays for it."""


class PluginWarning(UserWarning):
    """A plugin that could not be used, or that is in the way; everything else goes on."""


@dataclass
class Plugin:
    """One plugin: where it comes from, what it took to load, and what is wrong with it, if anything is.

    `error` says why it is not used, `code` under which error code; `complaints` are about plugins that are used all the
    same. `trace` tells, for `talon plugins --trace`, what was called and how long it took.
    """

    name: str
    distribution: str
    version: str
    module: str
    error: str | None = None
    code: str = "T003"
    hooks: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What pluggy knows it by: two distributions may give their plugins the same name."""
        return f"{self.distribution}:{self.name}"

    @property
    def builtin(self) -> bool:
        return self.name in BUILTIN and self.distribution == "talon-core"

    @property
    def origin(self) -> str:
        """Distribution and version; what was registered by hand comes from this process."""
        return f"{self.distribution} {self.version}" if self.distribution else "this process"


class PluginManager:
    """All plugins of this process and what they provide. Use `manager()`."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self.pluggy.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self.loading = True
        """Plugins are still being found: what they provide so far is not all."""

    def discover(self) -> None:
        """Load the built-in plugins, then those of installed distributions."""
        version = own_version()
        for name, module in BUILTIN.items():
            self.load(Plugin(name, "talon-core", version, module))
        wanted = os.environ.get("TALON_PLUGINS")
        chosen = None if wanted is None else {w.strip() for w in wanted.split(",") if w.strip()}
        there = [plugin_of(p) for p in entry_points(group=GROUP)]
        for name in sorted((chosen or set()) - {plugin.name for plugin in there}):
            warnings.warn(f"TALON_PLUGINS names {name!r}, which no distribution provides", PluginWarning, stacklevel=2)
        for plugin in sorted(there, key=lambda p: (p.distribution, p.name)):
            if chosen is None or plugin.name in chosen:
                self.load(plugin)
        self.loading = False

    def load(self, plugin: Plugin) -> None:
        """Import one plugin's module and register its hooks; a failure is kept on the plugin and warned of once."""
        if any((p.name, p.module) == (plugin.name, plugin.module) for p in self.plugins):
            return
        self.plugins.append(plugin)
        start = time.perf_counter()
        try:
            with silent():
                module = import_module(plugin.module)
            api = getattr(module, "TALON_API", None)
            if api != API:
                plugin.code = "T005"
                if api is None:
                    raise RuntimeError(f"it does not say TALON_API = {API}, the plugin interface it was written for")
                raise RuntimeError(f"written for plugin API {api}, this talon-core has {API}")
            self.register(plugin, module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a stranger's module raises stays with it
            self.disable(plugin, described(error))
            return
        seconds = time.perf_counter() - start
        plugin.trace.append(f"import {plugin.module}: {seconds * 1e3:.1f} ms")
        if not plugin.hooks:
            self.complain(plugin, "provides nothing: no function in it is marked @hookimpl")
        if seconds > SLOW_SECONDS:
            self.complain(plugin, f"took {seconds:.1f} s to load; a plugin module should import nothing heavy")

    def register(self, plugin: Plugin, implementation: Any) -> None:
        """Give pluggy the hooks of a module or object. Raises for a misspelt hook or one with the wrong arguments."""
        try:
            self.pluggy.register(implementation, name=plugin.key)
            self.refuse_unknown_hooks(implementation)
        except Exception:
            self.forget(plugin)
            raise
        plugin.hooks = sorted(h.name for h in self.pluggy.get_hookcallers(implementation) or ())

    def forget(self, plugin: Plugin) -> None:
        if self.pluggy.has_plugin(plugin.key):
            self.pluggy.unregister(name=plugin.key)

    def disable(self, plugin: Plugin, cause: str) -> None:
        """Keep why a plugin is not used, and say it once."""
        plugin.error = cause
        plugin.trace.append(f"not used: {cause}")
        warnings.warn(
            f"talon plugin {plugin.name!r} of {plugin.origin} is not used: {cause}", PluginWarning, stacklevel=3
        )

    def complain(self, plugin: Plugin, cause: str) -> None:
        """Keep what is wrong with a plugin that is used all the same, and say it once."""
        if cause not in plugin.complaints:
            plugin.complaints.append(cause)
            warnings.warn(f"talon plugin {plugin.name!r} of {plugin.origin} {cause}", PluginWarning, stacklevel=3)

    def refuse_unknown_hooks(self, implementation: Any) -> None:
        """pluggy ignores misspelt hook names; a plugin that has one would silently provide nothing."""
        known = {name for name in dir(hookspecs) if name.startswith("talon_")}
        for name in dir(implementation):
            # Only functions carry the mark; asking anything else could run a stranger's __getattr__, or ours.
            value = inspect.getattr_static(implementation, name, None)
            function = getattr(value, "__func__", value) if isinstance(value, (staticmethod, classmethod)) else value
            marked = inspect.isfunction(function) and f"{hookspecs.PROJECT}_impl" in vars(function)
            if marked and name not in known:
                raise RuntimeError(f"{name} is no hook of talon; the hooks are {', '.join(sorted(known))}")

    def provided(self, hook: str) -> Iterator[tuple[Plugin, str, Any]]:
        """`(plugin, name, object or import string)` for everything the plugins give for one hook, built-in first."""
        for plugin in self.plugins:
            implementation = self.pluggy.get_plugin(plugin.key)
            if inspect.getattr_static(implementation, hook, None) is None:
                continue
            function = getattr(implementation, hook)
            if getattr(function, f"{hookspecs.PROJECT}_impl", None) is None:
                continue
            start = time.perf_counter()
            try:
                with silent():
                    mapping = function()
                if not isinstance(mapping, Mapping):
                    raise TypeError(f"returned a {type(mapping).__name__}, not a mapping")
                given = {one_name(hook, name): value for name, value in mapping.items()}
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                if plugin.error is None:
                    self.disable(plugin, f"{hook}: {described(error)}")
                continue
            spent = (time.perf_counter() - start) * 1e3
            plugin.trace.append(f"{hook}: {', '.join(given) or 'nothing'} ({spent:.1f} ms)")
            for name, value in given.items():
                yield plugin, name, value


PAIRED = frozenset(["talon_kernels"])
"""Hooks whose mappings have pairs of names as their keys."""


def one_name(hook: str, key: Any) -> str:
    """A key of a hook's mapping as one name; a pair is `"first:second"`. Raises TypeError for what is no such key."""
    parts = key if hook in PAIRED else (key,)
    if hook in PAIRED and not (isinstance(key, tuple) and len(key) == 2):
        raise TypeError(f"gave a name that is no pair: {key!r}")
    if not all(isinstance(part, str) for part in parts):
        raise TypeError(f"gave a name that is no string: {key!r}")
    return ":".join(parts)


def silent() -> AbstractContextManager[Any]:
    """What a stranger's code prints while it is loaded goes to stderr: stdout belongs to the result."""
    return redirect_stdout(sys.stderr)


def plugin_of(point: EntryPoint) -> Plugin:
    """The plugin of an entry point; a malformed one is left for `load` to fail on, which keeps the others safe."""
    try:
        about = point.dist.metadata if point.dist else None
    except FileNotFoundError:  # so says the package importlib_metadata, which serves everybody once it is imported
        about = None
    name, version = (str(about[key]) if about and key in about else "unknown" for key in ("Name", "Version"))
    return Plugin(point.name, name, version, point.value.partition(":")[0].strip())


def own_version() -> str:
    from talon.ir import __version__

    return __version__


def described(error: BaseException) -> str:
    """An error of a stranger's code on one printable line, whatever its text is or does."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the text of an error may raise another
        text = "(its text cannot be had)"
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else "?" for c in line[:300]) + "..." * (len(line) > 300)
    return f"{type(error).__name__}: {shown}"


_made: list[PluginManager] = []
"""The one manager; in a list, so that it is there while it still loads plugins, which may ask for it."""


def manager() -> PluginManager:
    """The one manager of this process, made on first use."""
    if not _made:
        _made.append(PluginManager())
        _made[0].discover()
    return _made[0]


def forget() -> None:
    """Make a new manager on next use."""
    _made.clear()
