"""Tests of what a run tells and keeps."""

import time
from pathlib import Path

from gistwire_training.encoder import EncoderProgress
from gistwire_training.encoder.run_log import METRICS_FILE, RunLog, read_metrics


def log_of(folder: Path, *, done: int = 0) -> RunLog:
    return RunLog(folder, done=done, total=9, on_progress=lambda _: None)


def test_a_report_gives_means_since_the_last_one(tmp_path: Path) -> None:
    told: list[EncoderProgress] = []
    with RunLog(tmp_path, done=0, total=9, on_progress=told.append) as log:
        for loss in (3.0, 1.0):
            log.add(loss, pairs=16, started=time.monotonic() - 1)
        log.report(2, learning_rate=0.1)
        log.add(0.5, pairs=16, started=time.monotonic() - 1)
        log.report(3, learning_rate=0.2, validation_ndcg=0.75)
        log.report(4, learning_rate=0.3)
    assert [progress.loss for progress in told] == [2.0, 0.5, None]
    assert [progress.validation_ndcg for progress in told] == [None, 0.75, None]
    assert [progress.done for progress in told] == [2, 3, 4]
    assert told[0].total == 9
    assert told[0].pairs_per_s is not None
    assert 0 < told[0].pairs_per_s <= 16
    assert read_metrics(tmp_path) == told


def test_what_a_resumed_run_will_do_again_is_dropped(tmp_path: Path) -> None:
    with log_of(tmp_path) as log:
        for step in (5, 10, 15):
            log.report(step, learning_rate=0.1)
    with (tmp_path / METRICS_FILE).open("ab") as lines:
        lines.write(b'{"stage":"trai')
    with log_of(tmp_path, done=10) as log:
        log.report(11, learning_rate=0.2)
    assert [progress.done for progress in read_metrics(tmp_path)] == [5, 10, 11]


def test_a_run_without_reports_has_no_metrics(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
