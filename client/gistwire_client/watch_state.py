"""`WatchState`: how far a watch has come, kept from one run of `gistwire watch` to the next."""

import os
from pathlib import Path

from gistwire_client.errors import CheckpointError

_MAX_TOKEN_CHARACTERS = 4_096
"""Limit of WatchRequest.resume_token."""


class WatchState:
    """A file that holds a resume token. The methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str:
        """Reads the token; empty if there is no file yet.

        Raises:
            CheckpointError: the file cannot be read, or holds something else.
        """
        try:
            with self._path.open(encoding="ascii") as file:
                token = file.read(_MAX_TOKEN_CHARACTERS + 2).strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{self._path}: cannot be read: {error}") from error
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise CheckpointError(f"{self._path}: holds no resume token")
        return token

    def save(self, token: str) -> None:
        """Puts a token in place of the last one; a run that is killed leaves one or the other.

        Raises:
            CheckpointError: the file cannot be written.
        """
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            beside.write_text(f"{token}\n", encoding="ascii")
            beside.replace(self._path)
        except (OSError, UnicodeEncodeError) as error:
            beside.unlink(missing_ok=True)
            raise CheckpointError(f"{self._path}: cannot be written: {error}") from error
