"""Tests of what the package exports."""

from gistwire_training import encoder


def test_every_export_exists_and_nothing_public_is_left_out() -> None:
    public = {
        name
        for name, value in vars(encoder).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("gistwire_training.encoder.")
    }
    assert public == set(encoder.__all__)
    assert encoder.__all__ == sorted(encoder.__all__)
