"""Primitives, a storage backend and commands of Acme for TALON IR.

`ir.Izhikevich` and `talon_acme.neurons.Izhikevich` are the same class; the second is known to type checkers.
"""
