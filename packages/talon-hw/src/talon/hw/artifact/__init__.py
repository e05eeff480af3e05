"""The artifact of a build, a `.talonhw` file: docs/artifact.md is its description."""
