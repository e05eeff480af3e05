"""Integers: the arithmetic of a target, what it makes of a quantised graph, and the engine that computes it."""
