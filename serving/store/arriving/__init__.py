"""What comes to the council from outside."""
