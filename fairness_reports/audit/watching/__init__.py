"""What was issued, watched as it happens: the live audit and drift."""
