"""Working through a list: the cases in order, deciding, taking back, what one has in hand."""
