"""The same bytes in the batch job's stages and in the service give the same results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import EngineConfig, OcrOptions, OnnxConfig
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from serving.config import ServeConfig
from tests.support import job_stages, sample_documents
from tests.support.live_service import data_uri, running
from tests.unit.documents.test_pdf_pictures import STAMP, page_with

SAMPLES = Path(__file__).parents[3] / "samples"
DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "two.pdf": lambda: sample_documents.text_pdf(2),
    "turned.jpg": lambda: sample_documents.turned(
        sample_documents.corner_picture(300, 200), 6, "JPEG"
    ),
    "frames.tiff": lambda: sample_documents.frames_tiff(
        [sample_documents.corner_picture(90, 60)] * 2
    ),
    "half.tiff": sample_documents.tiff_with_broken_frame,
    "notice.jpg": (SAMPLES / "notice.jpg").read_bytes,
    "stamped.pdf": lambda: page_with(STAMP),
}
TYPES = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".tiff": "image/tiff"}


async def batch(path: Path, config: EngineConfig, output: Path) -> list[dict[str, Any]]:
    """The rows that a job would write."""
    options = OcrOptions(output=str(output), engine=config)
    recipe = make_recipe(options, config.kind)  # type: ignore[arg-type]

    plan = job_stages.plan_of(options, path)
    pages = await job_stages.results(options, recipe, plan)
    rows: list[dict[str, Any]] = pages.to_pylist()
    return rows


def as_answered(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the words of `/v1/ocr`."""
    error = row["error_kind"] and {"kind": row["error_kind"], "message": row["error"]}
    return {
        "page": row["page"],
        "status": row["status"],
        "markdown": row["text"] or "",
        "blocks": [
            {name: block[name] for name in ("kind", "text", "score", "box_px")}
            for block in row["blocks"] or []
        ],
        "error": error or None,
        "width_px": row["width_px"],
        "height_px": row["height_px"],
        "dpi": row["dpi"],
        "source": row["source"],
        "warnings": row["warnings"],
    }


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Every leaf by its place: Parquet has single floats, JSON double ones."""
    if not isinstance(value, dict | list):
        return {place: float(np.float32(value)) if isinstance(value, float) else value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {
        key: leaf for name, inner in items for key, leaf in flat(inner, f"{place}.{name}").items()
    }


@pytest.mark.parametrize(
    ("kind", "names"),
    [("fake", list(DOCUMENTS)), ("onnx", ["frames.tiff", "notice.jpg", "stamped.pdf"])],
)
async def test_batch_and_service_give_the_same(kind: Any, names: list[str], tmp_path: Path) -> None:
    config = EngineConfig(kind=kind, onnx=OnnxConfig(threads=2))
    with running(ServeConfig(engine=config), build_engine(config)) as service:
        for name in names:
            path = tmp_path / name
            path.write_bytes(DOCUMENTS[name]())
            rows = [as_answered(row) for row in await batch(path, config, tmp_path / "out")]
            body = {"document": data_uri(path.read_bytes(), TYPES[path.suffix])}
            pages = service.post("/v1/ocr", body).json["pages"]
            kept = [{key: page[key] for key in rows[0]} for page in pages]
            assert flat(rows) == flat(kept), name
            assert len(rows) == rows[-1]["page"]
