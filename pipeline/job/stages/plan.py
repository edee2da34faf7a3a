"""Which pages there are, and the way of each. Pure.

Every page that a document says it has is listed exactly once, also those that `--pages`
and `--max-pages` leave out: what gets no row in the output is counted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import RecordedError
from pipeline.output.completed import Ledger, content_id, page_id
from pipeline.page_range import PageSelection
from pipeline.types import Document, Failure, PageRef, Route, Status


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """One row of the plan: a page and its way.

    Attributes:
        ref: The page.
        page_id: Identity of its row.
        content_id: Identity of its text.
        recipe_hash: The recipe that both are for.
        route: Its way.
        done: Status of the row that the output has already, None where it has none.
        size_bytes: Size of the document.
        failure: Why the document cannot be read (route `error`).
        warnings: What the reader complained about when it opened the document.
        outer: Place of the PDF that the document is embedded in, "" for none.
        attachments_left_out: On the first page of a PDF, its attachments that are not recognised.
    """

    ref: PageRef
    page_id: str
    content_id: str
    recipe_hash: str
    route: Route
    done: Status | None
    size_bytes: int
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    outer: str = ""
    attachments_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans documents for one recipe against one ledger.

    Attributes:
        recipe_hash: The recipe.
        selection: The pages that are wanted of every document.
        ledger: The rows that the output has already.
        max_pages: Most pages of every document, the first of those that are wanted; 0: all.
    """

    recipe_hash: str
    selection: PageSelection
    ledger: Ledger
    max_pages: int = 0

    def readable(
        self,
        document: Document,
        doc_id: str,
        media_type: str,
        sizes_pt: Sequence[tuple[float, float]],
        warnings: tuple[str, ...] = (),
    ) -> Iterator[PlannedPage]:
        """The pages of a document that could be opened, in order."""
        room = self.max_pages or len(sizes_pt)
        for page, (width_pt, height_pt) in enumerate(sizes_pt, start=1):
            ref = PageRef(
                document.uri, doc_id, page, len(sizes_pt), media_type, width_pt, height_pt
            )
            is_wanted = room > 0 and page in self.selection
            room -= is_wanted
            route = Route.OCR if is_wanted else Route.SKIP
            said = warnings if page == 1 else ()
            yield self._planned(ref, document, route, warnings=said)

    def unreadable(self, document: Document, error: RecordedError) -> PlannedPage:
        """The one row, with page 0, of a document that cannot be opened."""
        ref = PageRef(document.uri, "", 0, 0, "", 0.0, 0.0)
        failure = Failure(error.kind, str(error))
        return self._planned(ref, document, Route.ERROR, failure=failure)

    def _planned(
        self,
        ref: PageRef,
        document: Document,
        route: Route,
        failure: Failure | None = None,
        warnings: tuple[str, ...] = (),
    ) -> PlannedPage:
        identity = page_id(ref.uri, ref.doc_id, ref.page, self.recipe_hash)
        content = content_id(ref.doc_id, ref.page, self.recipe_hash)
        done = self.ledger.status(identity)
        if route is Route.OCR and done is None and self.ledger.has_text(content):
            route = Route.COPY
        return PlannedPage(
            ref=ref,
            page_id=identity,
            content_id=content,
            recipe_hash=self.recipe_hash,
            route=route,
            done=done,
            size_bytes=document.size_bytes,
            failure=failure,
            warnings=warnings,
            outer=document.outer,
        )
