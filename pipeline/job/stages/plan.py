"""Which pages there are, and the route of each. Pure.

Every page that a document says it has is listed exactly once, also those that `--pages`
and `--max-pages` leave out: what gets no row in the output is counted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import RecordedError
from pipeline.job.stages.records import PlannedPage
from pipeline.output.completed import Ledger, content_id, page_id
from pipeline.page_range import PageSelection
from pipeline.types import Document, Failure, PageIds, PageRef, Route


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans documents for one recipe against one ledger.

    Attributes:
        recipe_hash: The recipe.
        selection: The pages that are wanted of every document.
        ledger: The rows that the output has already.
        max_pages: Pages of every document at most, the first of those that are wanted; 0: all.
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
        left = self.max_pages or len(sizes_pt)
        for page, (width_pt, height_pt) in enumerate(sizes_pt, start=1):
            ref = PageRef(
                document.uri, doc_id, page, len(sizes_pt), media_type, width_pt, height_pt
            )
            is_wanted = left > 0 and page in self.selection
            left -= is_wanted
            route = Route.OCR if is_wanted else Route.SKIP
            yield self._planned(ref, document, route, warnings=warnings if page == 1 else ())

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
        ids = PageIds(
            page_id(ref.uri, ref.doc_id, ref.page, self.recipe_hash),
            content_id(ref.doc_id, ref.page, self.recipe_hash),
            self.recipe_hash,
        )
        done = self.ledger.status(ids.page_id)
        if route is Route.OCR and done is None and self.ledger.has_text(ids.content_id):
            route = Route.COPY
        return PlannedPage(
            ref=ref,
            ids=ids,
            route=route,
            done=done,
            size_bytes=document.size_bytes,
            failure=failure,
            warnings=warnings,
            outer=document.outer,
        )
