"""What leaves the council, and who took what was told: the outbox, one's own record, and step-ups."""
