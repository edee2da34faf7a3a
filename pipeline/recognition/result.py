"""The last step of a page that was looked at: what the look and the recognition found, as a result.

The batch and the service call the same function, so that a page has the same result in both.
"""

from __future__ import annotations

from pipeline.documents.look import PageView
from pipeline.recognition.retry_ladder import text_source
from pipeline.recognition.text_score import scored, warnings_of
from pipeline.types import PageRef, PageResult, Recognition, Timing


def page_result(
    ref: PageRef,
    view: PageView | None,
    recognition: Recognition,
    warnings: tuple[str, ...] = (),
    timing: Timing | None = None,
    min_text_score: float = 0.0,
) -> PageResult:
    """The result of a page.

    Args:
        ref: The page.
        view: What was found when it was looked at, None where that failed.
        recognition: What became of it.
        warnings: What the reader reported of the document; those of the view come after them.
        timing: Milliseconds of each stage.
        min_text_score: A text score below this is a warning, and so are tables in doubt; 0: none.
    """
    timing = timing or Timing()
    if view is None:
        return PageResult(ref, recognition, warnings=warnings, timing=timing)
    trust = view.trust.score if view.trust else None
    score, parts = scored(recognition, trust)
    doubts: tuple[str, ...] = ()
    if score is not None and parts is not None:
        doubts = tuple(warnings_of(score, parts, min_text_score))
    return PageResult(
        ref=ref,
        recognition=recognition,
        source=text_source(recognition, view.source),
        width_px=view.width_px,
        height_px=view.height_px,
        dpi=view.dpi,
        warnings=(*warnings, *view.warnings, *recognition.warnings, *doubts),
        text_layer_trust=trust,
        text_layer_doubts=view.trust.doubts if view.trust else (),
        turned_deg=view.turned_deg,
        text_score=score,
        text_score_parts=parts,
        timing=timing,
    )
