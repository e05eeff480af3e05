"""Loading plugins, each by itself: one that fails is reported once and costs nothing else."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
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
    "reference": "talon.engine.plugin",
}
"""The plugins inside talon-core: hook implementations like anybody's, registered first."""


class PluginWarning(UserWarning):
    """A plugin that could not be used; everything else goes on."""


@dataclass
class Plugin:
    """One plugin: where it comes from, and why it is not usable, if it is not."""

    name: str
    distribution: str
    version: str
    module: str
    error: str | None = None
    hooks: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What pluggy knows it by: two distributions may give their plugins the same name."""
        return f"{self.distribution}:{self.name}"

    @property
    def builtin(self) -> bool:
        return self.name in BUILTIN and self.distribution == "talon-core"


class PluginManager:
    """All plugins of this process and what they provide. Use `manager()`."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self.pluggy.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        version = own_version()
        for name, module in BUILTIN.items():
            self.load(Plugin(name, "talon-core", version, module))
        wanted = os.environ.get("TALON_PLUGINS")
        chosen = None if wanted is None else {w.strip() for w in wanted.split(",")}
        found = [plugin_of(p) for p in entry_points(group=GROUP) if chosen is None or p.name in chosen]
        for plugin in sorted(found, key=lambda p: (p.distribution, p.name)):
            self.load(plugin)

    def load(self, plugin: Plugin) -> None:
        """Import one plugin's module and register its hooks; a failure is kept on the plugin and warned of once."""
        if any((p.name, p.module) == (plugin.name, plugin.module) for p in self.plugins):
            return
        self.plugins.append(plugin)
        try:
            module = import_module(plugin.module)
            api = getattr(module, "TALON_API", None)
            if api != API:
                raise RuntimeError(f"written for plugin API {api}, this talon-core has {API}")
            self.pluggy.register(module, name=plugin.key)
            self.refuse_unknown_hooks(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module raises stays with it
            if self.pluggy.has_plugin(plugin.key):
                self.pluggy.unregister(name=plugin.key)
            plugin.error = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"talon plugin {plugin.name!r} of {plugin.distribution} {plugin.version} is not used: {plugin.error}",
                PluginWarning,
                stacklevel=2,
            )
            return
        plugin.hooks = sorted(h.name for h in self.pluggy.get_hookcallers(module) or ())

    def refuse_unknown_hooks(self, module: Any) -> None:
        """pluggy ignores misspelt hook names; a plugin that has one would silently provide nothing."""
        known = {name for name in dir(hookspecs) if name.startswith("talon_")}
        for name, value in vars(module).items():
            if getattr(value, f"{hookspecs.PROJECT}_impl", None) is not None and name not in known:
                raise RuntimeError(f"{name} is no hook of talon; the hooks are {', '.join(sorted(known))}")

    def provided(self, hook: str) -> Iterator[tuple[Plugin, str, Any]]:
        """`(plugin, name, object or import string)` for everything the plugins give for one hook, built-in first."""
        for plugin in self.plugins:
            implementation = self.pluggy.get_plugin(plugin.key)
            function = getattr(implementation, hook, None) if implementation is not None else None
            if function is None or getattr(function, f"{hookspecs.PROJECT}_impl", None) is None:
                continue
            try:
                mapping = function()
                if not isinstance(mapping, Mapping):
                    raise TypeError(f"{hook} returned a {type(mapping).__name__}, not a mapping")
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                if plugin.error is None:
                    plugin.error = f"{hook}: {type(error).__name__}: {error}"
                    warnings.warn(
                        f"talon plugin {plugin.name!r} of {plugin.distribution} failed in {plugin.error}",
                        PluginWarning,
                        stacklevel=2,
                    )
                continue
            for name, value in mapping.items():
                yield plugin, name, value


def plugin_of(point: EntryPoint) -> Plugin:
    """The plugin of an entry point; a malformed one is left for `load` to fail on, which keeps the others safe."""
    about = point.dist.metadata if point.dist else None
    name, version = (str(about[key]) if about and key in about else "unknown" for key in ("Name", "Version"))
    return Plugin(point.name, name, version, point.value.partition(":")[0].strip())


def own_version() -> str:
    from talon.ir import __version__

    return __version__


@cache
def manager() -> PluginManager:
    """The one manager of this process, made on first use."""
    return PluginManager()
