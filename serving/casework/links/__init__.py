"""Links between records: pairs that a person must decide, and pairs that are read blind."""
