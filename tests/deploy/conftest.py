"""Has the whole system run as containers where containers are asked for (`GISTWIRE_TEST_BACKENDS`), as in CI."""

from tests.backends.kinds import wanted_kind

collect_ignore = [] if wanted_kind() == "container" else ["test_compose_system.py"]
