import ast
import inspect
import subprocess
import sys
from pathlib import Path

import gistwire_models
from gistwire_models import encoder, errors, summarizer


def test_every_exported_name_exists() -> None:
    namespace: dict[str, object] = {}
    exec("from gistwire_models import *", namespace)
    assert set(gistwire_models.__all__) <= namespace.keys()


def test_all_that_the_interfaces_define_is_exported() -> None:
    defined = set()
    for module in (encoder, errors, summarizer):
        for statement in ast.parse(inspect.getsource(module)).body:
            if isinstance(statement, ast.ClassDef):
                defined.add(statement.name)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                defined.add(statement.target.id)
    assert set(gistwire_models.__all__) == defined


def test_exports_are_sorted() -> None:
    assert list(gistwire_models.__all__) == sorted(gistwire_models.__all__)


def test_importing_the_package_loads_no_engine() -> None:
    program = (
        "import sys, gistwire_models; "
        "print(*sorted({'ctranslate2', 'torch', 'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    source_root = Path(gistwire_models.__file__).parents[1]
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=source_root, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""
