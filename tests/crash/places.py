"""Where things lie in the folder of one interrupted program."""

from __future__ import annotations

from tui_registry.datastore import DATABASE

REPLICA = "replica"
DATABASE_PATH = f"{REPLICA}/{DATABASE}"
# A static log: below `home` where the program writes it, beside it where it reads it; LINES are its entries, plain.
LOG = "log"
LINES = "lines.ndjson"
# What a person has written once, below `home`.
KEYSTORE = "key.json"
FORMFILE = "Formfile"
NEW_LOG = "new/folders/log"
BACKUP = "saved"
# So many operations has the owner who is purged.
PURGED = 24
