"""Browse: search as one types, the list of records, the record in full, and what can be done with it."""
