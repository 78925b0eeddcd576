"""Maps of need for those who help: areas and never people, after disclosure control."""
