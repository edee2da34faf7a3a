"""What `benchmarks.gpu` reads and with what: generated pages, a model folder without weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGES_PER_FILE = 16
DPI = 150
DRAWN = 64
"""Pages that a row of the engine draws; requests beyond take them again."""
_WIDTH_2 = 896
"""Width of the encoder of OCR-2, a Qwen2 of 24 layers (`vllm/.../models/deepencoder2.py`)."""


def model(work: Path) -> Path:
    """The model folder: the real sizes, a stand-in tokenizer, no weights."""
    folder = work / "deepseek-ocr"
    if not (folder / "tokenizer_config.json").exists():
        from tests.integration.vllm import models

        models.write_deepseek_ocr(folder, full_size=True)
    return folder


def model_2(work: Path) -> Path:
    """The same for DeepSeek-OCR-2: another encoder, whose sizes are in vLLM's code."""
    folder = work / "deepseek-ocr-2"
    if not (folder / "tokenizer_config.json").exists():
        from tests.integration.vllm import models

        models.write_deepseek_ocr(folder, full_size=True)
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["architectures"] = ["DeepseekOCR2ForCausalLM"]
        config["projector_config"]["input_dim"] = _WIDTH_2
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return folder


def documents(work: Path, pages: int) -> list[Path]:
    """PDF files of Letter pages full of text, no two alike."""
    import pymupdf

    folder = work / f"pdf-{pages}"
    folder.mkdir(exist_ok=True)
    for first in range(0, pages, PAGES_PER_FILE):
        path = folder / f"{first:05}.pdf"
        if path.exists():
            continue
        document = pymupdf.open()
        for number in range(first, min(first + PAGES_PER_FILE, pages)):
            page = document.new_page(width=612, height=792)
            for line in range(48):
                text = (
                    f"{number}.{line} The quick brown fox jumps over the lazy dog {number * line}"
                )
                page.insert_text((54, 60 + 14 * line), text, fontsize=11)
        document.save(path)
    return sorted(folder.glob("*.pdf"))


def pictures(paths: list[Path]) -> list[Any]:
    import pymupdf
    from PIL import Image

    found = []
    for path in paths:
        for page in pymupdf.open(path):
            drawn = page.get_pixmap(dpi=DPI)
            found.append(Image.frombytes("RGB", (drawn.width, drawn.height), drawn.samples))
    return found
