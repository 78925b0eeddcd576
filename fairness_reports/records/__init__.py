"""Records about a programme, made from what was released and signed, and the lint that holds them to it."""
