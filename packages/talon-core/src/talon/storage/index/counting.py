"""Which arrays of an index are parameters: neither what only says where others belong, nor the scale of another one."""

from __future__ import annotations

import numpy as np

from talon.ir.grouped import BETWEEN, is_parameter
from talon.ir.quantized import RECORD, SCALE
from talon.storage.index.checking import Tables


def parameters(tables: Tables) -> int:
    """How many elements all parameters have, single numbers apart."""
    words = tables.texts.words
    counted = np.array([is_parameter(word) for word in words], bool)[tables["array.field"]]
    counted &= tables["array.rank"] > 0
    if RECORD in words:
        counted &= ~scales(tables)
    return int(tables.arrays.sizes[counted].sum())


def scales(tables: Tables) -> np.ndarray:
    """For each array, whether it is the scale of a field of its node, which has quantised ones."""
    words = tables.texts.words
    quantised = np.zeros(len(tables["node.type"]), bool)
    quantised[tables["attr.node"][tables["attr.name"] == words.index(RECORD)]] = True
    numbers: dict[str, int] = {}
    fields = [numbers.setdefault(word.partition(BETWEEN)[0], len(numbers)) for word in words]
    scaled = [numbers.get(word.removesuffix(SCALE), -1) if word.endswith(SCALE) else -1 for word in words]
    of = np.array(scaled)[tables["array.field"]]
    nodes = tables["array.node"].astype(np.int64) * len(words)
    there = np.isin(nodes + of, nodes + np.array(fields)[tables["array.field"]])
    found: np.ndarray = quantised[tables["array.node"]] & (of >= 0) & there
    return found
