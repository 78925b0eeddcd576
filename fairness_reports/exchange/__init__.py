"""What councils tell each other of their lists: counts through the one door, sealed; and what is borrowed by them."""
