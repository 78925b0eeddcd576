"""Each performance claim: a script, its peers beside it, and its row in results.json."""
