"""How often somebody did a thing, and what is unusual: for limits, and never for performance."""
