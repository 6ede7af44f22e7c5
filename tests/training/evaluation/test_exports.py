"""Tests of what the package exports."""

from gistwire_training import evaluation


def test_every_export_exists_and_nothing_public_is_left_out() -> None:
    public = {
        name
        for name, value in vars(evaluation).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("gistwire_training")
    }
    assert public | {"METRICS", "Statistic", "Task"} == set(evaluation.__all__)
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
