"""Where the registry lives: SQLite schema and migrations, op log, catalogue of current records, search.

The Datastore is the one door to this layer; what it hands out is defined in `rows`.
"""
