"""A resident's rights, and what the register promises to keep no longer: carried out on every snapshot."""
