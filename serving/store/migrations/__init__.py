"""How the casework database came to its present form: one file in `versions/` for each step."""
