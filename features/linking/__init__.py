"""Link: records to people, people to households."""
