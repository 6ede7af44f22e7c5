"""Has floors measured in a process of their own, which floor_process.py is: `FloorProcess`."""

import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.guard.floor_process import FloorTimes, FloorWork


class FloorProcess:
    """The process that measures floors, while the block runs.

    Args:
        folder: of the index, which nobody else has open.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.guard.floor_process", str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> "FloorProcess":
        return self

    def __exit__(self, *_: object) -> None:
        # It ends at the end of its input.
        self._process.communicate()

    def measure(self, work: FloorWork) -> FloorTimes:
        """Has floors measured. Blocks; nothing else is to run meanwhile.

        Raises:
            RuntimeError: the process ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process of the floors has no pipes")
        self._process.stdin.write(msgspec.json.encode(work) + b"\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the process of the floors ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=FloorTimes)
