"""The database file: connections, tables, stored operations, and the key file beside it."""
