"""Tests of the version policy in a model's configuration."""

import pytest
from gistwire_models.version_policy import with_served_version

BEFORE = 'name: "summarizer"  # { not a block\n'
AFTER = '\n# The end.\nparameters [ { key: "a" value: { string_value: "}" } } ]\n'
SERVED = "version_policy { specific { versions: [ 7 ] } }"


@pytest.mark.parametrize(
    "policy",
    [
        "version_policy { latest { num_versions: 1 } }",
        "version_policy: { all {} }",
        "version_policy\n{\n  specific {\n    versions: [ 1, 2 ]\n  }\n}",
        "version_policy{specific{versions:[3]}}",
    ],
)
def test_replaces_the_policy_and_nothing_else(policy: str) -> None:
    assert with_served_version(BEFORE + policy + AFTER, 7) == BEFORE + SERVED + AFTER


def test_is_the_same_when_repeated() -> None:
    once = with_served_version(BEFORE + AFTER, 7)
    assert once.endswith(f"\n\n{SERVED}\n")
    assert with_served_version(once, 7) == once
    assert with_served_version(with_served_version(once, 3), 7) == once
