"""Tests of gistwire_training.machine."""

import os

from gistwire_training.machine import describe_machine, processor_name


def test_a_machine_is_told_by_processor_and_cores() -> None:
    assert processor_name()
    assert describe_machine() == f"{processor_name()}, {os.cpu_count()} cores"
