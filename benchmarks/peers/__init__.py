"""What others make of the same work, each in an environment of its own."""
