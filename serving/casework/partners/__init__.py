"""Pages of partners: maps of areas, and nothing of anybody."""
