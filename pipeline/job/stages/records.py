"""The records of a page between the stages of a job, before it is a `PageResult`.

Frozen, slotted, without behaviour. `pipeline.job.stages.rows` turns them into tables and back at
the edges of a stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.documents.look import PageView
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
        outer: URI of the PDF that the document is embedded in, "" for none.
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
    """A page that was inspected, and rendered if an engine has to read it.

    Attributes:
        ref: The page.
        ids: Identity of its row.
        warnings: What the reader reported when it opened the document. What it reported of the
            page itself is in `view`.
        view: What was found on the page; None if it could not be inspected. It has an image only
            if an engine has to read the page and no request has been made from the image yet.
        settled: The result of a page that needs no engine: blank, read from its text layer, or
            failed. None if an engine has to read it.
        render_ms: Milliseconds of inspecting and rendering; None if it was not inspected.
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
        page: The page, without the pixels of its view.
        request: What the engine gets; None if the page is settled (`page.settled`).
        prepare_ms: Milliseconds of making the request; None if there is none.
    """

    page: RenderedPage
    request: Request | None = None
    prepare_ms: float | None = None
