"""A replica as each released schema left it (`<version>.sqlite3.gz`), and how such a file is made."""
