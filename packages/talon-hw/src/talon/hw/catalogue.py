"""Where targets come from: those that ship, those of plugins (hook `talon_targets`), and TOML files."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from talon.hw.arguments import expect
from talon.hw.description import Target, build
from talon.hw.inheritance import merged
from talon.ir.errors import TalonError, TalonFileError, TalonTargetError, suggest
from talon.plugins import registry

HOOK = "talon_targets"


def targets() -> list[str]:
    """Names of the targets that `target()` knows, those of plugins included; nothing is read for it."""
    return sorted({*shipped(), *registry.collected(HOOK)})


@cache
def shipped() -> dict[str, Any]:
    """The descriptions that come with talon-hw, by id."""
    found = files("talon.hw").joinpath("targets").iterdir()
    return {f.name.removesuffix(".toml"): f for f in found if f.name.endswith(".toml")}


def usable() -> list[Target]:
    """Every target that can be used; a plugin whose target cannot be is complained of, and costs nothing else."""
    found = []
    for name in targets():
        try:
            found.append(target(name))
        except TalonError as error:
            entry = registry.collected(HOOK).get(name)
            if entry is None or name in shipped():
                raise
            if not entry.rivals:
                registry.complain(entry, f"provides the target {name!r}, which cannot be used: {reason(error)}")
    return found


def reason(error: TalonError) -> str:
    """What is wrong, and with which key, on one line."""
    details = (error.diagnostic.message, error.expected and f"expected {error.expected}", error.found)
    return "; ".join(part for part in details if part)


def target(name: str | os.PathLike[str] | Target) -> Target:
    """A target by name, or from a `.toml` file of one's own (anything that ends in `.toml` or is a `Path`).

    Raises `TalonTargetError` for an unknown name (T501) or a wrong description (T502), `TalonFileError` (T301) when
    the file cannot be read, `TalonPluginError` (T003, T004) when the plugin that provides it is broken.
    """
    if isinstance(name, Target):
        return name
    expect(name, (str, os.PathLike), "a target is a name, a description or its file", "hw.Target, str or PathLike")
    if not isinstance(name, str) or name.endswith(".toml"):
        return described(*opened(Path(name)))
    source = named(name)
    found = source if isinstance(source, Target) else described(*source)
    if found.id != name:
        raise TalonTargetError(
            "T502",
            f"target.id is not the name that provides it, {name!r}",
            file=None if isinstance(source, Target) else source[1],
            expected=repr(name),
            found=repr(found.id),
            help="provide it under its id",
        )
    return found


Source = tuple[bytes, str, Path | None]
"""The content of a description, its name in messages, and the folder that it lies in."""


def named(name: str) -> Target | Source:
    """What is provided under a name. Raises T501 where nothing is."""
    if name in shipped():
        entry = registry.collected(HOOK).get(name)
        if entry is not None:
            registry.complain(entry, f"provides the target {name!r}, which ships with talon-hw: that one is used")
        return shipped()[name].read_bytes(), f"{name}.toml", None
    entry = registry.collected(HOOK).get(name)
    if entry is None:
        raise TalonTargetError(
            "T501",
            f"there is no target {name!r}",
            expected=", ".join(targets()),
            found=repr(name),
            help=suggest(name, targets(), "'talon hw targets' lists them; a file of your own ends in .toml"),
        )
    given, label = entry.load(), f"{name} of {entry.distribution or 'this process'}"
    if isinstance(given, bytes):
        return given, label, None
    if isinstance(given, str) or hasattr(given, "read_bytes"):
        return opened(Path(given) if isinstance(given, (str, os.PathLike)) else given)
    if isinstance(given, Target):
        return given
    raise entry.broken(f"{type(given).__name__}, which is no talon.hw.Target")


def opened(file: Any) -> Source:
    """The content of a TOML file: a path, or a resource of a package. Raises `TalonFileError` (T301)."""
    try:
        return file.read_bytes(), str(file), file.parent if isinstance(file, Path) else None
    except OSError as error:
        raise TalonFileError(
            "T301",
            "the target's file cannot be read",
            file=str(file),
            found=error.strerror or str(error),
            help="check the path, or give the name of a target that 'talon hw targets' lists",
        ) from error


def described(content: bytes, file: str, folder: Path | None = None) -> Target:
    """A target from the bytes of a TOML file. `file` is its name in messages; paths that it inherits from lie in
    `folder`."""
    data, bases = complete(content, file, folder, ())
    return build(data, f"{file} (inherits {', '.join(bases)})" if bases else file)


def complete(
    content: bytes, file: str, folder: Path | None, heirs: tuple[str, ...]
) -> tuple[dict[str, Any], list[str]]:
    """A description with all that it inherits, and the names of what it inherits from; `heirs` inherit from it."""
    data = parsed(content, file)
    if "inherits" not in data:
        return data, []
    base = data.pop("inherits")
    if not isinstance(base, str) or not base:
        raise wrong(file, "names no target", "the name of a target or a .toml file", repr(base))
    heirs = (*heirs, identity(file, folder))
    try:
        if base.endswith(".toml"):
            found: Target | Source = opened((folder or Path()) / base)
        else:
            found = named(base)
    except TalonTargetError as error:
        if error.code != "T501":
            raise
        raise wrong(file, f"names {base!r}, which is no target", error.expected or "", repr(base), error.help) from None
    if isinstance(found, Target):
        return merged(found.data, data), [base]
    own = identity(*found[1:])
    if own in heirs:
        ring = " -> ".join([*heirs[heirs.index(own) :], own])
        raise wrong(file, "goes round in a circle", "a base that does not inherit from its heir", ring)
    below, bases = complete(*found, heirs)
    return merged(below, data), [base, *bases]


def identity(file: str, folder: Path | None) -> str:
    """What a description is known by among those that inherit from each other."""
    return str(Path(file).resolve()) if folder is not None else file


def wrong(file: str, what: str, expected: str, found: str, help: str | None = None) -> TalonTargetError:
    return TalonTargetError(
        "T502", f"inherits {what}", file=file, expected=expected, found=found, help=help or "correct it in the file"
    )


def parsed(content: bytes, file: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises `TalonTargetError` (T502) where it is none."""
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise TalonTargetError(
            "T502", "the file is not TOML", file=file, expected="TOML in UTF-8", found=str(error), help="correct it"
        ) from error
