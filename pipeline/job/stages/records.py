"""The records of a page on its way through a job, one for each step before `PageResult`.

Frozen, slotted, without behaviour. `pipeline.job.stages.rows` turns them into tables and back at
the edges of a stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.recognition.route import PageView
from pipeline.types import Failure, PageIds, PageRef, Recognition, Request, Route, Status


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """One row of the plan: a page and its route.

    Attributes:
        ref: The page.
        ids: Identity of its row.
        route: Its route.
        done: Status of the row that the output has already, None where it has none.
        size_bytes: Size of the document.
        failure: Why the document cannot be read (route `error`).
        warnings: What the reader reported when it opened the document.
        outer: AnyPath of the PDF that the document is embedded in, "" for none.
        attachments_left_out: On the first page of a PDF, its attachments that are not recognised.
    """

    ref: PageRef
    ids: PageIds
    route: Route
    done: Status | None
    size_bytes: int
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    outer: str = ""
    attachments_left_out: int = 0


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A page that was looked at, and drawn where an engine has to read it.

    Attributes:
        ref: The page.
        ids: Identity of its row.
        warnings: What the reader reported when it opened the document. What it reported of the
            page itself is in `view`.
        view: What was found on the page, None where it could not be looked at. Its image is there
            while an engine has to read the page and no request is made of it yet.
        settled: What became of a page that needs no engine: blank, read from its text layer, or
            failed. None where an engine has to read it.
        render_ms: Milliseconds spent on it, None where it was not looked at.
    """

    ref: PageRef
    ids: PageIds
    warnings: tuple[str, ...] = ()
    view: PageView | None = None
    settled: Recognition | None = None
    render_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """A page ready for its engine, or settled.

    Attributes:
        page: The page; the pixels of its view are left behind.
        request: What the engine gets, None where `page.settled` says what became of it.
        prepare_ms: Milliseconds spent on making the request, None where there is none.
    """

    page: RenderedPage
    request: Request | None = None
    prepare_ms: float | None = None
