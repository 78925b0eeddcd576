"""Pull: every source of the register into a dated snapshot."""
