from __future__ import annotations

import os
import time
from collections import Counter

from pipeline.job.metrics import JobMetrics, StageMonitor, StageReport


def test_overlapping_work_counts_once():
    reports: list[StageReport] = []
    meter = StageMonitor("render", reports.append)
    with meter.busy():
        with meter.busy():
            time.sleep(0.05)
        time.sleep(0.05)
    time.sleep(0.1)
    meter.report(2, failed=1, finished=1)
    [report] = reports
    assert (report.stage, report.pages, report.failed) == ("render", 2, 1)
    assert 0.1 <= report.busy_s < 0.19
    assert report.worker.endswith(f":{os.getpid()}")
    assert report.peak_mib > 10


def test_a_report_in_the_midst_of_work_does_not_count_it_twice():
    reports: list[StageReport] = []
    meter = StageMonitor("recognise", reports.append)
    begin = time.perf_counter()
    with meter.busy():
        time.sleep(0.03)
        meter.report(1, failed=0, finished=0)
        time.sleep(0.03)
    spent = time.perf_counter() - begin
    meter.report(1, failed=0, finished=0)
    assert sum(report.busy_s for report in reports) <= spent
    assert reports[0].busy_s >= 0.03


def test_reports_are_summed_over_workers():
    metrics = JobMetrics()
    metrics.add(StageReport("render", "a:1", 3, 0, 3, 1.0, 100.0))
    metrics.add(StageReport("render", "a:2", 2, 1, 0, 0.5, 300.0))
    metrics.add(StageReport("render", "a:1", 1, 0, 1, 1.0, 50.0))
    stage = metrics.stages()["render"]
    assert (stage.pages, stage.failed, stage.finished, stage.busy_s) == (6, 1, 4, 2.5)
    assert stage.peaks_mib == {"a:1": 100.0, "a:2": 300.0}


def test_reports_that_may_wait_are_sent_together():
    reports: list[StageReport] = []
    monitor = StageMonitor("recognise", reports.append)
    for _ in range(5):
        monitor.report(1, failed=0, finished=1, may_wait=True)
    assert [report.pages for report in reports] == [1], "the others wait for half a second"
    monitor.flush()
    monitor.flush()
    assert [report.finished for report in reports] == [1, 4]


def test_workers_say_which_of_their_optional_parts_run():
    reports: list[StageReport] = []
    StageMonitor("recognise", reports.append, {"encoder": "on"}).report(1, failed=0, finished=1)
    StageMonitor("recognise", reports.append).report(1, failed=0, finished=1)
    assert [report.parts for report in reports] == [{"encoder": "on"}, {}]
    metrics = JobMetrics()
    other = StageReport("recognise", "b:1", 1, 0, 1, 1.0, 1.0, {"encoder": "off: another vLLM"})
    for report in (*reports, other, other):
        metrics.add(report)
    said = metrics.stages()["recognise"].parts
    assert said == {"encoder": ["on", "off: another vLLM"]}


def test_what_a_part_leaves_out_counts_once_however_often_it_is_told():
    metrics = JobMetrics()
    for part, count in ((0, 5), (1, 2), (0, 5)):
        metrics.leave_out(part, Counter({".txt": count}))
    assert metrics.left_out() == {".txt": 7}
