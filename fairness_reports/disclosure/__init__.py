"""The only door out: every count of people that leaves goes through `release_tables`."""
