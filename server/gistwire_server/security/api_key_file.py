"""The file of API keys: `parse_api_keys` for a server, `add_api_key` and `remove_api_key` for ``gistwire keys``.

It is JSON, so that programs of any language can write it::

    {"keys": [{"id": "0f3c…", "name": "site", "sha256": "9b1e…", "roles": ["search"], "tenants": ["default"],
               "created": "2026-10-01T12:00:00Z", "expires": null}]}
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from gistwire_indexer.index import check_tenant

from gistwire_server.errors import ConfigurationError
from gistwire_server.security.api_keys import ApiKey


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[ApiKey, ...]


def parse_api_keys(content: bytes) -> tuple[ApiKey, ...]:
    """Returns the keys of a file.

    Raises:
        ConfigurationError: it makes no sense.
    """
    try:
        keys = msgspec.json.decode(content, type=_KeyFile).keys
        for key in keys:
            for tenant in key.tenants or ():
                check_tenant(tenant)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"api_keys_file: {error}") from error
    if len({key.id for key in keys}) < len(keys):
        raise ConfigurationError("api_keys_file: two keys have the same id")
    return keys


def read_api_keys(path: Path) -> tuple[ApiKey, ...]:
    """Returns the keys of a file; none if there is no file.

    Raises:
        ConfigurationError: it makes no sense.
        OSError: it cannot be read.
    """
    try:
        return parse_api_keys(path.read_bytes())
    except FileNotFoundError:
        return ()


def add_api_key(path: Path, key: ApiKey) -> None:
    """Adds a key to a file, which is made if it is missing.

    Raises:
        ConfigurationError: the file makes no sense.
        OSError: it cannot be read or written.
    """
    with _changing(path):
        _write(path, (*read_api_keys(path), key))


def remove_api_key(path: Path, key_id: str) -> bool:
    """Removes a key from a file; says whether it was there.

    Raises:
        ConfigurationError: the file makes no sense.
        OSError: it cannot be read or written.
    """
    with _changing(path):
        keys = read_api_keys(path)
        left = tuple(key for key in keys if key.id != key_id)
        if len(left) == len(keys):
            return False
        _write(path, left)
        return True


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Lets one process change a file at a time."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file beside it, as the file itself is replaced.
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Puts a whole file in the place of the one before, readable by those who could read that one.

    The first one only its owner can read.
    """
    content = msgspec.json.format(msgspec.json.encode(_KeyFile(tuple(keys))), indent=2)
    # mkstemp gives the mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                before = path.stat()
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
