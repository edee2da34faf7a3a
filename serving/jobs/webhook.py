"""Tells a listed host that a job has ended.

The message is `{"type": "ocr.job.completed" | "ocr.job.failed", "data": {...}}` with the job as its
status has it. It is sent until the host answers with 2xx, `job.webhook_tries` times at most; where
the service is restarted in between, the count begins anew. So a host may be told twice: the header
`webhook-id` is the same then.

With a secret it is signed as Standard Webhooks (https://www.standardwebhooks.com) says, so that
`client.webhooks.verify_signature` of OpenAI's client checks it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from pipeline.errors import ConfigError
from serving.config import FetchConfig, JobConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher

VARIABLE: Final = "RAYSCRIBE_WEBHOOK_SECRET"
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)
_TIMEOUT_S: Final = 10.0
_OK: Final = range(200, 300)
_log = logging.getLogger(__name__)


class Webhook:
    """Sends messages, only to the hosts in `job.webhook_hosts` and only by https.

    Args:
        config: Names them.
        secret: What messages are signed with, empty for no signature.
        fetcher: Connects to them; None for one of its own.
        pause_s: Seconds before the second attempt.
    """

    def __init__(
        self,
        config: JobConfig,
        secret: bytes = b"",
        fetcher: Fetcher | None = None,
        pause_s: float = 1.0,
    ) -> None:
        hosts = FetchConfig(hosts=config.webhook_hosts)
        self._fetcher = fetcher or Fetcher(hosts)
        self._secret = secret
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

    async def tell(self, url: str, message_id: str, message: dict[str, Any]) -> bool:
        """Send a message; whether it was taken.

        Args:
            url: Where.
            message_id: Identity of the message, the same in each attempt.
            message: JSON.
        """
        body = json.dumps(message).encode()
        for attempt in range(self._tries):
            if attempt:
                await asyncio.sleep(self._pause_s * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    status = await self._send(url, message_id, body)
            except (ApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                _log.warning("a webhook was not told: %s", type(error).__name__)
                continue
            if status in _OK:
                return True
            _log.warning("a webhook answered with status %d", status)
        return False

    async def _send(self, url: str, message_id: str, body: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        headers |= signed_headers(self._secret, message_id, int(time.time()), body)
        async with (
            self._fetcher.connect(url) as (allowed, session),
            session.post(allowed, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status


def signed_headers(secret: bytes, message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The headers of a message, by Standard Webhooks.

    Args:
        secret: The key; empty for no signature.
        message_id: Identity of the message.
        sent_at: When this attempt is made, Unix time in seconds.
        body: The message.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(sent_at)}
    if secret:
        signed = f"{message_id}.{sent_at}.".encode() + body
        digest = hmac.new(secret, signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def log_signing(config: JobConfig, secret: bytes) -> None:
    """Log whether messages are signed, as a warning where they are not.

    The environment of this process may be another than that of `jobs.serve`, which checks it.

    Args:
        config: Names the hosts; without any there are no messages.
        secret: What messages are signed with, empty for no signature.
    """
    if not config.webhook_hosts:
        return
    if secret:
        _log.info("webhooks are signed")
        return
    _log.warning(
        "webhooks are not signed: this process has no %s in its environment, and no"
        " job.webhook_secret_file is set",
        VARIABLE,
    )


def read_secret(config: JobConfig, environment: Mapping[str, str]) -> bytes:
    """The secret that messages are signed with, empty where there is none.

    Args:
        config: Names its file.
        environment: Of the process.

    Raises:
        ConfigError: The file cannot be read, or it is no such secret.
    """
    name = config.webhook_secret_file
    try:
        text = Path(name).read_text() if name else environment.get(VARIABLE, "")
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"job.webhook_secret_file {name} cannot be read: {error}") from None
    place = "job.webhook_secret_file" if name else VARIABLE
    text = text.strip()
    if not text and not name:
        return b""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(_PREFIX) or len(secret) not in _SECRET_BYTES:
        raise ConfigError(f"{place}: write whsec_ and 24 to 64 bytes in base64")
    return secret
