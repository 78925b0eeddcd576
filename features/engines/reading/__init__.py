"""A snapshot read for the fast engine: whole numbers, grouped by person, folded to masks of dates."""
