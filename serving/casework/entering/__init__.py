"""Signing in and out, and who is in: providers, guests, emergencies, and whoever looks after them."""
