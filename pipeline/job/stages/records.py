"""The records of a page between the stages of a job, before it is a `PageResult`.

Frozen, slotted, without behaviour. `pipeline.job.stages.rows` turns them into tables and back at
the edges of a stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.documents.look import PageView
from pipeline.types import Failure, PageIds, PageRef, Request, Route, Status


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
        position: Its place in the plan (`pipeline.job.stages.settled.position`), 0 in the plan
            itself.
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
    position: int = 0


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page that an engine has to read, before it is known which way is up.

    Attributes:
        page: Its row of the plan.
        view: What was found on it, with its image.
    """

    page: PlannedPage
    view: PageView


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """A page that an engine has to read, ready for it.

    Attributes:
        ref: The page.
        ids: Identity of its row.
        request: What the engine gets.
        view: What was found on the page; without its image, which `request` has.
        warnings: What the reader reported when it opened the document. What it reported of the
            page itself is in `view`.
        render_ms: Milliseconds of looking at the page and rendering it.
        prepare_ms: Milliseconds of making the request.
    """

    ref: PageRef
    ids: PageIds
    request: Request
    view: PageView
    warnings: tuple[str, ...] = ()
    render_ms: float | None = None
    prepare_ms: float | None = None
