"""Writes the pages that follow from the code: docs/errors.md and docs/primitives/*.md.

With `--check` nothing is written; the exit status says whether the pages are what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from talon.cli.described import described, facts, summary
from talon.ir.codes import CODES, FAMILIES
from talon.ir.explained import Example, example
from talon.ir.known import PRIMITIVES
from talon.plugins import registry

HERE = Path(__file__).parent

ERRORS = """\
# Errors

Everything that talon raises on purpose is a `TalonError` with a code, the place, what was expected, what was found and
what to do. `graph.check()` reports the same codes for all problems at once, as errors, warnings and notes. Codes never
change their meaning; `talon explain T104` prints what stands here.

This page is written by `docs/generate.py` from the tables in the code, and a test runs every example: the first program
of a code fails with it, the second is the first one mended.
"""

PRIMITIVE_INDEX = """\
# Primitives

What every primitive means, by family. `talon primitives show NAME` prints what its page has. The pages are written by
`docs/generate.py` from the declarations in the code, and a test runs every example.

Shapes are those of one sample, without batch and time; arrays that run are `(T, B, *shape)`. In the shape of an array
field, equal names of axes, across the fields of one primitive, are equal lengths, and `*step` is an axis that may be
left out: with it, step t uses entry t modulo its length. A *per-neuron array* is one number, one per channel (axis 0
of the sample), or a shape that broadcasts to the sample.
"""


def pages() -> dict[str, str]:
    """Every page by its path under docs."""
    found = [described(name) for name in registry.primitives() if name in PRIMITIVES]
    return {
        "errors.md": ERRORS + "".join(families()),
        "primitives/README.md": PRIMITIVE_INDEX + "".join(index(found)),
        **{f"primitives/{one['name']}.md": "\n".join(page(one)) for one in found},
    }


# Errors


def families() -> Iterator[str]:
    for digit, family in FAMILIES.items():
        codes = [code for code in CODES if code.startswith(digit)]
        yield f"\n## {digit}xx: {family}\n"
        for code in codes:
            yield section(code, example(code))


def section(code: str, shown: Example) -> str:
    title, meaning, mend = CODES[code]
    ending = "This raises it" if shown.ends == "raises" else "Here `report` holds it"
    return (
        f"\n### {code} {title}\n\n{meaning} {mend}\n\n"
        f"{ending}:\n\n```py\n{shown.wrong}```\n\nMended:\n\n```py\n{shown.right}```\n"
    )


# Primitives


def index(found: list[dict[str, Any]]) -> Iterator[str]:
    """A section for every family, in the order in which the table of names has them."""
    order = list(PRIMITIVES)
    inside = sorted(found, key=lambda one: order.index(one["name"]))
    for family, members in groupby(inside, key=lambda one: one["family"]):
        rows = list(members)
        yield f"\n## {family}\n\n{rows[0]['family_about']}\n\n"
        yield from table(
            ("primitive", "meaning"),
            [(f"[{one['name']}]({one['name']}.md)", cell(summary(registry.primitive(one["name"])))) for one in rows],
        )


def page(one: dict[str, Any]) -> Iterator[str]:
    yield f"# {one['name']}\n"
    yield f"{one['meaning']}\n"
    yield f"```py\n{one['signature']}\n```\n"
    fields = [field for field in one["fields"] if field["own"]]
    if fields:
        yield "## Fields\n"
        yield "".join(table(("field", "kind", "shape", "default", "unit", "legal", "meaning"), map(cells, fields)))
    yield "## Facts\n"
    yield "".join(table(("", ""), [(label, plain(text)) for label, text in facts(one).items()]))
    yield "## Example\n"
    yield f"```python\n{one['example']['code']}```\n"
    yield f"```text\n{one['example']['prints']}```\n"
    distribution = one["distribution"].partition(" ")[0]
    yield f"Provided by {distribution}, family [{one['family']}](README.md#{one['family']}), schema {one['schema']}.\n"


def cells(field: dict[str, Any]) -> tuple[str, ...]:
    """A field as a row; keyword-only ones are marked."""
    name = f"`{field['name']}`" + (" (keyword)" if field["keyword_only"] else "")
    default = field["default"] if field["default"] == "required" else code(field["default"])
    return name, field["kind"], code(field["shape"]), default, field["unit"], plain(field["legal"]), plain(field["doc"])


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def plain(text: str) -> str:
    """Text without marks of its own, in a cell of a table."""
    return "".join(f"\\{c}" if c in "<*_[]`" else c for c in cell(text))


def cell(text: str) -> str:
    """Text that may hold a bar, which would end the cell, even inside code."""
    return text.replace("|", "\\|")


def table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        yield f"| {' | '.join(row)} |\n"


def main(words: list[str]) -> int:
    written = pages()
    stale = [name for name, text in written.items() if not up_to_date(name, text)]
    strays = [f"primitives/{p.name}" for p in (HERE / "primitives").glob("*") if f"primitives/{p.name}" not in written]
    if "--check" not in words:
        for name in stale:
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_text(written[name], encoding="utf-8")
            print(f"wrote docs/{name}")
        for name in strays:
            (HERE / name).unlink()
            print(f"removed docs/{name}")
        return 0
    for name in [*stale, *strays]:
        print(f"docs/{name} is not what docs/generate.py writes: run 'make docs'", file=sys.stderr)
    return int(bool(stale or strays))


def up_to_date(name: str, text: str) -> bool:
    page = HERE / name
    return page.exists() and page.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
