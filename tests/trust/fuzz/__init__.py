"""Fuzzing the decoders of every external format.

`test_fuzz.py` runs a fast slice of it with hypothesis in CI. Coverage-guided, where atheris is installed:

    python -m tests.trust.fuzz             each target for a minute
    python -m tests.trust.fuzz op 600      one target for ten minutes

What crashed once stands in `crashers.py`.
"""
