"""Tells a listed host that a job has ended.

The message is `{"type": "ocr.job.completed" | "ocr.job.failed", "data": {...}}` with the job as its
status has it. It is sent until the host answers with 2xx, `job.webhook_tries` times at most; where
the service is restarted in between, the count begins anew.
"""

from __future__ import annotations

from typing import Final

from serving.config import FetchConfig, JobConfig
from serving.http.url_fetch import Fetcher

_TIMEOUT_S: Final = 10.0


class Webhook:
    """Sends messages, only to the hosts in `job.webhook_hosts` and only by https.

    Args:
        config: Names them.
    """

    def __init__(self, config: JobConfig) -> None:
        hosts = FetchConfig(hosts=config.webhook_hosts, timeout_s=_TIMEOUT_S, max_redirects=0)
        self._fetcher = Fetcher(hosts)

    def check(self, url: str, param: str) -> None:
        """Refuse a URL that would not be told.

        Raises:
            ApiError: 400: its host is not listed.
        """
        self._fetcher.check(url, param)
