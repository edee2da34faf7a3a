"""Answers a line of a batch as the endpoint itself would, behind other requests."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.responses import Response

from serving.errors import ApiError
from serving.http.middleware import LogEntry
from serving.jobs import batch_lines
from serving.jobs.batch_lines import Line
from serving.jobs.patience import patiently
from serving.jobs.slots import Slots
from serving.jobs.store_calls import to_thread

Answer = Callable[[dict[str, Any], LogEntry, float], Awaitable[Response]]
"""Answers a request: its body, an entry for its counts, and its deadline by `time.monotonic`."""

_PATH: Final = "/v1/batches"
_OK: Final = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LineAnswers:
    """Answers lines.

    Attributes:
        respond: Answers a request.
        slots: Keeps lines behind other requests.
        request_s: Seconds in which a line must be answered.
        on_line: Called with the log entry of every line.
    """

    respond: Answer
    slots: Slots
    request_s: float
    on_line: Callable[[LogEntry], None]

    async def answer(self, path: str, line: Line) -> tuple[int, bool, dict[str, Any]]:
        """Answer a line.

        Args:
            path: The input file.
            line: Where it is.

        Returns:
            Its number, whether the answer is an error, and the line of the output.
        """
        entry = LogEntry(uuid.uuid4().hex, "POST", _PATH)
        try:
            body = await to_thread(batch_lines.body, path, line)
            response = await patiently(partial(self._ask, body, entry))
            entry.status, content = response.status_code, json.loads(bytes(response.body))
        except ApiError as error:
            content = _failed(entry, error)
        except Exception:
            _log.exception("a line of a batch failed: %s", entry.request_id)
            message = "the server failed on this line; please report it"
            content = _failed(entry, ApiError(500, "internal", message))
        self.on_line(entry)
        response_part = {
            "status_code": entry.status,
            "request_id": entry.request_id,
            "body": content,
        }
        return line.number, entry.status != _OK, output_line(line, response_part, None)

    async def _ask(self, body: dict[str, Any], entry: LogEntry) -> Response:
        if body.get("stream"):
            message = "stream: lines of a batch are answered in one piece"
            raise ApiError(400, "unsupported_parameter", message, param="stream")
        async with self.slots.acquired():
            return await self.respond(body, entry, time.monotonic() + self.request_s)


def _failed(entry: LogEntry, error: ApiError) -> dict[str, Any]:
    entry.set_error(error)
    entry.status = error.status
    return error.body()


def output_line(
    line: Line, response: dict[str, Any] | None, error: dict[str, str] | None
) -> dict[str, Any]:
    """A line of the output, as OpenAI writes it.

    Args:
        line: The line of the input.
        response: Status, id and body of the answer, None where there is none.
        error: Why there is none.
    """
    return {
        "id": f"batch_req_{uuid.uuid4().hex}",
        "custom_id": line.custom_id,
        "response": response,
        "error": error,
    }
