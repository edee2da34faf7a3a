"""Which pages of a small job are looked at in the driver, and in which parts."""

from __future__ import annotations

import queue
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import OcrConfig
from pipeline.documents.sandbox.cpus import available_cpus
from pipeline.job import local_limits

_MAX_READERS: Final = 8
"""Threads: the rows of all of them are made by this one process."""
_CHUNKS_PER_READER: Final = 4
"""Chunks at least, so that the readers end at about the same time."""
_PDF: Final = "application/pdf"


def readable(todo: pa.Table, config: OcrConfig) -> pa.Table:
    """The rows that are looked at here. But for `only`, an engine has to read every image file."""
    if not local_limits.takes_layers(config):
        return todo.slice(0, 0)
    if config.text_layer == "only":
        return todo
    is_image = pc.and_(pc.not_equal(todo["media_type"], _PDF), pc.greater(todo["page"], 0))
    return todo.filter(pc.invert(is_image))


def chunks(todo: pa.Table, config: OcrConfig) -> tuple[queue.SimpleQueue[pa.Table], int]:
    """The chunks of rows that are looked at one after the other, and the number of readers."""
    readers = min(config.stages.render_workers or _MAX_READERS, _MAX_READERS)
    readers = min(readers, config.ray.cpus or available_cpus())
    share = todo.num_rows // (_CHUNKS_PER_READER * readers)
    size = max(1, min(config.stages.pages_per_task, share))
    parts: queue.SimpleQueue[pa.Table] = queue.SimpleQueue()
    for start in range(0, todo.num_rows, size):
        parts.put(todo.slice(start, size))
    return parts, min(readers, parts.qsize())
