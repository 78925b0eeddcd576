"""Which references are one person: what is the same, what evidence joins, and what is left for a person."""
