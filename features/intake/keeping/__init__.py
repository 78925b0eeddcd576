"""Until when what came is kept."""
