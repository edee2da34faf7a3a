"""A data set of page images and their text: what ``datasets.load_dataset(FOLDER)`` opens.

The columns `image`, `markdown` and `inference_info` are named as in OCR data sets on the Hugging
Face hub; `inference_info` is a JSON list with an entry for each column that a model wrote. A file
has whole documents, `dataset.pages_per_file` pages or more. Images are drawn anew; where that
cannot be done, the row has none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import ExportOptions
from pipeline.output.export.documents import ExportedDocument, OutputIndex
from pipeline.output.export.folder import Folder, write_file
from pipeline.output.export.formats import DATASET
from pipeline.output.export.page_images import DrawnPage, PageImages
from pipeline.output.export.state import State
from pipeline.output.export.work import DatasetWork, Written, WrittenFile
from pipeline.types import PageResult

FOLDER: Final = "dataset"
_DATA: Final = f"{FOLDER}/data/"
_FILE: Final = re.compile(rf"{_DATA}train-\d+\.parquet")
_MIB: Final = 1 << 20
_COLUMNS: Final = {
    "markdown": pa.string(),
    "inference_info": pa.string(),
    "uri": pa.string(),
    "doc_id": pa.string(),
    "page": pa.int32(),
    "page_count": pa.int32(),
    "status": pa.string(),
    "source": pa.string(),
    "text_score": pa.float32(),
    "page_id": pa.string(),
}
_IMAGE: Final = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES: Final = {"image": {"_type": "Image"}} | {
    name: {"dtype": "float32" if kind == pa.float32() else str(kind), "_type": "Value"}
    for name, kind in _COLUMNS.items()
}
SCHEMA: Final = pa.schema(
    [("image", _IMAGE), *_COLUMNS.items()],
    # What `datasets` reads to know that the column is an image.
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
_CARD: Final = """\
---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# Pages and their text

Written by Rayscribe: one row for every page.

- `image`: the page, a JPEG file; none where the original could not be read
- `markdown`: its text
- `inference_info`: JSON, what read it
- `uri`, `doc_id` (SHA-256), `page`, `page_count`: where it is from
- `status`: ok, blank, truncated or failed
- `source`: ocr, text_layer or mixed
- `text_score`: how far the text is to be believed, 0 to 1
- `page_id`: identity of the row in the output
"""


def plan(index: OutputIndex, options: ExportOptions) -> Iterator[DatasetWork]:
    """The files of a data set, in order."""
    groups = _groups(index.documents(), options.dataset.pages_per_file)
    for number, documents in enumerate(groups):
        digest = _digest(documents, options)
        yield DatasetWork(f"{_DATA}train-{number:05}.parquet", digest, tuple(documents))


def written_before(state: State) -> set[str]:
    """The files of data sets in a folder, not those of a document in a folder of this name."""
    return {name for name in state.own(_DATA) if _FILE.fullmatch(name)}


def write_card(folder: Folder, state: State) -> None:
    """Write what the data set is, unless it is there.

    Raises:
        OSError: It cannot be written.
        JobError: There is one that no export wrote.
    """
    name, digest = f"{FOLDER}/README.md", hashlib.sha256(_CARD.encode()).hexdigest()[:32]
    if not state.has(name, digest):
        state.begin(name)
        state.flush()
        write_file(folder, name, [_CARD.encode()])
        state.add(name, digest)


@dataclass(slots=True)
class DatasetWriter:
    """Writes files of a data set.

    Attributes:
        options: The settings of the export.
        images: Draws pages of the originals.
        report: Told of progress.
    """

    options: ExportOptions
    images: PageImages
    report: Callable[[int], None]
    _missing: list[str] = field(default_factory=list)

    def write(self, work: DatasetWork, pages: Iterable[PageResult], folder: Folder) -> Written:
        """Write one file.

        Args:
            work: Which.
            pages: Its pages, in order.
            folder: Where to.

        Raises:
            OSError: It cannot be written.
            DocumentError: A shard of the output cannot be fetched.
        """
        self._missing = []
        with (
            folder.partial(work.file) as partial,
            # A dictionary of images would be as large as these.
            pq.ParquetWriter(partial, SCHEMA, compression="zstd", use_dictionary=False) as writer,
        ):
            for rows in self._row_groups(pages):
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
        written = WrittenFile(DATASET, work.file, work.digest, is_whole=not self._missing)
        return Written((written,), work.pages, tuple(self._missing))

    def _row_groups(self, pages: Iterable[PageResult]) -> Iterator[list[dict[str, Any]]]:
        rows: list[dict[str, Any]] = []
        size_bytes = 0
        for page in self.images.drawn(pages):
            rows.append(self._row(page))
            size_bytes += _size_bytes(rows[-1])
            if size_bytes > self.options.dataset.row_group_mib * _MIB:
                yield rows
                rows, size_bytes = [], 0
            self.report(1)
        if rows:
            yield rows

    def _row(self, drawn: DrawnPage) -> dict[str, Any]:
        page = drawn.result
        ref, recognition = page.ref, page.recognition
        return {
            "image": self._image(drawn),
            "markdown": recognition.text,
            "inference_info": _inference_info(page),
            "uri": ref.uri,
            "doc_id": ref.doc_id,
            "page": ref.page,
            "page_count": ref.page_count,
            "status": recognition.status,
            "source": page.source,
            "text_score": page.text_score,
            "page_id": page.ids.page_id,
        }

    def _image(self, drawn: DrawnPage) -> dict[str, Any] | None:
        """The page as `datasets` stores images, None where it cannot be drawn."""
        ref = drawn.result.ref
        if drawn.missing:
            self._missing.append(f"{ref.uri}, page {ref.page}: no image: {drawn.missing}")
        if not drawn.jpeg:
            return None
        name = ref.uri.rpartition("/")[2]
        return {"bytes": drawn.jpeg, "path": f"{name}-{ref.page}.jpg"}


def _digest(documents: Iterable[ExportedDocument], options: ExportOptions) -> str:
    dataset = options.dataset.model_dump(exclude={"readers"})
    settings = f"{dataset} {options.render}"
    parts = [settings, *(f"{each.uri} {each.digest}" for each in documents)]
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]


def _groups(documents: Iterable[ExportedDocument], pages: int) -> Iterator[list[ExportedDocument]]:
    """Documents with at least so many pages in all, the last ones with what there is."""
    group: list[ExportedDocument] = []
    count = 0
    for document in documents:
        group.append(document)
        count += document.pages
        if count >= pages:
            yield group
            group, count = [], 0
    if group:
        yield group


def _size_bytes(row: dict[str, Any]) -> int:
    image = row["image"]
    return len(row["markdown"]) + (len(image["bytes"]) if image else 0)


def _inference_info(page: PageResult) -> str:
    info = {
        "column_name": "markdown",
        "model_id": page.model,
        "engine": page.engine,
        "source": page.source,
        "recipe_hash": page.ids.recipe_hash,
    }
    return json.dumps([info])
