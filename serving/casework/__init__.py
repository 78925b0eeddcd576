"""The casework pages; no BentoML here."""
