"""Tells a listed host that a job has ended.

The message is `{"type": "ocr.job.completed" | "ocr.job.failed", "data": {...}}` with the job as its
status has it. It is sent until the host answers with 2xx, `job.webhook_tries` times at most; where
the service is restarted in between, the count begins anew. So a host may be told twice.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import aiohttp

from serving.config import FetchConfig, JobConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher

_TIMEOUT_S: Final = 10.0
_OK: Final = range(200, 300)
_log = logging.getLogger(__name__)


class Webhook:
    """Sends messages, only to the hosts in `job.webhook_hosts` and only by https.

    Args:
        config: Names them.
        fetcher: Connects to them; None for one of its own.
        pause_s: Seconds before the second attempt.
    """

    def __init__(
        self, config: JobConfig, fetcher: Fetcher | None = None, pause_s: float = 1.0
    ) -> None:
        hosts = FetchConfig(hosts=config.webhook_hosts)
        self._fetcher = fetcher or Fetcher(hosts)
        self._tries = config.webhook_tries
        self._pause_s = pause_s

    def check(self, url: str, param: str) -> None:
        """Refuse a URL that would not be told.

        Raises:
            ApiError: 400: its host is not listed.
        """
        try:
            self._fetcher.check(url, param)
        except ApiError as error:
            message = "this is no https URL of a host in job.webhook_hosts"
            raise ApiError(400, "webhook_refused", message, param=param) from error

    async def tell(self, url: str, message: dict[str, Any]) -> bool:
        """Send a message; whether it was taken.

        Args:
            url: Where.
            message: JSON.
        """
        for attempt in range(self._tries):
            if attempt:
                await asyncio.sleep(self._pause_s * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    status = await self._send(url, message)
            except (ApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                _log.warning("a webhook was not told: %s", type(error).__name__)
                continue
            if status in _OK:
                return True
            _log.warning("a webhook answered with status %d", status)
        return False

    async def _send(self, url: str, message: dict[str, Any]) -> int:
        async with (
            self._fetcher.connect(url) as (allowed, session),
            session.post(allowed, json=message, allow_redirects=False) as response,
        ):
            return response.status
