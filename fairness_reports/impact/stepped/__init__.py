"""Lists that began in one place after the other: by a trial's lot, or as it came."""
