"""The closed, small language of definitions: frozen values that a board can read."""
