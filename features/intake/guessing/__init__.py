"""What a service's files are likely to be, for a person to confirm; `pull` reads a register and guesses at nothing."""
