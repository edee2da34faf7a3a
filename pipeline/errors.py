"""The errors of the pipeline, grouped by the reaction that each asks for.

`ConfigError` stops before the start. `DocumentError` and `PageError` become rows and the
job goes on. `EngineError` asks for a retry or a restart of the engine.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a page or a document has no text: the value of the column `error_kind`."""

    NOT_FOUND = "not_found"
    """The input is not there, or vanished."""
    FETCH = "fetch"
    """The input is there and could not be fetched: refused, too slow, or broken off too often."""
    UNREADABLE = "unreadable"
    """The bytes are not a document that any reader here can open."""
    EMPTY = "empty"
    """The file has no bytes."""
    NO_PAGES = "no_pages"
    """The document opens and says that it has no pages."""
    PASSWORD = "password"  # noqa: S105 - the name of an error, not a secret
    """The document is encrypted and no password that was given opens it."""
    LIMIT = "limit"
    """Over a limit of the config (pixels, bytes), found before anything was decoded."""
    TIMEOUT = "timeout"
    """Reading took longer than `read.wall_s` or `read.cpu_s`; the reader was killed."""
    CRASH = "crash"
    """The reader process, or a worker beside the engine, died (a signal, or want of memory)."""
    RENDER = "render"
    """The page exists and could not be drawn."""
    NO_TEXT_LAYER = "no_text_layer"
    """The page has no text layer, and `--text-layer only` asks for nothing else."""
    ENGINE = "engine"
    """The engine failed on this page, or its process died of it."""
    INTERNAL = "internal"
    """A fault of Rayscribe itself: please report it."""


class RayscribeError(Exception):
    """The base of all errors that Rayscribe raises on purpose."""


class ConfigError(RayscribeError):
    """Wrong usage or config. The message says what to change. Exit code 2."""


class JobError(RayscribeError):
    """The job as a whole cannot go on (output not writable, pages in are not rows out)."""


class RecordedError(RayscribeError):
    """An error that becomes a row.

    Attributes:
        kind: The value for the column `error_kind`.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[RecordedError], tuple[ErrorKind, str]]:
        return type(self), (self.kind, str(self))


class DocumentError(RecordedError):
    """A document that cannot be opened: one row with page 0."""


class PageError(RecordedError):
    """A page that cannot be read, drawn or recognised: one row for that page."""


class RefusedError(RayscribeError):
    """A document must not be changed: an export leaves it out, with the reason, and goes on."""


class EngineError(RayscribeError):
    """The engine failed: retry the page, or restart the engine."""
