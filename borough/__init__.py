"""A fictional borough that sends extracts; a leaf that only `sooner` imports."""
