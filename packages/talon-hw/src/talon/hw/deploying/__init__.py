"""From a quantised graph to the programs of cores, which run alone: `deploy`, `Build`, the `.talonhw` artifact."""
