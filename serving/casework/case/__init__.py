"""What a case page says beyond its reasons: the newest change, the strip, the sheet to take along."""
