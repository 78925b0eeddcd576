"""Does it help: outcomes by arm."""
