"""Formats that a whole sector sends: ready rows for a council's register, to be changed and confirmed by a person."""
