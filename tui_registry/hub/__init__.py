"""A hub: many nodes that share one log, kept in PostgreSQL, with its full tiles in an object store (extra `[hub]`).

Nothing here is imported where no hub is asked for. What a turn is, and how a view follows, stands in
`replica/log/shared_log.py` and `replica/log/turns.py`; here is who keeps the log, and where its tiles lie.
"""
