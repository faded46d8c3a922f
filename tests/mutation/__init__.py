"""Mutation testing of `crdt/`: mutmut changes the code in a thousand small ways, and the tests must notice each.

    python -m tests.mutation              all of it, some minutes; at least 95 % must be killed
    mutmut browse                         look at what survived

Constants outside of functions are not mutated: the frozen vectors and the bounds in `tests/crdt` hold those.
"""
