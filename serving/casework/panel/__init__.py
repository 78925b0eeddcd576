"""A session of the residents' panel: cases shown, what the panel says of them, cases of its own."""
