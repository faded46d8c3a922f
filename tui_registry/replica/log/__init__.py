"""The append-only log: local writes, operations from elsewhere, peers, and the log as others read it."""
