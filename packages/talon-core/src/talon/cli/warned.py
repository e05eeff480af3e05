"""Warnings on a terminal: one line on stderr, without the place in talon's own code."""

from __future__ import annotations

import warnings
from typing import Any

import click


def one_line_warnings() -> None:
    """Show every warning as `warning: text`."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        click.echo(f"warning: {message}", err=True)

    warnings.showwarning = show
