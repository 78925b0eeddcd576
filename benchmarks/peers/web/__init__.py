"""The least that a web framework needs to answer what ours does."""
