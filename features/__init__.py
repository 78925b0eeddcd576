"""What was known, when: intake, identity, the definition language, engines and the matrix."""
