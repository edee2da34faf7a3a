"""The lines of the log."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from serving import json_log


def printed(
    capsys: pytest.CaptureFixture[str], *lines: str, **batch: object
) -> list[dict[str, str]]:
    json_log.print_worker_lines({"lines": lines, "pid": 7, **batch})
    return [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]


def test_json_of_a_replica_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, '{"path": "/health"}') == [{"path": "/health"}]


def test_other_lines_become_messages_that_say_who_wrote_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = printed(capsys, "\x1b[36mhello\x1b[0m\n", "", "{no json", actor_name="Ingress")
    assert (first["process"], first["pid"], second["message"]) == ("Ingress", "7", "{no json")
    assert first["message"] == "\x1b[36mhello\x1b[0m"


def test_an_error_of_ray_with_several_lines_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [said] = printed(capsys, "one\ntwo")
    assert said["message"] == "one\ntwo"


def test_the_state_of_rays_autoscaler_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "Node status", pid="autoscaler") == []


def test_everything_that_a_process_logs_is_json() -> None:
    """Warnings, other packages' handlers, a thread and the main thread that crash."""
    code = """
import logging, threading, warnings
logging.getLogger("ray").addHandler(logging.StreamHandler())
logging.getLogger("ray").propagate = False
from serving import json_log
json_log.configure(); json_log.configure()
logging.getLogger("ray").error("of ray")
logging.getLogger("ours").warning("of ours")
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
raise OSError("end")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.split("\n") if line]
    assert [line["message"].split("\n")[0].split(": ")[-1] for line in lines] == [
        *("of ray", "of ours", "careful", "crashed", "crashed")
    ]
    assert "ZeroDivisionError" in lines[3]["exception"]
    assert "OSError: end" in lines[4]["exception"]


def test_a_level_and_a_logger_are_fields() -> None:
    record = logging.LogRecord("a.b", logging.WARNING, "", 0, "n: %d", (3,), None)
    said = json.loads(json_log.JsonFormatter().format(record))
    assert (said["level"], said["logger"], said["message"]) == ("warning", "a.b", "n: 3")
