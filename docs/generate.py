"""Writes the pages that follow from tables in the code: `python docs/generate.py` writes docs/errors.md.

With `--check` nothing is written; the exit status says whether the pages are what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from talon.ir.codes import CODES, FAMILIES
from talon.ir.explained import Example, example

HERE = Path(__file__).parent

INTRODUCTION = """\
# Errors

Everything that talon raises on purpose is a `TalonError` with a code, the place, what was expected, what was found and
what to do. `graph.check()` reports the same codes for all problems at once, as errors, warnings and notes. Codes never
change their meaning; `talon explain T104` prints what stands here.

This page is written by `docs/generate.py` from the tables in the code, and a test runs every example: the first program
of a code fails with it, the second is the first one mended.
"""


def errors() -> str:
    """docs/errors.md, from `talon.ir.codes` and `talon.ir.explained`."""
    return INTRODUCTION + "".join(families())


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


PAGES: dict[str, Callable[[], str]] = {"errors.md": errors}


def main(words: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if not up_to_date(name, page())]
    if "--check" not in words:
        for name in stale:
            (HERE / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote docs/{name}")
        return 0
    for name in stale:
        print(f"docs/{name} is not what docs/generate.py writes: run 'make docs'", file=sys.stderr)
    return int(bool(stale))


def up_to_date(name: str, text: str) -> bool:
    page = HERE / name
    return page.exists() and page.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
