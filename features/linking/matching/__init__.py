"""How alike two records are, how likely they are one person, and which records become one."""
