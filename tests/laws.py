"""How often a law is tried: a few dozen examples in every run of the suite, many more in the nightly one."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

# `python -m pytest --hypothesis-profile=nightly`
NIGHTLY: Final = "nightly"


def examples(everyday: int, nightly: int) -> int:
    """The number of examples for the profile that this run has."""
    return nightly if settings.get_current_profile_name() == NIGHTLY else everyday
