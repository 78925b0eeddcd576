"""Residents' own forms, and those who answer them."""
