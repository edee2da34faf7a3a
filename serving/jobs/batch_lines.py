"""The lines of a batch's input: where they are in the file, and what is wrong with them. Blocks.

Source of the format: OpenAI's guide to the Batch API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from serving.jobs.records import LineProblem

_MAX_PROBLEMS: Final = 100
_METHOD: Final = "POST"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a batch.

    Attributes:
        number: From 1.
        custom_id: The caller's name for it.
        start: Its first byte in the file.
        size: Its bytes.
    """

    number: int
    custom_id: str
    start: int
    size: int


def index(path: str, endpoint: str, max_lines: int) -> tuple[list[Line], list[LineProblem]]:
    """The lines of a file, and what is wrong with it: a batch with a problem is not begun.

    Args:
        path: The file.
        endpoint: The path that every line must name.
        max_lines: Maximum lines.
    """
    lines: dict[str, Line] = {}
    problems: list[LineProblem] = []
    for number, start, content in _numbered(path):
        if len(lines) >= max_lines:
            message = f"more than {max_lines} lines (job.max_lines): make several batches"
            return [], [LineProblem(code="too_many_lines", message=message)]
        found = _problem(content, endpoint, lines, number)
        if isinstance(found, LineProblem):
            problems.append(found)
            if len(problems) == _MAX_PROBLEMS:
                break
        else:
            lines[found] = Line(number, found, start, len(content))
    if not lines and not problems:
        problems = [LineProblem(code="empty_file", message="the input file has no lines")]
    return list(lines.values()), problems


def body(path: str, line: Line) -> dict[str, Any]:
    """The request of a line."""
    with open(path, "rb") as file:
        file.seek(line.start)
        request: dict[str, Any] = json.loads(file.read(line.size))["body"]
        return request


def _numbered(path: str) -> Iterator[tuple[int, int, bytes]]:
    """Number, first byte and content of each line that is not empty."""
    start = 0
    with open(path, "rb") as file:
        for number, content in enumerate(file, 1):
            if content.strip():
                yield number, start, content
            start += len(content)


def _problem(
    content: bytes, endpoint: str, known: dict[str, Line], number: int
) -> LineProblem | str:
    """What is wrong with a line; its `custom_id` where nothing is."""

    def problem(code: str, message: str, param: str | None = None) -> LineProblem:
        return LineProblem(code=code, message=message, param=param, line=number)

    try:
        request = from_json(content, allow_inf_nan=False)
    except ValueError:
        return problem("invalid_json_line", "this line is not JSON")
    if not isinstance(request, dict):
        return problem("invalid_json_line", "this line is not a JSON object")
    custom_id = request.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        return problem("missing_required_parameter", "custom_id: must be a text", "custom_id")
    if custom_id in known:
        return problem(
            "duplicate_custom_id", f"line {known[custom_id].number} has it too", "custom_id"
        )
    if request.get("method") != _METHOD:
        return problem("invalid_method", f"method: must be {_METHOD}", "method")
    if request.get("url") != endpoint:
        return problem("mismatched_url", f"url: must be the batch's endpoint, {endpoint}", "url")
    if not isinstance(request.get("body"), dict):
        return problem("missing_required_parameter", "body: must be an object", "body")
    return custom_id
