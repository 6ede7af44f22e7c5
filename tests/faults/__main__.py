"""Runs all tests of faults, and prints the table of what was measured: `python -m tests.faults [OPTION of pytest…]`.

``GISTWIRE_LONG_FAULTS=1 GISTWIRE_KILLS=100`` runs the long forms. The exit status is that of pytest, or 1 if a row of
the table does not hold.
"""

import os
import sys
from datetime import UTC, datetime

import pytest
from gistwire_training.machine import describe_machine

from tests.faults.rows import FIGURE, FOLDER, table


class _Figures:
    """Takes note of what tests report."""

    def __init__(self) -> None:
        self.lines: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the figures of a test, and whether it held: each of its phases is reported."""
        for name, line in report.user_properties:
            if name == FIGURE:
                self.lines[str(line)] = self.lines.get(str(line), True) and not report.failed


def main() -> int:
    """Runs the tests, prints the table, and returns the exit status."""
    figures = _Figures()
    status = pytest.main([str(FOLDER), *sys.argv[1:]], plugins=[figures])
    form = "long" if os.environ.get("GISTWIRE_LONG_FAULTS") == "1" else "short"
    printed = table(
        figures.lines.items(), f"{datetime.now(UTC):%Y-%m-%d}, {form} forms, {describe_machine()}."
    )
    sys.stdout.write(f"{printed}\n")
    return int(status) or int("| no |" in printed)


if __name__ == "__main__":
    sys.exit(main())
