"""`talon info F`"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output


@command("info")
@click.argument("file", type=PATH)
@TRUSTED
def info(out: Output, file: str, trusted: bool) -> None:
    """Say what FILE holds: writer, format, sizes, types, metadata. No weights are read.

    Example: talon info net.t1c
    """
    from talon.ir.node import HINTS
    from talon.ir.quantized import widths_of
    from talon.ir.values import brief, thaw
    from talon.storage import info as file_info

    found = file_info(file, trusted=trusted)
    bits = Counter(width for node in found.nodes for width in widths_of(node.attrs))
    out.data = {
        "path": found.path,
        "size": found.size,
        "format": found.format,
        "writer": found.writer,
        "legacy": found.legacy,
        "dt": found.dt,
        "nodes": len(found.nodes) - 1,
        "edges": len(found.edges),
        "parameters": found.parameters,
        "types": found.types,
        "providers": found.providers,
        "quantised": {f"{width}-bit": count for width, count in sorted(bits.items())},
        "metadata": thaw(found.metadata),
        "meanings": [meaning._asdict() for meaning in found.meanings],
    }
    out.line(found.path)
    out.line(f"  format       {found.format}, {'the published talon-ir' if found.legacy else found.writer}")
    out.line(f"  size         {found.size:,} bytes")
    out.line(f"  graph        {len(found.nodes) - 1} nodes, {len(found.edges)} edges")
    out.line(f"  parameters   {found.parameters:,}")
    if bits:
        fields = ", ".join(f"{count} {width}-bit" for width, count in sorted(bits.items()))
        out.line(f"  quantised    {fields}")
    out.line(f"  step         {'not stated' if found.dt is None else f'{found.dt:g} s'}")
    for kind, count in found.types.items():
        out.line(f"    {count:>5} {kind:<20} {found.providers.get(kind, '')}".rstrip())
    for key, value in found.metadata.items():
        text = (
            brief(thaw(value), 101) if not hasattr(value, "shape") or value.size <= 8 else f"{value.dtype}{value.shape}"
        )
        out.line(f"  {key}: {text if len(text) <= 100 else text[:97] + '...'}")
    for path, field, value in found.meanings:
        out.line(f"  read as      {path}.{field} = {value!r}, what the published package executes")
    for diagnostic in found.refused:
        out.problem(replace(diagnostic, severity="warning"))
    for node in found.nodes:
        hints = {n: v for n, v in node.attrs.items() if n in HINTS}
        if hints:
            out.line(f"  hints of {node.path!r}: {brief(thaw(hints), 1000)}")
