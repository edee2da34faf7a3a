"""The layout model on a made page."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import RenderConfig
from pipeline.documents import layout_model
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import ConfigError
from pipeline.types import Box, LineKind, PageLayout, RegionKind
from tests.support import structured_pages


def drawn(folder: Path, dpi: int) -> tuple[PageLayout, dict[str, LineKind], tuple[int, int]]:
    """What is found on the made page at this resolution; boxes are always those at 150 dpi."""
    path = folder / "page.pdf"
    path.write_bytes(structured_pages.page())
    file = PdfFile(str(path), "", 10)
    layer = file.layer(1, RenderConfig())
    pixels = file.render(1, RenderConfig(dpi=dpi)).pixels
    size = (layer.width_px, layer.height_px)
    boxes = [line.box for line in layer.lines]
    found = layout_model.layout_model().find(pixels, boxes, size)
    texts = (line.text for line in layer.lines)
    return found, dict(zip(texts, found.line_kinds, strict=True)), size


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (area - common)


@pytest.mark.parametrize("dpi", [72, 200])
def test_the_kinds_of_lines_at_any_resolution(dpi: int, tmp_path: Path) -> None:
    _, kinds, _ = drawn(tmp_path, dpi)
    assert kinds[structured_pages.TITLE] in (LineKind.TITLE, LineKind.SECTION_HEADER)
    assert kinds[structured_pages.HEADINGS[0]] is LineKind.SECTION_HEADER
    assert {kinds[cell] for row in structured_pages.RULED for cell in row} == {LineKind.TABLE}
    assert kinds[structured_pages.HEADER] is LineKind.PAGE_HEADER
    assert kinds[structured_pages.FOOTER] is LineKind.PAGE_FOOTER


def test_the_boxes_of_a_picture_and_a_table(tmp_path: Path) -> None:
    found, _, _ = drawn(tmp_path, 72)
    [picture] = [region for region in found.regions if region.kind is RegionKind.PICTURE]
    tables = [region for region in found.regions if region.kind is RegionKind.TABLE]
    scale = 150 / 72
    at = (200 * scale, (792 - 290) * scale, 380 * scale, (792 - 190) * scale)
    assert overlap(picture.box, at) > 0.7
    ruled = (72 * scale, (792 - 547) * scale, 372 * scale, (792 - 493) * scale)
    assert max(overlap(table.box, ruled) for table in tables) > 0.7


def test_a_blank_page_has_no_regions() -> None:
    blank = np.full((300, 200, 3), 255, np.uint8)
    assert layout_model.layout_model().find(blank, [], (200, 300)) == PageLayout()


def test_a_line_outside_the_page_is_background() -> None:
    blank = np.full((300, 200, 3), 255, np.uint8)
    boxes = [(-90.0, 400.0, -10.0, 420.0)]
    found = layout_model.layout_model().find(blank, boxes, (200, 300))
    assert found.line_kinds == (LineKind.BACKGROUND,)


@pytest.mark.parametrize("missing", ["onnxruntime", "pymupdf"])
def test_a_missing_package_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == missing else ModuleSpec(name, None, origin="/none/__init__.py")

    monkeypatch.setattr(layout_model, "find_spec", find_spec)
    with pytest.raises(ConfigError, match=f"install {missing} .* or set it to plain"):
        layout_model.check_installed()


def test_a_wheel_without_the_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("any", None, origin="/none/__init__.py")
    monkeypatch.setattr(layout_model, "find_spec", lambda name: spec)
    with pytest.raises(ConfigError, match=r"feature_imf2\.onnx is missing .* plain"):
        layout_model.check_installed()
