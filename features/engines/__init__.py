"""Two engines, one meaning: the slow reference and the fast engine."""
