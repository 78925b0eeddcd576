"""Each feed over its deliveries: what was in them, what changed, how late they were; counts, and no value of a row."""
