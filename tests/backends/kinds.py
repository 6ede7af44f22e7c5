"""Whether backends run in containers or as plain processes: `wanted_kind`.

``GISTWIRE_TEST_BACKENDS`` says it: ``container``, ``process``, or ``auto`` (the default): a container where a Docker
engine answers that has the image, else a process. The end of a test run says which it was.
"""

import os

_VARIABLE = "GISTWIRE_TEST_BACKENDS"


def wanted_kind() -> str:
    """Returns ``"auto"``, ``"container"`` or ``"process"``.

    Raises:
        ValueError: the environment asks for something else.
    """
    wanted = os.environ.get(_VARIABLE, "auto")
    if wanted not in ("auto", "container", "process"):
        raise ValueError(f"{_VARIABLE} is {wanted!r}; it may be auto, container or process")
    return wanted
