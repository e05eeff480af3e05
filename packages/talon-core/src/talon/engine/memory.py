"""How much memory this process can still have, as far as the system tells; nothing is allocated to find out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


class Memory(NamedTuple):
    """Bytes that can be had, and what sets the limit."""

    size: int
    limit: str


def available() -> Memory | None:
    """The narrowest limit, or None where the system tells none."""
    return min(limits(), default=None)


def limits() -> Iterator[Memory]:
    """Every limit that is known here: of the machine, of the control groups of the process, of its address space."""
    machine = free_memory(PROC)
    if machine is not None:
        yield Memory(machine, "free memory")
    elif (physical := physical_memory()) is not None:
        yield Memory(physical, "physical memory")
    yield from (Memory(size, "the limit of the control group") for size in control_groups(PROC, CGROUPS))
    if (space := address_space(PROC)) is not None:
        yield Memory(space, "the limit of the address space")


def free_memory(proc: Path) -> int | None:
    """What Linux can give without taking it from anybody, swap included."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        found = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return found["MemAvailable"] + found.get("SwapFree", 0)
    except (OSError, ValueError, IndexError, KeyError):
        return None


def physical_memory() -> int | None:
    """All the memory of the machine, on systems that do not tell how much is free."""
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return size if size > 0 else None


def control_groups(proc: Path, root: Path) -> Iterator[int]:
    """What is left in each control group that this process is in, of either version, and in those around it."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from left_below(root, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from left_below(root / "memory", path, *names)


def left_below(root: Path, path: str, limit: str, used: str, cached: str) -> Iterator[int]:
    """What is left in a group and in those above it. A container may see its own group as the root."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        folder = root.joinpath(*parts[:depth])
        try:
            most, taken = int((folder / limit).read_text()), int((folder / used).read_text())
            stated = dict(line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines())
            # Files that were read are counted as used, but given up when memory is asked for.
            yield max(0, most - taken + int(stated.get(cached, 0)))
        except (OSError, ValueError):
            continue  # no such group here, or no limit: the word "max"


def address_space(proc: Path) -> int | None:
    """What is left of the address space, where it is limited."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return None
    try:
        taken = int((proc / "self" / "statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        taken = 0
    return max(0, most - taken)


def sized(size: float) -> str:
    """A number of bytes with its unit, in powers of 1000."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" or size >= 99.5 else f"{size:.3g} {unit}"
