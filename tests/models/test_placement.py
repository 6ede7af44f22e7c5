"""Tests of where engines compute: which instructions CTranslate2 is asked to use."""

import os
from pathlib import Path

import pytest
from gistwire_models import placement
from gistwire_models.placement import INSTRUCTIONS_VARIABLE, prefer_avx512

WIDE = "flags\t\t: fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"
NARROW = "flags\t\t: fpu avx2 avx512f\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that it is put back as it was.
    monkeypatch.setenv(INSTRUCTIONS_VARIABLE, "")
    monkeypatch.delenv(INSTRUCTIONS_VARIABLE)


@pytest.mark.parametrize(("cpu", "chosen"), [(WIDE, "AVX512"), (NARROW, None), ("processor: 0\n", None)])
def test_avx_512_is_chosen_where_the_cpu_has_all_of_it(
    cpu: str, chosen: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\n{cpu}")
    monkeypatch.setattr(placement, "_CPU_INFO", info)
    prefer_avx512()
    assert os.environ.get(INSTRUCTIONS_VARIABLE) == chosen


def test_what_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(WIDE)
    monkeypatch.setattr(placement, "_CPU_INFO", info)
    monkeypatch.setenv(INSTRUCTIONS_VARIABLE, "AVX2")
    prefer_avx512()
    assert os.environ[INSTRUCTIONS_VARIABLE] == "AVX2"


def test_a_system_that_tells_no_flags_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(placement, "_CPU_INFO", tmp_path / "none")
    prefer_avx512()
    assert INSTRUCTIONS_VARIABLE not in os.environ
