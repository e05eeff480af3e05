"""`talon doctor`"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

from talon.cli.command import command
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.ir.errors import Diagnostic

DISTRIBUTIONS = ("talon-core", "talon-ghost", "talon-detect", "talon-hw")
LIBRARIES = ("numpy", "h5py", "networkx", "pluggy", "click", "zarr")

Conditions = dict[str, tuple[bool, str]]
"""Of every engine whether it can run here, and by what or why not."""


@command("doctor")
def doctor(out: Output) -> Exit:
    """Check the installation: versions, plugins, engines, backends, and what stands in the way.

    Example: talon doctor
    """
    engines = conditions()
    found = examination(engines)
    problems = troubles(engines)
    out.data = found
    for title, rows in found.items():
        out.line(f"{title}:")
        for name, value in rows.items():
            out.line(f"  {name:<14} {value}")
    for problem in problems:
        out.problem(problem, err=False)
    out.line("no problems found" if not problems else f"{len(problems)} problems found")
    return Exit.FINDINGS if any(p.severity == "error" for p in problems) else Exit.OK


def examination(engines: Conditions) -> dict[str, dict[str, str]]:
    """Versions and what is installed, as plain values."""
    from talon.plugins import registry

    system = {"python": platform.python_version(), "platform": platform.platform()}
    return {
        "system": system,
        "distributions": {name: version(name) for name in DISTRIBUTIONS},
        "libraries": {name: version(name) for name in LIBRARIES},
        "installed": {
            "primitives": str(len(registry.list_primitives())),
            "engines": ", ".join(f"{name} ({text})" if text else name for name, (_, text) in engines.items()),
            "backends": ", ".join(registry.collected("talon_storage_backends")),
        },
    }


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def conditions() -> Conditions:
    """Of every engine whether it can run here, and by what or why not; nothing of one that needs nothing."""
    from talon.engine.choice import Conditional, specs
    from talon.plugins.manager import described

    found = {}
    for name, spec in specs().items():
        try:
            engine = spec.load()
            found[name] = engine.condition() if isinstance(engine, Conditional) else (True, "")
        except Exception as error:  # noqa: BLE001 - a stranger's engine must not stop the doctor
            found[name] = (False, described(error))
    return found


def troubles(engines: Conditions | None = None) -> list[Diagnostic]:
    """Everything that stands in the way, each with what to do. `engines`: what they said, if they were asked."""
    from talon.plugins import registry
    from talon.plugins.manager import manager

    for hook in registry.KINDS:
        registry.usable(hook)  # loads everything, and complains of what cannot be
    clashes = [
        Diagnostic(
            "T004",
            f"{entry.name!r} is provided by {' and by '.join(dict.fromkeys((entry.distribution, *entry.rivals)))}",
            expected="one provider",
            found=f"{1 + len(entry.rivals)}, so the name cannot be used",
            help="uninstall one of them, or limit what loads with TALON_PLUGINS",
        )
        for hook in registry.KINDS
        for entry in registry.collected(hook).values()
        if entry.rivals
    ]
    in_the_way = [
        Diagnostic("T003", f"plugin {plugin.name!r} of {plugin.origin} {complaint}", "warning", help="tell its authors")
        for plugin in manager().plugins
        for complaint in plugin.complaints
    ]
    unusable = [
        Diagnostic(
            plugin.code,
            f"plugin {plugin.name!r} of {plugin.origin} is not used",
            found=plugin.error,
            help=f"mend, upgrade or uninstall {plugin.distribution or 'what registers it'}",
        )
        for plugin in manager().plugins
        if plugin.error
    ]
    missing = [
        Diagnostic(
            "T405",
            f"the engine {name!r} cannot run here; another one does its work, more slowly",
            "warning",
            found=reason,
            help="mend what it names and install its distribution again",
        )
        for name, (good, reason) in (conditions() if engines is None else engines).items()
        if not good
    ]
    return [*namespace_troubles(), *version_troubles(), *unusable, *clashes, *in_the_way, *missing]


def namespace_troubles() -> list[Diagnostic]:
    """Other products that own `talon` or `talon.ir`."""
    found = []
    if version("talon-ir") != "not installed":
        found.append(
            Diagnostic(
                "T007",
                "the published talon-ir is installed beside talon-core; both own talon.ir",
                found=f"talon-ir {version('talon-ir')}",
                help="give talon-ir an environment of its own, and reinstall talon-core after uninstalling it",
            )
        )
    spec = importlib.util.find_spec("talon")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        initial = Path(folder) / "__init__.py"
        if initial.exists():
            found.append(
                Diagnostic(
                    "T007",
                    "a package named talon hides talon's distributions",
                    found=os.fspath(initial),
                    help="uninstall the project that owns this file",
                )
            )
    return found


def version_troubles() -> list[Diagnostic]:
    """Siblings must be of the same minor version as talon-core."""
    installed: dict[str, Any] = {name: version(name) for name in DISTRIBUTIONS}
    core = installed.pop("talon-core").split(".")[:2]
    return [
        Diagnostic(
            "T005",
            f"{name} does not belong to this talon-core",
            expected=f"{name} {'.'.join(core)}.*",
            found=there,
            help=f"pip install --upgrade {name} talon-core",
        )
        for name, there in installed.items()
        if there != "not installed" and there.split(".")[:2] != core
    ]
