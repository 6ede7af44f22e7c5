"""Tests of gistwire_client.main."""

import os
import subprocess
import sys

import pytest

PRINTS_VERBOSITY = """
import atexit, os, sys
from gistwire_client.main import main
sys.argv = ["gistwire", "--version"]
atexit.register(lambda: print(os.environ["GRPC_VERBOSITY"]))
main()
"""


@pytest.mark.parametrize(("given", "expected"), [(None, "ERROR"), ("DEBUG", "DEBUG")])
def test_the_log_of_grpc_is_off_standard_error_unless_it_is_asked_for(
    given: str | None, expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    if given is not None:
        environment["GRPC_VERBOSITY"] = given
    process = subprocess.run(
        [sys.executable, "-c", PRINTS_VERBOSITY], env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1] == expected
