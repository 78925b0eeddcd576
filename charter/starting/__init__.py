"""A council's first folder: what `sooner init` writes, from a few answers and its extracts."""
