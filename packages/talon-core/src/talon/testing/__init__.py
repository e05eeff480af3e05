"""Conformance kits for plugins, and random graphs for tests of engines and tools.

    from talon.testing.primitives import Golden, check_primitive

    def test_izhikevich():
        check_primitive(Izhikevich, golden=[Golden(Izhikevich(a=0.1), [x], [spikes])])

`talon.testing.storage.check_backend` does the same for storage backends, `talon.testing.engines.check_engine` for
engines, `talon.testing.kernels.check_kernel` for kernels of primitives. `talon.testing.graphs` makes graphs that run,
`talon.testing.kept` graphs of all that a file must keep.

Instances are drawn from the declaration alone (`talon.testing.strategies`). Only `strategies.samples`,
`graphs.graphs` and what `kept` draws need hypothesis: `pip install "talon-core[testing]"`.
"""
