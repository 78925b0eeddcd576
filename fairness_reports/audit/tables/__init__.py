"""Anybody's list: a scored table of others, or rates that others published, measured with none of our files."""
