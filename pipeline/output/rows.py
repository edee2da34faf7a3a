"""Converts between results and rows of `schema.PAGES`: the only module that does.

`pipeline.job.stages.rows` converts what goes from stage to stage of a job, with the same functions
for the columns that both have: identity, failure, blocks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import ErrorKind
from pipeline.output import schema
from pipeline.types import (
    Attempt,
    Block,
    Box,
    Failure,
    FinishReason,
    Generation,
    Line,
    Outcome,
    PageIds,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
    Timing,
)

Row = dict[str, Any]


def pages_table(results: Sequence[PageResult]) -> pa.Table:
    """Rows of `PAGES`."""
    return pa.Table.from_pylist([_result_row(result) for result in results], schema=schema.PAGES)


def page_results(table: pa.Table) -> list[PageResult]:
    """The records of rows of `PAGES`; `page_results(pages_table(x)) == x`."""
    return [_page_result(row) for row in table.to_pylist()]


def copied_row(row: Row, page_id: str, uri: str) -> Row:
    """The row of a page under another name, from the row (of `PAGES`) that has its text.

    What it cost to read the page stays in that row alone.
    """
    cost = dict.fromkeys((*schema.GENERATION, *schema.TIMING))
    source = {"copied_from": row["copied_from"] or row["page_id"]}
    return row | cost | source | {"page_id": page_id, "uri": uri, "attempts": []}


def _result_row(result: PageResult) -> Row:
    recognition, generation = result.recognition, result.recognition.generation
    row = identity_row(result.ref, result.ids) | failure_row(recognition.failure)
    row |= {name: getattr(recognition, name) for name in ("status", "text", "raw", "rung")}
    row |= {name: getattr(result, name) for name in _RESULT}
    row |= {name: list(getattr(result, name)) for name in _RESULT_LISTS}
    row |= {name: getattr(result.timing, name) for name in schema.TIMING}
    if generation:
        row |= {name: getattr(generation, name) for name in schema.GENERATION}
    row["blocks"] = [block_row(block, _points_per_px(result)) for block in recognition.blocks]
    row["lines"] = [line_row(line) for line in recognition.lines]
    parts = result.text_score_parts
    row["text_score_parts"] = dataclasses.asdict(parts) if parts else None
    row["attempts"] = [dataclasses.asdict(attempt) for attempt in recognition.attempts]
    return row


_PLAIN = (
    *("width_px", "height_px", "dpi", "text_layer_trust", "turned_deg"),
    *("text_score", "copied_from", "engine", "model"),
)
_RESULT = ("source", *_PLAIN)
_RESULT_LISTS = ("warnings", "text_layer_doubts")
_WORD_START_UNITS = 10_000
"""Of a line's length: whole numbers take a third of the space of shares."""


def _page_result(row: Row) -> PageResult:
    generation = None
    if row["finish_reason"] is not None:
        fields = {name: row[name] for name in schema.GENERATION}
        generation = Generation(**fields | {"finish_reason": FinishReason(row["finish_reason"])})
    parts = row["text_score_parts"]
    recognition = Recognition(
        status=Status(row["status"]),
        text=row["text"],
        blocks=tuple(block_of(block) for block in row["blocks"]),
        raw=row["raw"],
        generation=generation,
        failure=failure_of(row),
        rung=Rung(row["rung"]) if row["rung"] else None,
        attempts=tuple(_attempt(attempt) for attempt in row["attempts"]),
        # An output may have shards from before there was this column.
        lines=tuple(line_of(line) for line in row.get("lines") or ()),
    )
    return PageResult(
        ref=ref_of(row),
        recognition=recognition,
        source=Source(row["source"]) if row["source"] else None,
        timing=Timing(**{name: row[name] for name in schema.TIMING}),
        ids=ids_of(row),
        **{name: row[name] for name in _PLAIN},
        warnings=tuple(row["warnings"]),
        text_layer_doubts=tuple(row["text_layer_doubts"]),
        text_score_parts=ScoreParts(**parts) if parts else None,
    )


def _points_per_px(result: PageResult) -> tuple[float, float] | None:
    """Points per pixel along x and y, None where the size of the page is not known."""
    ref = result.ref
    if not (ref.width_pt and ref.height_pt and result.width_px and result.height_px):
        return None
    return ref.width_pt / result.width_px, ref.height_pt / result.height_px


# --- columns that rows of several schemas share


def identity_row(ref: PageRef, ids: PageIds) -> Row:
    """The columns that say which page a row is about."""
    row = {name: getattr(ref, name) for name in schema.REF}
    return row | {name: getattr(ids, name) for name in schema.IDS}


def ref_of(row: Row) -> PageRef:
    """The page that a row is about."""
    return PageRef(**{name: row[name] for name in schema.REF})


def ids_of(row: Row) -> PageIds:
    """The identity of a row."""
    return PageIds(**{name: row[name] for name in schema.IDS})


def failure_row(failure: Failure | None) -> Row:
    """The columns with a failure, none where there is none."""
    return {"error_kind": failure.kind, "error": failure.message} if failure else {}


def failure_of(row: Row) -> Failure | None:
    """What went wrong with the page of a row, None where nothing did."""
    if row["error_kind"] is None:
        return None
    return Failure(ErrorKind(row["error_kind"]), row["error"])


def _attempt(row: Row) -> Attempt:
    rung, outcome, reason = row["rung"], row["outcome"], row["finish_reason"]
    known = {"rung": Rung(rung), "outcome": Outcome(outcome)}
    return Attempt(**row | known | {"finish_reason": FinishReason(reason) if reason else None})


def block_row(block: Block, scale: tuple[float, float] | None = None) -> Row:
    """A region as a row of its own.

    Args:
        block: The region.
        scale: Points per pixel along x and y, None where unknown: then it has no box in points.
    """
    box_pt = None
    if block.box and scale:
        (x, y), (x0, y0, x1, y1) = scale, block.box
        box_pt = (x0 * x, y0 * y, x1 * x, y1 * y)
    return {
        "kind": block.kind,
        "text": block.text,
        "score": block.score,
        "box_px": block.box and box_row(block.box),
        "box_pt": box_pt and box_row(box_pt),
    }


def box_row(box: Box) -> Row:
    """A box as a row of its own."""
    return dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))


def box_of(row: Row) -> Box:
    """The box of a row of `box_row`, which may have other columns too."""
    return row["x0"], row["y0"], row["x1"], row["y1"]


def block_of(row: Row) -> Block:
    """The region of a row of `block_row`."""
    box = row["box_px"]
    return Block(row["kind"], row["text"], box and box_of(box), row["score"])


def line_row(line: Line) -> Row:
    """A line as a row of its own."""
    starts = [round(_WORD_START_UNITS * share) for share in line.word_starts]
    box = box_row(line.box)
    row = {"text": line.text, "score": line.score, "box_px": box, "word_starts": starts}
    return row | {"skew_deg": line.skew_deg}


def line_of(row: Row) -> Line:
    """The line of a row of `line_row`."""
    # An output may have shards from before there were these fields.
    starts = tuple(start / _WORD_START_UNITS for start in row.get("word_starts") or ())
    skew_deg = row.get("skew_deg") or 0.0
    return Line(row["text"], box_of(row["box_px"]), row["score"], starts, skew_deg)
