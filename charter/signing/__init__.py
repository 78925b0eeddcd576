"""Who accepted what: sign-offs, refusals, the second gate, suspensions."""
