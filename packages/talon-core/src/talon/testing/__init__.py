"""Conformance kits for plugins: does a primitive keep what every primitive promises?

    from talon.testing.primitives import check_primitive

    def test_izhikevich():
        check_primitive(Izhikevich)

`talon.testing.storage.check_backend` does the same for storage backends.

Instances are drawn from the declaration alone (`talon.testing.strategies`). Only `strategies.samples` needs hypothesis:
`pip install "talon-core[testing]"`.
"""
