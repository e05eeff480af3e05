"""The primitives of talon-core, one family a module."""
