"""Files and tables as they come, opened as rows: their columns, and the SQL that reads them, row by row."""
