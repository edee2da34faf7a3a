"""The result of a page with all that its row has and the service's answer has not."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import Recipe
from pipeline.documents.look import PageView
from pipeline.engines.recipe import engine_and_model
from pipeline.recognition.result import page_result
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Timing


def row_result(
    ref: PageRef,
    ids: PageIds,
    view: PageView | None,
    recognition: Recognition,
    warnings: tuple[str, ...],
    timing: Timing,
    recipe: Recipe,
) -> PageResult:
    """The result of a page, with its identity and the engine and model that read it.

    Args:
        ref: The page.
        ids: Identity of its row.
        view: What was found when it was looked at, None where that failed.
        recognition: What became of it.
        warnings: What the reader reported of the document; those of the view come after them.
        timing: Milliseconds of each stage.
        recipe: How pages are read.
    """
    engine, model = engine_and_model(recipe, recognition.rung)
    result = page_result(ref, view, recognition, warnings, timing, recipe.quality.min_text_score)
    return replace(result, ids=ids, engine=engine, model=model)
