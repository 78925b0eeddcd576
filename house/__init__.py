"""Measures of the code itself, for whoever changes it: its shape, and what a change changes. No room imports it."""
