"""`talon draw F -o x.svg`"""

from __future__ import annotations

import os
from pathlib import Path

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output

FORMATS = (".svg", ".html")


@command("draw")
@click.argument("file", type=PATH)
@click.option("-o", "--output", "target", type=PATH, required=True, help="Write the drawing here: .svg or .html.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@TRUSTED
def draw(out: Output, file: str, target: str, force: bool, trusted: bool) -> None:
    """Draw FILE: nodes in layers from top to bottom, delayed edges dashed. Large graphs are folded.

    Example: talon draw net.t1c -o net.svg
    """
    from talon.ir.drawing import draw as draw_graph
    from talon.ir.drawing import page
    from talon.ir.errors import TalonFileError
    from talon.storage import read
    from talon.storage.atomic import replacing

    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise TalonFileError(
            "T308",
            f"drawings are not written as {suffix or 'files without a suffix'}",
            file=target,
            expected=" or ".join(FORMATS),
            found=suffix or "no suffix",
            help=f"name it {Path(target).with_suffix('.svg').name}" if Path(target).name else "name a file",
        )
    if os.path.exists(target) and os.path.exists(file) and os.path.samefile(file, target):
        raise TalonFileError("T308", "the drawing would replace its input", file=target, help="give it another name")
    if os.path.lexists(target) and not force:
        raise TalonFileError("T306", "the output file exists already", file=target, help="pass --force to replace it")
    with out.progress("reading") as progress:
        graph = read(file, unknown="keep", trusted=trusted, progress=progress)
    drawing = draw_graph(graph)
    text = drawing.svg if suffix == ".svg" else page(graph, drawing, Path(file).name)
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    out.data = {
        "width": drawing.width,
        "height": drawing.height,
        "nodes": len(graph.nodes),
        "drawn": drawing.boxes,
        "folded": drawing.folded,
        "written": target,
    }
    boxes = f"{drawing.boxes} boxes for " if drawing.folded else ""
    out.line(f"{target}: {boxes}{len(graph.nodes):,} nodes, {drawing.width} by {drawing.height} pixels")
