"""The casework store: its tables, lists, decisions, challenges and the log of them."""
