"""Copies of all that a council would miss, and their return, which brings back nobody who was erased or objected."""
