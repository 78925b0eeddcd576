"""A run as people read it: on a terminal and as a page."""
