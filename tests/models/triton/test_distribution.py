"""Tests of the environment that Triton's models run in: they import nothing that is not in it."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from gistwire_models.triton.distribution import _PACKAGES

_IMPORTED = """
import json, sys
import gistwire_models.encoder_engine, gistwire_models.local_summarizer, gistwire_models.model_repository
import gistwire_models.summary_streams
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""


def _with_requirements(names: set[str]) -> set[str]:
    """Names of distributions and of all that they require without extras, in their normal form."""
    found: set[str] = set()
    waiting = [_normal(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue
        waiting += [
            _normal(match[0])
            for each in wanted
            if "extra ==" not in each and (match := re.match(r"[\w.-]+", each)) is not None
        ]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_triton_runs_imports_nothing_beyond_its_environment() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _IMPORTED], check=True, capture_output=True, text=True, timeout=120
    )
    distributions = packages_distributions()
    imported = {
        _normal(distribution)
        for module in json.loads(run.stdout)
        for distribution in distributions.get(module, [])
    }
    assert {"ctranslate2", "tokenizers"} <= imported
    assert imported - _with_requirements(set(_PACKAGES)) - {"gistwire", "numpy", "setuptools"} == set()
