"""What a tree may hold: one table."""

from __future__ import annotations

from talon.ir.values import MAX_DEPTH

DEEPEST = 3 * MAX_DEPTH + 4
"""Groups in groups: two for every level of graphs, and those of a value in the innermost."""
MOST_OBJECTS = 5_000_000
MOST_ATTRIBUTES = 64
"""HDF5 attributes of one object. talon writes and reads none; other tools leave a few."""
LONGEST_NAME = 1024
MOST_UNPACKED = 4 << 30
"""Bytes that all compressed or chunked arrays of a trusted file may take."""
