"""The machine: what is missing on it, its disk, its threads."""
