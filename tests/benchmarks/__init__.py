"""Benchmarks, run by hand: `python -m tests.benchmarks --help`. Figures are ratios to floors taken in the same run."""
