"""The command line's replica and its entry point, for tests that ask several faces."""

from tests.cli.conftest import cli, data_dir

__all__ = ["cli", "data_dir"]
