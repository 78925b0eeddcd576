"""A resident's rights over what is held, carried out on every snapshot."""
