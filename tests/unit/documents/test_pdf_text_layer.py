"""`pipeline.documents.pdf.text_layer`: what is known of a page without drawing it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest

from pipeline.config import RenderConfig
from pipeline.documents.pdf.layer_lines import PixelFrame, read_lines
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.rotation import TURNS
from pipeline.text.text_layer import TextLayer, read
from pipeline.text.text_layer_trust import assess_trust
from tests.support import sample_documents
from tests.support.sample_documents import LETTER, Page
from tests.unit.documents.test_pdf_document import opened

PROSE = sample_documents.text_content(sample_documents.prose())


def layer_of(tmp_path: Path, content: bytes, page: int = 1) -> TextLayer:
    return opened(tmp_path, content).layer(page, RenderConfig())


def test_boxes_lie_on_the_ink_of_the_drawn_page(tmp_path: Path) -> None:
    pdf = opened(
        tmp_path, sample_documents.pdf([Page(sample_documents.text_content(["harbour"], 40))])
    )
    layer, image = pdf.layer(1, RenderConfig()), pdf.render(1, RenderConfig())
    [line] = layer.lines
    assert (layer.width_px, layer.height_px) == (image.pixels.shape[1], image.pixels.shape[0])
    rows, columns = np.nonzero(image.pixels.min(axis=2) < 128)
    x0, y0, x1, y1 = line.box
    assert x0 <= columns.min() <= x0 + 15
    assert x1 - 15 <= columns.max() <= x1
    assert y0 <= rows.min() <= rows.max() <= y1
    assert (line.text, line.is_visible) == ("harbour", True)


@pytest.mark.parametrize("deg", TURNS)
def test_sideways_text_says_how_it_has_to_be_turned(tmp_path: Path, deg: int) -> None:
    size = LETTER if deg % 180 == 0 else LETTER[::-1]
    content = sample_documents.turned_content(PROSE, deg, size)
    layer = layer_of(tmp_path, sample_documents.pdf([Page(content, size)]))
    text, _, found = read(layer, hidden=False)
    assert found == deg
    assert text.split() == " ".join(sample_documents.prose()).split()


def test_rotated_and_cropped_pages_have_boxes_as_displayed(tmp_path: Path) -> None:
    entries = b"/Rotate 90/CropBox[50 100 562 760]"
    pdf = opened(tmp_path, sample_documents.pdf([Page(PROSE, entries=entries)]))
    layer, image = pdf.layer(1, RenderConfig()), pdf.render(1, RenderConfig())
    assert (layer.width_px, layer.height_px) == (image.pixels.shape[1], image.pixels.shape[0])
    box = np.array([line.box for line in layer.lines])
    inked = np.argwhere(image.pixels.min(axis=2) < 128)
    assert np.allclose(box[:, 0].min(), inked[:, 1].min(), atol=12)
    assert np.allclose(box[:, 3].max(), inked[:, 0].max(), atol=12)


def test_text_outside_the_crop_box_is_not_there(tmp_path: Path) -> None:
    page = Page(
        sample_documents.text_content(["above", "below"], 20, 700),
        entries=b"/CropBox[0 690 612 792]",
    )
    assert [line.text for line in layer_of(tmp_path, sample_documents.pdf([page])).lines] == [
        "above"
    ]


def test_an_invisible_layer_over_a_scan_is_seen_through(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, sample_documents.scan_pdf(b"3 Tr " + PROSE))
    assert not layer.visible
    assert len(layer.lines) == len(sample_documents.prose())
    assert layer.drawing.image_share == 1
    assert assess_trust(layer).score == 0


def test_text_under_a_picture_is_covered(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, sample_documents.scan_pdf(b"", before=PROSE))
    assert layer.drawing.covered_share == 1
    assert "covered text" in assess_trust(layer).doubts


def test_text_over_a_scan_is_not_trusted_and_beside_a_logo_it_is(tmp_path: Path) -> None:
    scan = assess_trust(
        layer_of(tmp_path, sample_documents.scan_pdf(sample_documents.text_content(["stamp"])))
    )
    logo = assess_trust(layer_of(tmp_path, sample_documents.scan_pdf(PROSE, picture_pt=(50, 50))))
    assert scan.score == 0
    assert logo.score == 1


def test_white_text_is_noticed(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, sample_documents.pdf([Page(b"1 g " + PROSE)]))
    assert layer.drawing.white_share == 1


def test_letters_drawn_as_shapes_are_counted(tmp_path: Path) -> None:
    shapes = b" ".join(
        b"%d %d 5 7 re f" % (60 + 8 * i % 480, 300 + i // 60 * 12) for i in range(300)
    )
    page = Page(sample_documents.text_content(["Page 1"]) + b" " + shapes)
    layer = layer_of(tmp_path, sample_documents.pdf([page]))
    assert layer.drawing.glyph_like_paths == 300
    assert assess_trust(layer).score < 0.7


def test_a_page_that_draws_nothing_has_no_marks(tmp_path: Path) -> None:
    assert layer_of(tmp_path, sample_documents.pdf([Page()])).drawing.operations == 0


def test_form_fields_and_notes_are_marks_too(tmp_path: Path) -> None:
    import pymupdf

    with pymupdf.open(stream=sample_documents.pdf([Page()]), filetype="pdf") as document:
        document[0].add_freetext_annot((100, 100, 300, 130), "a note in a box")
        content = document.tobytes()
    layer = layer_of(tmp_path, content)
    assert layer.drawing.operations
    assert [line.text for line in layer.lines] == ["a note in a box"]


def test_a_page_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PageError) as caught:
        layer_of(tmp_path, sample_documents.text_pdf(1), page=2)
    assert caught.value.kind is ErrorKind.RENDER


def test_text_of_every_kind_is_what_mupdf_collects_alone(tmp_path: Path) -> None:
    modes = b"".join(
        b"BT /F1 12 Tf %d Tr 72 %d Td (mode %d of) Tj ( ) Tj (eight) Tj ET " % (n, 700 - 30 * n, n)
        for n in range(8)
    )
    replaced = b"/Span <</ActualText (told)>> BDC BT /F1 12 Tf 0 Tr 72 100 Td (seen) Tj ET EMC "
    path = tmp_path / "kinds.pdf"
    path.write_bytes(sample_documents.pdf([Page(modes + b"q Q " + replaced)]))
    with pymupdf.open(path) as plain:
        blocks = plain[0].get_text("dict", flags=pymupdf.TEXT_PRESERVE_WHITESPACE)["blocks"]
    expected = [
        ("".join(span["text"] for span in line["spans"]).strip(), line["bbox"])
        for block in blocks
        for line in block["lines"]
    ]
    zoom = 150 / 72
    found = layer_of(tmp_path, path.read_bytes()).lines
    assert [line.text for line in found] == [text for text, _ in expected]
    assert np.allclose([line.box for line in found], [np.array(b) * zoom for _, b in expected])
    assert {"mode 0 of eight", "mode 3 of eight", "mode 7 of eight", "told"} <= {
        line.text for line in found
    }


def test_a_watermark_across_the_page_divides_no_lines(tmp_path: Path) -> None:
    document = pymupdf.open()
    sheet = document.new_page()
    rows = [f"Harbour dues of ship number {i} paid" for i in range(20)]
    for i, row in enumerate(rows):
        sheet.insert_text((72, 100 + 18 * i), row)
    corner = pymupdf.Point(100, 420)
    sheet.insert_text(corner, "COPY ONLY", fontsize=60, morph=(corner, pymupdf.Matrix(45)))
    text, blocks, deg = read(layer_of(tmp_path, document.tobytes()), hidden=False)
    assert (deg, blocks[-1].text) == (0, "COPY ONLY")
    assert text.split() == [*" ".join(rows).split(), "COPY", "ONLY"]


def test_labels_at_an_angle_stay_beside_what_they_name(tmp_path: Path) -> None:
    document = pymupdf.open()
    sheet = document.new_page()
    for i in range(8):
        sheet.insert_text((72, 300 + 18 * i), f"Harbour dues of ship number {i} paid")
    corner = pymupdf.Point(100, 200)
    sheet.insert_text(corner, "May", morph=(corner, pymupdf.Matrix(45)))
    assert read(layer_of(tmp_path, document.tobytes()), hidden=False)[1][0].text == "May"


def raw_line(text: str, x: float, base: float, above: float) -> dict[str, object]:
    """A line as PyMuPDF gives it, 6 points wide."""
    box = (x, base - above, x + 6, base + 5.4)
    span = {
        "text": text, "size": 12.0, "origin": (x, base), "bbox": box, "color": 0, "alpha": 255,
        "char_flags": 16, "flags": 0,
    }  # fmt: skip
    return {"bbox": box, "dir": (1.0, 0.0), "spans": [span]}


def test_a_soft_hyphen_between_digits_is_the_hyphen_that_is_drawn() -> None:
    raw = [raw_line(text, 100, 300, 9) for text in ("03/11\xad04/11", "ab\xadsence", "11\xad")]
    lines, _, _ = read_lines(raw, PixelFrame(1.0, 0.0, 0.0), pytest.fail)
    assert [line.text for line in lines] == ["03/11-04/11", "ab\xadsence", "11\xad"]


def test_the_box_of_a_bullet_is_not_as_high_as_its_font_says() -> None:
    raw = [raw_line("\u2022", 100, 345.2, 24.7), raw_line("x", 120, 345.2, 9)]
    lines, _, _ = read_lines(raw, PixelFrame(1.0, 0.0, 0.0), pytest.fail)
    bullet, letter = (line.box for line in lines)
    assert bullet == pytest.approx((100, 345.2 - 10.8, 106, 345.2 + 3.6))
    assert letter == pytest.approx((120, 345.2 - 9, 126, 345.2 + 5.4))


def test_a_line_at_an_angle_whose_letters_are_all_outside_is_left_out(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 144), "The harbour ledger")
    corner = pymupdf.Point(-128, 6)
    page.insert_text(corner, "watermark.com", fontsize=30, morph=(corner, pymupdf.Matrix(21)))
    [line] = layer_of(tmp_path, bytes(document.tobytes())).lines
    assert line.text == "The harbour ledger"


def test_a_number_beyond_unicode_is_one_unknown_character(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 144), "abc", fontsize=20)
    table = document.get_new_xref()
    document.update_object(table, "<<>>")
    document.update_stream(
        table,
        b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        b"1 begincidchar <62> 1065353216 endcidchar "
        b"2 beginbfchar <61> <05d0> <63> <05d1> endbfchar endcmap",
    )
    document.xref_set_key(page.get_fonts()[0][0], "ToUnicode", f"{table} 0 R")
    [line] = layer_of(tmp_path, bytes(document.tobytes())).lines
    assert sorted(line.text) == ["\u05d0", "\u05d1", "\ufffd"]
