"""The explicit Arrow schemas, and the way between tables and records.

`PAGES` is the output that users read. `PLAN` is the list of all pages that the run works
off. `RENDERED` and `PREPARED` carry pages between the stages of a job and are never written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ErrorKind
from pipeline.types import (
    Attempt,
    Block,
    Box,
    Document,
    Failure,
    FinishReason,
    Generation,
    Outcome,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    Source,
    Status,
    Timing,
)

_BOX = [(name, pa.float32()) for name in ("x0", "y0", "x1", "y1")]
_BLOCK = pa.struct(
    [
        ("kind", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("box_px", pa.struct(_BOX)),
        ("box_pt", pa.struct(_BOX)),
    ]
)
_ATTEMPT = pa.struct(
    [
        ("rung", pa.string()),
        ("outcome", pa.string()),
        ("finish_reason", pa.string()),
        ("repetition", pa.float32()),
        ("output_tokens", pa.int32()),
        ("ms", pa.float64()),
        ("error", pa.string()),
    ]
)
_REF = [
    ("uri", pa.string()),
    ("doc_id", pa.string()),
    ("page", pa.int32()),
    ("page_count", pa.int32()),
    ("media_type", pa.string()),
    ("width_pt", pa.float32()),
    ("height_pt", pa.float32()),
]
_IDS = [("page_id", pa.string()), ("content_id", pa.string()), ("recipe_hash", pa.string())]
_LOOK = [
    ("text_layer_trust", pa.float32()),
    ("text_layer_doubts", pa.list_(pa.string())),
    ("turned_deg", pa.int32()),
]
_SETTLED = [
    ("status", pa.string()),
    ("source", pa.string()),
    ("text", pa.string()),
    ("blocks", pa.list_(_BLOCK)),
]
_FAILURE = [("error_kind", pa.string()), ("error", pa.string())]
_PICTURE = [
    ("width_px", pa.int32()),
    ("height_px", pa.int32()),
    ("dpi", pa.float32()),
    ("warnings", pa.list_(pa.string())),
]

DOCUMENTS = pa.schema([("uri", pa.list_(pa.string())), ("size_bytes", pa.list_(pa.int64()))])
"""What a listing finds, before anything is opened: in each row the documents that are planned
together, so that a listing decides how many. Size 0 where it does not tell it."""

PAGES = pa.schema(
    [
        *_IDS,
        *_REF,
        *_SETTLED,
        ("raw", pa.string()),
        *_FAILURE,
        *_PICTURE,
        *_LOOK,
        ("copied_from", pa.string()),
        ("engine", pa.string()),
        ("model", pa.string()),
        ("rung", pa.string()),
        ("attempts", pa.list_(_ATTEMPT)),
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("image_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
        ("input_ms", pa.float64()),
        ("queue_ms", pa.float64()),
        ("prefill_ms", pa.float64()),
        ("decode_ms", pa.float64()),
        ("render_ms", pa.float64()),
        ("prepare_ms", pa.float64()),
        ("generate_ms", pa.float64()),
    ]
)
"""One row for every page. The README describes each column."""

PLAN = pa.schema(
    [
        *_IDS,
        *_REF,
        ("route", pa.string()),
        ("done", pa.string()),
        ("size_bytes", pa.int64()),
        ("outer", pa.string()),
        ("attachments_left_out", pa.int32()),
        *_FAILURE,
        ("warnings", pa.list_(pa.string())),
    ]
)
"""One row for every page that any document says it has. `done` is the status of the row that
the output has already, null where it has none. `outer` is the PDF that a document is embedded in.
The first row of a PDF says how many of its own attachments are left out."""

_FLIGHT = [*_IDS, *_REF, *_FAILURE, *_PICTURE, *_LOOK, *_SETTLED]
_FLIGHT += [("layer", pa.string()), ("render_ms", pa.float64())]
RENDERED = pa.schema([*_FLIGHT, ("pixels", pa.large_binary())])
"""A page that was looked at. `status` is null where an engine has to read it; its pixels are RGB
bytes, rows from the top, as displayed, null where drawing failed or the page is settled."""

PREPARED = pa.schema(
    [
        *_FLIGHT,
        ("prepare_ms", pa.float64()),
        ("image", pa.large_binary()),
        ("image_width_px", pa.int32()),
        ("image_height_px", pa.int32()),
        ("prompt", pa.string()),
        ("task", pa.string()),
        ("max_tokens", pa.int32()),
        ("tiles", pa.large_binary()),
        ("tile_side_px", pa.int32()),
        ("grid_columns", pa.int32()),
        ("grid_rows", pa.int32()),
        ("image_tokens", pa.int32()),
    ]
)
"""A page as its engine takes it (`pipeline.types.Request`)."""


def to_table(results: Sequence[PageResult]) -> pa.Table:
    """Rows of `PAGES`."""
    return pa.Table.from_pylist([_to_row(result) for result in results], schema=PAGES)


def from_table(table: pa.Table) -> list[PageResult]:
    """The records of rows of `PAGES`; `from_table(to_table(x)) == x`."""
    return [_from_row(row) for row in table.to_pylist()]


def documents_of(table: pa.Table) -> list[Document]:
    """The documents of rows of `DOCUMENTS`, or of a table with one in each row."""
    columns = [table["uri"], table["size_bytes"]]
    if pa.types.is_list(columns[0].type):
        columns = [pc.list_flatten(column) for column in columns]
    return list(map(Document, *(column.to_pylist() for column in columns)))


def ref_of(row: dict[str, Any]) -> PageRef:
    """The page that a row of any schema here is about."""
    return PageRef(**{name: row[name] for name, _ in _REF})


def ref_columns(ref: PageRef) -> dict[str, Any]:
    """The columns that say which page a row is about."""
    return {name: getattr(ref, name) for name, _ in _REF}


def flight_columns(row: dict[str, Any]) -> dict[str, Any]:
    """The columns that travel with a page from stage to stage; null where not known yet."""
    return {name: row.get(name) for name, _ in _FLIGHT}


def failure_of(row: dict[str, Any]) -> Failure | None:
    """What went wrong with the page of a row, None where nothing did."""
    if row.get("error_kind") is None:
        return None
    return Failure(ErrorKind(row["error_kind"]), row["error"])


def settled_columns(recognition: Recognition) -> dict[str, Any]:
    """The columns of a page that needs no engine."""
    blocks = [_block_row(block, None) for block in recognition.blocks]
    return {"status": recognition.status, "text": recognition.text, "blocks": blocks}


def settled_of(row: dict[str, Any]) -> Recognition | None:
    """What became of a page that needs no engine, None for others."""
    if row["status"] is None:
        return None
    blocks = tuple(_block(block) for block in row["blocks"])
    return Recognition(Status(row["status"]), row["text"], blocks)


def binary_column(arrays: Sequence[np.ndarray | None]) -> pa.ChunkedArray:
    """Pictures as a large_binary column, one chunk a picture, without copying a byte."""
    chunks = [_binary_chunk(array) for array in arrays]
    return pa.chunked_array(chunks, pa.large_binary())


def _binary_chunk(array: np.ndarray | None) -> pa.Array:
    if array is None:
        return pa.nulls(1, pa.large_binary())
    pixels = np.ascontiguousarray(array)
    offsets = pa.py_buffer(np.array([0, pixels.nbytes], np.int64))
    return pa.Array.from_buffers(
        pa.large_binary(), 1, [None, offsets, pa.py_buffer(pixels.reshape(-1))]
    )


def buffers_of(column: pa.ChunkedArray) -> list[pa.Buffer | None]:
    """The bytes of every value of a large_binary column, without copying (scalars copy)."""
    return [buffer for chunk in column.chunks for buffer in _chunk_buffers(chunk)]


def _chunk_buffers(chunk: pa.Array) -> Iterator[pa.Buffer | None]:
    _, offsets, bytes_ = chunk.buffers()
    ends = np.frombuffer(offsets, np.int64, len(chunk) + 1, offset=chunk.offset * 8)
    for index, valid in enumerate(chunk.is_valid().to_pylist()):
        start, end = int(ends[index]), int(ends[index + 1])
        yield bytes_.slice(start, end - start) if valid else None


def picture_of(buffer: pa.Buffer | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """A read-only view of a picture of `buffers_of`, None where it is null."""
    return None if buffer is None else np.frombuffer(buffer, np.uint8).reshape(shape)


def _to_row(result: PageResult) -> dict[str, Any]:
    recognition, generation = result.recognition, result.recognition.generation
    row = {
        "page_id": result.page_id,
        "content_id": result.content_id,
        "recipe_hash": result.recipe_hash,
        **ref_columns(result.ref),
        "status": recognition.status,
        "source": result.source,
        "text": recognition.text,
        "blocks": [_block_row(block, _points_per_px(result)) for block in recognition.blocks],
        "raw": recognition.raw,
        "rung": recognition.rung,
        "attempts": [dataclasses.asdict(attempt) for attempt in recognition.attempts],
        "width_px": result.width_px,
        "height_px": result.height_px,
        "dpi": result.dpi,
        "warnings": list(result.warnings),
        "text_layer_trust": result.text_layer_trust,
        "text_layer_doubts": list(result.text_layer_doubts),
        "turned_deg": result.turned_deg,
        "copied_from": result.copied_from,
        "engine": result.engine,
        "model": result.model,
    }
    if recognition.failure:
        row |= {"error_kind": recognition.failure.kind, "error": recognition.failure.message}
    if generation:
        row |= {name: getattr(generation, name) for name in GENERATION}
    return row | {name: getattr(result.timing, name) for name in Timing.__slots__}


GENERATION = (
    *("finish_reason", "prompt_tokens", "image_tokens", "output_tokens"),
    *("input_ms", "queue_ms", "prefill_ms", "decode_ms"),
)
"""The columns of what the engine did for a page."""


def _from_row(row: dict[str, Any]) -> PageResult:
    generation = None
    if row["finish_reason"] is not None:
        fields = {name: row[name] for name in GENERATION}
        generation = Generation(**fields | {"finish_reason": FinishReason(row["finish_reason"])})
    recognition = Recognition(
        status=Status(row["status"]),
        text=row["text"],
        blocks=tuple(_block(block) for block in row["blocks"]),
        raw=row["raw"],
        generation=generation,
        failure=failure_of(row),
        rung=Rung(row["rung"]) if row["rung"] else None,
        attempts=tuple(_attempt(attempt) for attempt in row["attempts"]),
    )
    same = ("page_id", "content_id", "recipe_hash", "width_px", "height_px", "dpi")
    more = ("text_layer_trust", "turned_deg", "copied_from", "engine", "model")
    return PageResult(
        **{name: row[name] for name in (*same, *more)},
        ref=ref_of(row),
        recognition=recognition,
        source=Source(row["source"]) if row["source"] else None,
        warnings=tuple(row["warnings"]),
        text_layer_doubts=tuple(row["text_layer_doubts"]),
        timing=Timing(**{name: row[name] for name in Timing.__slots__}),
    )


def copied(row: dict[str, Any], page_id: str, uri: str) -> dict[str, Any]:
    """The row of a page under another name, from the row (of `PAGES`) that has its text.

    What it cost to read the page is in that row alone.
    """
    cost = dict.fromkeys((*GENERATION, *Timing.__slots__))
    source = {"copied_from": row["copied_from"] or row["page_id"]}
    return row | cost | source | {"page_id": page_id, "uri": uri, "attempts": []}


def _attempt(row: dict[str, Any]) -> Attempt:
    rung, outcome, reason = row["rung"], row["outcome"], row["finish_reason"]
    known = {"rung": Rung(rung), "outcome": Outcome(outcome)}
    return Attempt(**row | known | {"finish_reason": FinishReason(reason) if reason else None})


def _points_per_px(result: PageResult) -> tuple[float, float] | None:
    """Points per pixel along x and y, None where the size of the page is not known."""
    ref = result.ref
    if not (ref.width_pt and ref.height_pt and result.width_px and result.height_px):
        return None
    return ref.width_pt / result.width_px, ref.height_pt / result.height_px


def _block_row(block: Block, scale: tuple[float, float] | None) -> dict[str, Any]:
    box_pt = None
    if block.box and scale:
        (x, y), (x0, y0, x1, y1) = scale, block.box
        box_pt = (x0 * x, y0 * y, x1 * x, y1 * y)
    return {
        "kind": block.kind,
        "text": block.text,
        "score": block.score,
        "box_px": _box_row(block.box),
        "box_pt": _box_row(box_pt),
    }


def _box_row(box: Box | None) -> dict[str, float] | None:
    return None if box is None else dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))


def _block(row: dict[str, Any]) -> Block:
    box = row["box_px"]
    corners = None if box is None else (box["x0"], box["y0"], box["x1"], box["y1"])
    return Block(row["kind"], row["text"], corners, row["score"])
