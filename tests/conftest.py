"""Settings of all tests: the examples that Hypothesis makes are the same in each run.

A check that fails must have been broken by the change it runs on. To look for new counterexamples, run
``HYPOTHESIS_PROFILE=exploring pytest tests``.
"""

import os

from hypothesis import HealthCheck, settings

# No test depends on the machine's speed, and the fixtures that meet many examples hold nothing of any of them.
settings.register_profile(
    "exploring",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("repeatable", settings.get_profile("exploring"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
