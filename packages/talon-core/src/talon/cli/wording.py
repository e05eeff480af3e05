"""What an error advises a program to do, as advice to somebody at a command line."""

from __future__ import annotations

from dataclasses import replace

from talon.ir.errors import Diagnostic

OPTIONS = {
    "repeat=T": "--steps T",
    "leave repeat out": "leave --steps out",
    "engine='auto'": "--engine auto",
}
"""Arguments of functions in a `help`, and the options that every command has for them."""


def in_options(diagnostic: Diagnostic) -> Diagnostic:
    """The diagnostic with options where its help names arguments of functions."""
    words = diagnostic.help or ""
    for argument, option in OPTIONS.items():
        words = words.replace(argument, option)
    return diagnostic if words == (diagnostic.help or "") else replace(diagnostic, help=words)
