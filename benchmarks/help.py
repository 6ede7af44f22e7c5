"""What the help of a benchmark ends with: `examples`."""


def examples(*calls: str) -> str:
    """The end of a command's help: calls of it, one a line, which click leaves so behind the character U+0008."""
    return "\n".join(["\b", "Examples:", *(f"  python -m benchmarks {each}" for each in calls)])
