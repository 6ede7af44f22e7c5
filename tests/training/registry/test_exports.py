"""Tests of what the registry exports."""

from gistwire_training import registry


def test_all_lists_what_is_there_once() -> None:
    assert len(set(registry.__all__)) == len(registry.__all__)
    assert all(hasattr(registry, name) for name in registry.__all__)
