"""Pages of what is known about lists: what changes at their line, what they cost, whether they help."""
