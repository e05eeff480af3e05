"""Evaluation over data sets, here or on many machines: `hw.evaluate` and `hw.sweep`."""
