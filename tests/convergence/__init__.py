"""Convergence at scale: any number of replicas that write, pull, push, part and come back.

`machines.py` are the replicas, `world.py` what may happen to them, `schedules.py` what happens, drawn from a seed, and
`test_convergence.py` a fast slice in CI, with hypothesis choosing too. The nightly size:

    python -m tests.convergence 100000 SEED            so many schedules, with their figures
    python -m tests.convergence 1 SEED --first 4711    one of them again
    python -m tests.convergence --histories 6          every order of every history of six operations
"""
