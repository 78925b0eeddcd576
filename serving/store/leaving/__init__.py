"""What leaves the council, and who took what was told: the outbox, and step-ups."""
