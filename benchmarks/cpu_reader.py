"""One reader of `benchmarks.cpu`, as a process of its own.

python -m benchmarks.cpu_reader {rapidocr,onnx,tesseract,ocrmypdf} FOLDER SHARE SHARES RESULT.json

It reads every SHARES-th page (`*.png`) of the folder from number SHARE on, on one thread, after one
page that is not counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.config import EngineConfig, OcrOptions
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS, build_engine
from pipeline.engines.request import prepare_request, read_answer
from pipeline.types import PageImage

DPI = 150
Reader = Callable[[Path], str]
"""Reads the text of a picture."""


def rapidocr() -> Reader:
    """RapidOCR with its own settings, but for the number of threads and the log."""
    from rapidocr import RapidOCR

    ocr = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(path: Path) -> str:
        return "\n".join(ocr(_pixels(path)[:, :, ::-1]).txts or ())

    return read


def engine(kind: str) -> Reader:
    """An engine of the pipeline, with the order of its lines."""
    config = EngineConfig(kind=kind)
    recipe = make_recipe(OcrOptions(output="-", engine=config), kind)
    model = build_engine(config)

    def read(path: Path) -> str:
        request = prepare_request(PageImage(_pixels(path), DPI), recipe)
        return read_answer(asyncio.run(model.generate(request)), request, SPECS[kind])[0]

    return read


def ocrmypdf() -> Reader:
    """OCRmyPDF's command, which the environment variable OCRMYPDF may name."""
    command = os.environ.get("OCRMYPDF", "ocrmypdf")

    def read(path: Path) -> str:
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "page.txt"
            options = ["--image-dpi", str(DPI), "--output-type", "pdf", "--jobs", "1", "--quiet"]
            files = ["--sidecar", str(text), str(path), str(Path(folder) / "page.pdf")]
            subprocess.run([command, *options, *files], check=True, capture_output=True)
            return text.read_text(encoding="utf-8")

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "rapidocr": rapidocr,
    "onnx": lambda: engine("onnx"),
    "tesseract": lambda: engine("tesseract"),
    "ocrmypdf": ocrmypdf,
}


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def _cpu_s() -> float:
    """CPU time of this process and of those that it has waited for, s."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def main(way: str, folder: str, share: str, shares: str, result: str) -> int:
    pages = sorted(Path(folder).glob("*.png"))
    read = READERS[way]()
    read(pages[0])
    texts: dict[str, str] = {}
    cpu, wall = _cpu_s(), time.perf_counter()
    for path in pages[int(share) :: int(shares)]:
        texts[path.stem] = read(path)
    figures = {"cpu_s": _cpu_s() - cpu, "wall_s": time.perf_counter() - wall, "texts": texts}
    Path(result).write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    # One page a core: models with threads of their own would take the core of the next page.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    sys.exit(main(*sys.argv[1:]))
