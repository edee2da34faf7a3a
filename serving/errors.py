"""Errors of the HTTP API, in the shape of OpenAI's."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

from pipeline.errors import ErrorKind, RayscribeError

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_SERVER_ERROR: Final = 500
_STATUS_OF_KIND: Final = {
    ErrorKind.LIMIT: 413,
    ErrorKind.ENGINE: 502,
    ErrorKind.INTERNAL: 500,
}
"""HTTP status of a document or page error; every other kind is 422."""


class ApiError(RayscribeError):
    """A request that is answered with an error.

    Attributes:
        status: The HTTP status.
        code: What is wrong, as a word for programs.
        param: The field of the request that is wrong, None where it is none.
        retry_after_s: Seconds after which to try again, None where that would not help.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[Any, ...]:
        remade = partial(ApiError, param=self.param, retry_after_s=self.retry_after_s)
        return remade, (self.status, self.code, str(self))

    def body(self) -> dict[str, Any]:
        """The JSON body of the response."""
        return {
            "error": {
                "message": str(self),
                "type": _type(self.status),
                "param": self.param,
                "code": self.code,
            }
        }

    def headers(self) -> dict[str, str]:
        """The headers that the error adds to the response."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


class TransientApiError(ApiError):
    """An error of something that this service depends on, which may be gone the next time."""


def of_kind(kind: ErrorKind, message: str, param: str | None = None) -> ApiError:
    """The error for a document or a page that could not be read."""
    return ApiError(_STATUS_OF_KIND.get(kind, 422), kind.value, message, param=param)


def _type(status: int) -> str:
    if status >= _SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")
