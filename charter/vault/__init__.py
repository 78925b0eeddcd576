"""Who people are and what was done: the vault, its keys, signatures, the log and the rights ledger."""
