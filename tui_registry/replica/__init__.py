"""Where the registry lives: one SQLite file, in parts that the Datastore opens and holds.

    store/      connections, tables, stored operations, the key file
    catalogue/  what is derived from the log: columns, words, current records
    log/        appending: local writes, imports, arrivals, peers; the log as others read it
    search/     a query answered: compile, match, order, facets, vocabulary
    unshared    what never leaves this replica: drafts, saved searches, names of owners
    audit       the whole replica checked and repaired

A folder imports only from those above it (`log` and `search` not from each other), and none imports the Datastore.
"""
