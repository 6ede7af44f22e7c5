"""Tests of what `gistwire_training.data` offers."""

import gistwire_training.data as package


def test_all_names_are_there_sorted_and_once() -> None:
    assert list(package.__all__) == sorted(set(package.__all__))
    assert all(hasattr(package, name) for name in package.__all__)
