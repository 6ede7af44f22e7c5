"""Which version of a model Triton serves, in the model's ``config.pbtxt``: `with_served_version`."""

import re

_POLICY = re.compile(r"^version_policy\s*:?\s*\{", re.MULTILINE)


def with_served_version(config: str, version: int) -> str:
    """Returns a model's configuration with this one version served, comments and all else as they were.

    Args:
        config: the text of ``config.pbtxt``.
        version: number of the version.
    """
    policy = f"version_policy {{ specific {{ versions: [ {version} ] }} }}"
    found = _POLICY.search(config)
    if found is None:
        return f"{config.rstrip()}\n\n{policy}\n"
    return config[: found.start()] + policy + config[_end_of_block(config, found.end()) :]


def _end_of_block(text: str, start: int) -> int:
    """Returns where the block ends whose opening brace stands before `start`: at the end of the text if nowhere."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    return len(text)
