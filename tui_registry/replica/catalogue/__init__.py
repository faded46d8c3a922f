"""What is derived from the log: one row and the words of every current record."""
