"""What the board and residents read: packs, records, maps."""
