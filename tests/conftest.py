"""What every test shares: hypothesis without timed assertions."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "house", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# The same examples for every mutant, and no time spent on shrinking what one breaks.
settings.register_profile(
    "mutation", settings.get_profile("house"), derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("house")
