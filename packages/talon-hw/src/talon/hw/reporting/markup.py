"""HTML that is safe by type: `Html` is markup, and what is text becomes markup by being escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NewType

from talon.ir.drawing.lettering import escape

Html = NewType("Html", str)

VOID = ("input",)
"""Elements that hold nothing and are not closed."""
ROWS = 300
"""Rows of a table; the JSON has them all."""


def text(value: object) -> Html:
    """Anything as text, escaped for elements and for attributes in double quotes."""
    return Html(escape(str(value)))


def join(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def element(name: str, /, *inside: Html, **attributes: object) -> Html:
    """An element; `class_` stands for class, `_` in other names for `-`, and what is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{join(inside)}</{name}>")


def section(key: str, title: str, about: str, *body: Html) -> Html:
    """A part of the page: its heading, what it says in a sentence, and what it shows."""
    head = element("h2", text(title), id=f"{key}-title")
    note = element("p", text(about), class_="about")
    return Html(element("section", head, note, *body, id=key, aria_labelledby=f"{key}-title") + "\n")


def cell(value: object, sort: float | None = None, class_: str | None = None) -> Html:
    """A cell of a table; `sort` is the number that it is sorted by."""
    return element("td", text(value), class_=class_, data_v=None if sort is None else f"{sort:.10g}")


def number(value: int | float | None, shown: str | None = None) -> Html:
    """A cell with a number, "unknown" where there is none."""
    if value is None:
        return element("td", text("unknown"), class_="num unknown")
    return cell(shown or f"{value:,}", value, "num")


def row(head: Html, cells: Iterable[Html], **attributes: object) -> Html:
    """A row of a table whose first cell names it."""
    return Html(element("tr", element("th", head, scope="row"), *cells, **attributes) + "\n")


def table(caption: str, heads: Sequence[str], rows: Sequence[Html], sortable: bool = True) -> Html:
    """A table; of very long ones the first rows. Heads that begin with `#` stand over numbers."""
    cut = rows[:ROWS]
    columns = (
        element("th", text(name.lstrip("#")), scope="col", class_="num" if name.startswith("#") else None)
        for name in heads
    )
    whole = element(
        "table",
        element("caption", text(caption)),
        element("thead", element("tr", *columns)),
        Html(element("tbody", Html("\n"), *cut) + "\n"),
        class_="sortable" if sortable and len(cut) > 1 else None,
    )
    boxed = element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)
    if len(rows) > ROWS:
        more = f"and {len(rows) - ROWS:,} more, in the JSON"
        return join([boxed, element("p", text(more), class_="about")])
    return boxed
