"""The explicit Arrow schemas.

`pipeline.output.rows` and `pipeline.job.stages.rows` convert between them and records.

`PAGES` is the output that users read. `PLAN` is the list of all pages that a run works through.
`DOCUMENTS`, `TODO` and `PREPARED` carry documents and pages between the stages of a job and are
never written.
"""

from __future__ import annotations

import pyarrow as pa

from pipeline.types import ScoreParts, Timing

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
_LINE = pa.struct(
    [
        ("text", pa.string()),
        ("score", pa.float32()),
        ("box_px", pa.struct(_BOX)),
        ("word_starts", pa.list_(pa.uint16())),
        ("skew_deg", pa.float32()),
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
_SCORE_PARTS = pa.struct([(name, pa.float32()) for name in ScoreParts.__slots__])
_MIXED = pa.struct(
    [
        ("blocks", pa.list_(_BLOCK)),
        ("crops", pa.list_(pa.struct([*_BOX, ("left_px", pa.int32()), ("top_px", pa.int32())]))),
        ("characters", pa.int32()),
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
_IMAGE = [
    ("width_px", pa.int32()),
    ("height_px", pa.int32()),
    ("dpi", pa.float32()),
    ("warnings", pa.list_(pa.string())),
]

DOCUMENTS = pa.schema([("uri", pa.list_(pa.string())), ("size_bytes", pa.list_(pa.int64()))])
"""What a listing finds, before anything is opened. Each row holds the documents that are planned
together, so that the listing decides how many. Size 0 where the listing does not give it."""

PAGES = pa.schema(
    [
        *_IDS,
        *_REF,
        *_SETTLED,
        ("lines", pa.list_(_LINE)),
        ("raw", pa.string()),
        *_FAILURE,
        *_IMAGE,
        *_LOOK,
        ("text_score", pa.float32()),
        ("text_score_parts", _SCORE_PARTS),
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
"""One row for every page. The README describes each column.

`lines` is a column of its own: readers of `blocks` do not load it, and the answers of the service
and the columns between stages do not grow with it. With 66 lines a page it takes 1.8 kB of a page's
4.5 kB (0.65 kB without the texts; points beside the pixels would add 0.5 kB). Rows of an output
older than the column lack it."""

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
"""One row for every page that any document says it has (`pipeline.job.stages.records.PlannedPage`).
`done` is the status of the row that the output has already, null where it has none. `outer` is the
PDF that a document is embedded in. The first row of a PDF has the number of its own attachments
that are left out."""

TODO = PLAN.append(pa.field("position", pa.int64()))
"""A row of the plan that has to be read, with its place in the plan
(`pipeline.job.stages.settled.position`)."""

PREPARED = pa.schema(
    [
        *_IDS,
        *_REF,
        *_IMAGE,
        *_LOOK,
        ("source", pa.string()),
        ("render_ms", pa.float64()),
        ("prepare_ms", pa.float64()),
        ("layer", pa.string()),
        ("script_hint", pa.string()),
        ("script_is_certain", pa.bool_()),
        ("mixed", _MIXED),
        ("page_width_px", pa.int32()),
        ("page_height_px", pa.int32()),
        ("image", pa.large_binary()),
        ("image_width_px", pa.int32()),
        ("image_height_px", pa.int32()),
        ("prompt", pa.string()),
        ("task", pa.string()),
        ("max_tokens", pa.int32()),
        ("view", pa.large_binary()),
        ("view_side_px", pa.int32()),
        ("tiles", pa.large_binary()),
        ("tile_side_px", pa.int32()),
        ("grid_columns", pa.int32()),
        ("grid_rows", pa.int32()),
        ("image_tokens", pa.int32()),
    ]
)
"""A page as its engine takes it (`pipeline.job.stages.records.PreparedPage`)."""

GENERATION = (
    *("finish_reason", "prompt_tokens", "image_tokens", "output_tokens"),
    *("input_ms", "queue_ms", "prefill_ms", "decode_ms"),
)
"""The columns of `PAGES` that say what the engine did for a page."""

TIMING = tuple(Timing.__slots__)
"""The columns of `PAGES` with the milliseconds of each stage."""

REF = tuple(name for name, _ in _REF)
"""The columns of every schema with pages that say which page a row is about."""

IDS = tuple(name for name, _ in _IDS)
"""The columns of every schema with pages that identify a row."""
