from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from pipeline.config import RenderConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import DocumentError, ErrorKind, PageError
from tests.support import sample_documents
from tests.support.sample_documents import Page

RED = [255, 0, 0]


def opened(tmp_path: Path, content: bytes, password: str = "", max_pages: int = 100) -> PdfFile:
    path = tmp_path / "document.pdf"
    path.write_bytes(content)
    return PdfFile(str(path), password, max_pages)


def refusal(tmp_path: Path, content: bytes, password: str = "") -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, content, password).sizes_pt()
    return caught.value


def test_pixels_are_those_of_pymupdf(tmp_path: Path) -> None:
    content = sample_documents.text_pdf(2)
    image = opened(tmp_path, content).render(2, RenderConfig())
    with pymupdf.open(stream=content, filetype="pdf") as document:
        pixmap = document[1].get_pixmap(dpi=150)
        expected = np.frombuffer(pixmap.samples, np.uint8).reshape(image.pixels.shape)
    assert np.array_equal(image.pixels, expected)
    assert image.dpi == 150
    assert image.warnings == ()


@pytest.mark.parametrize(
    ("rotation", "corner"), [(0, "top left"), (90, "top right"), (180, "bottom right")]
)
def test_rotation_is_applied(tmp_path: Path, rotation: int, corner: str) -> None:
    size_pt = (200.0, 100.0)
    content = sample_documents.corner_content(size_pt)
    document = opened(
        tmp_path, sample_documents.pdf([Page(content, size_pt, b"/Rotate %d" % rotation)])
    )
    displayed = (100.0, 200.0) if rotation == 90 else size_pt
    assert document.sizes_pt() == [displayed]
    pixels = document.render(1, RenderConfig(dpi=72)).pixels
    assert pixels.shape[1::-1] == displayed
    y = 5 if "top" in corner else -5
    x = 5 if "left" in corner else -5
    assert pixels[y, x].tolist() == RED


def test_crop_box_is_what_is_seen(tmp_path: Path) -> None:
    content = sample_documents.corner_content((200, 100))
    page = Page(content, (200, 100), b"/CropBox[20 40 120 100]")
    document = opened(tmp_path, sample_documents.pdf([page]))
    assert document.sizes_pt() == [(100, 60)]
    pixels = document.render(1, RenderConfig(dpi=72)).pixels
    assert pixels.shape == (60, 100, 3)
    assert pixels[5, 15].tolist() == RED
    assert pixels[5, 25].tolist() == [255, 255, 255]


def test_a_page_over_the_limit_is_drawn_smaller_and_says_so(tmp_path: Path) -> None:
    document = opened(tmp_path, sample_documents.pdf([Page(b"", (5000, 300)), Page()]))
    render = RenderConfig(max_pixels=1_000_000)
    image = document.render(1, render)
    height, width = image.pixels.shape[:2]
    assert 900_000 < height * width <= 1_000_000
    assert width / height == pytest.approx(5000 / 300, rel=0.01)
    assert image.dpi < 150
    expected = "150 dpi would pass render.max_pixels (1000000)"
    assert image.warnings == (f"rendered at {image.dpi:.3g} dpi: {expected}",)
    assert "rendered at" in document.render(2, render).warnings[0]


@pytest.mark.parametrize("size_pt", [(1e6, 1e6), (1e9, 10), (14_400, 1)])
def test_enormous_pages_stay_within_the_limits(
    tmp_path: Path, size_pt: tuple[float, float]
) -> None:
    document = opened(tmp_path, sample_documents.pdf([Page(b"", size_pt)]))
    render = RenderConfig(max_pixels=10_000)
    pixels = document.render(1, render).pixels
    assert 0 < pixels.size // 3 <= 10_000


def test_complaints_become_warnings_of_their_page(tmp_path: Path) -> None:
    pages = [Page(b"/Nowhere Do ) q q Q Q Q Q"), Page()]
    document = opened(tmp_path, sample_documents.pdf(pages))
    assert document.render(1, RenderConfig()).warnings
    assert document.render(2, RenderConfig()).warnings == ()


def test_a_broken_page_costs_itself(tmp_path: Path) -> None:
    catalog = b"<</Type/Catalog/Pages 2 0 R>>"
    tree = b"<</Type/Pages/Count 3/MediaBox[0 0 72 72]/Kids[3 0 R 4 0 R 5 0 R]>>"
    page = b"<</Type/Page/Parent 2 0 R>>"
    cycle = b"<</Type/Pages/Count 1/Kids[2 0 R]>>"
    content = sample_documents.file_of_objects([catalog, tree, page, cycle, page])
    document = opened(tmp_path, content)
    assert document.sizes_pt() == [(72, 72), (0, 0), (72, 72)]
    assert document.render(3, RenderConfig()).pixels.shape == (150, 150, 3)
    with pytest.raises(PageError) as caught:
        document.render(2, RenderConfig())
    assert caught.value.kind is ErrorKind.RENDER


@pytest.mark.parametrize("page", [0, -1, 2])
def test_a_page_that_is_not_there(tmp_path: Path, page: int) -> None:
    with pytest.raises(PageError, match="there is no page"):
        opened(tmp_path, sample_documents.text_pdf()).render(page, RenderConfig())


def test_passwords(tmp_path: Path) -> None:
    locked = sample_documents.encrypted_pdf("secret")
    assert refusal(tmp_path, locked).kind is ErrorKind.PASSWORD
    assert refusal(tmp_path, locked, "wrong").kind is ErrorKind.PASSWORD
    assert len(opened(tmp_path, locked, "secret").sizes_pt()) == 1
    assert len(opened(tmp_path, locked, "owner").sizes_pt()) == 1


def test_an_owners_password_alone_locks_nobody_out(tmp_path: Path) -> None:
    document = opened(tmp_path, sample_documents.encrypted_pdf(""))
    assert document.render(1, RenderConfig()).pixels.min() < 100


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (sample_documents.no_pages_pdf(), ErrorKind.NO_PAGES),
        (b"%PDF-1.7\nnothing else", ErrorKind.UNREADABLE),
        (b"<html><body><p>Hello</p></body></html>", ErrorKind.UNREADABLE),
        (b"just some text", ErrorKind.UNREADABLE),
    ],
)
def test_what_is_no_document(tmp_path: Path, content: bytes, kind: ErrorKind) -> None:
    assert refusal(tmp_path, content).kind in {kind, ErrorKind.NO_PAGES}


def test_a_truncated_pdf_is_repaired(tmp_path: Path) -> None:
    content = sample_documents.text_pdf(3)
    document = opened(tmp_path, content[: content.rindex(b"xref\n0")])
    assert len(document.sizes_pt()) == 3
    assert document.warnings


def test_too_many_pages(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"claims 101 pages, over read\.max_pages \(100\)"):
        opened(tmp_path, sample_documents.many_pages_pdf(101))


def test_sizes_of_many_pages_come_fast(tmp_path: Path) -> None:
    document = opened(tmp_path, sample_documents.many_pages_pdf(20_000), max_pages=20_000)
    sizes = document.sizes_pt()
    assert sizes[:2] == [(612, 792), (792, 612)]
    assert len(sizes) == 20_000


def test_pixels_go_where_the_canvas_says(tmp_path: Path) -> None:
    canvas = np.zeros((150, 150, 3), np.uint8)
    document = opened(tmp_path, sample_documents.pdf([Page(b"", (72, 72))]))
    image = document.render(1, RenderConfig(), lambda height, width: canvas[:height, :width])
    assert image.pixels is canvas or image.pixels.base is canvas
    assert (canvas == 255).all()


def test_embedded_files_and_xfa_forms_are_named(tmp_path: Path) -> None:
    with pymupdf.open(stream=sample_documents.text_pdf(), filetype="pdf") as document:
        document.embfile_add("entry", b"1,2", filename="figures.csv")
        document.embfile_add("notes.txt", b"words")
        content = document.tobytes()
    [line] = opened(tmp_path, content).warnings
    assert line.startswith("2 embedded files: ")
    assert "figures.csv" in line
    assert "notes.txt" in line
    form = sample_documents.pdf([Page()]).replace(
        b"/Type/Catalog", b"/Type/Catalog/AcroForm<</Fields[]/XFA[()]>>"
    )
    [line] = opened(tmp_path, form).warnings[:1]
    assert line.startswith("an XFA form")


@pytest.mark.parametrize("kids", [b"2 0 R", b"2 0 R 3 0 R 2 0 R"])
def test_a_page_tree_that_loops_ends(tmp_path: Path, kids: bytes) -> None:
    tree = b"<</Type/Pages/Count 3/MediaBox[0 0 99 99]/Kids[%s]>>" % kids
    page = b"<</Type/Page/Parent 2 0 R>>"
    content = sample_documents.file_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", tree, page])
    try:
        pages = len(opened(tmp_path, content).sizes_pt())
    except DocumentError:
        pages = 1  # the row that says why
    assert 1 <= pages <= 3


def test_a_page_without_a_box_is_a_letter(tmp_path: Path) -> None:
    tree = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    page = b"<</Type/Page/Parent 2 0 R>>"
    content = sample_documents.file_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", tree, page])
    assert opened(tmp_path, content).sizes_pt() == [sample_documents.LETTER]


def test_offsets_that_are_wrong_cost_no_page(tmp_path: Path) -> None:
    content = sample_documents.text_pdf(3)
    start = content.rindex(b"xref\n0") + len(b"xref\n0 ")
    moved = re.sub(rb"\d{10} 00000 n", b"0000000017 00000 n", content[start:])
    document = opened(tmp_path, content[:start] + moved)
    assert len(document.sizes_pt()) == 3
    seen = [document.render(page, RenderConfig(dpi=72)).pixels for page in (1, 2, 3)]
    good = opened(tmp_path, content)
    for page in (1, 2, 3):
        assert np.array_equal(seen[page - 1], good.render(page, RenderConfig(dpi=72)).pixels)


CORNER = sample_documents.corner_picture(64, 64)
RGB = np.asarray(CORNER)
LAB = np.where(RGB[..., 1:2] == 0, (0x87, 0xD0, 0xC3), (0xFF, 0x80, 0x80)).astype(np.uint8)
BITS = b"/ColorSpace/DeviceGray/BitsPerComponent 1"
LAB_SPACE = b"/ColorSpace[/Lab<</WhitePoint[0.96 1 0.82]/Range[-128 127 -128 127]>>]"
PICTURES = {
    "jbig2": (sample_documents.jbig2_page(CORNER), BITS + b"/Filter/JBIG2Decode"),
    "ccitt": (
        sample_documents.fax_bits(CORNER),
        BITS + b"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 64/Rows 64>>",
    ),
    "jpx": (sample_documents.saved(CORNER, "JPEG2000"), b"/Filter/JPXDecode"),
    "cmyk": (
        bytes(255 - value for value in CORNER.convert("CMYK").tobytes()),
        b"/ColorSpace/DeviceCMYK/BitsPerComponent 8/Decode[1 0 1 0 1 0 1 0]",
    ),
    "lab": (LAB.tobytes(), LAB_SPACE + b"/BitsPerComponent 8"),
    "16 bit": (
        (RGB.astype(np.uint16) * 257).astype(">u2").tobytes(),
        b"/ColorSpace/DeviceRGB/BitsPerComponent 16",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_every_kind_are_drawn(tmp_path: Path, name: str) -> None:
    image = opened(tmp_path, sample_documents.picture_pdf(*PICTURES[name])).render(
        1, RenderConfig(dpi=72)
    )
    assert (image.warnings, image.blank_suspect_reason) == ((), "")
    red, green, blue = (int(value) for value in image.pixels[90, 60])
    assert max(green, blue) < 60, "dark or red"
    assert red > 180 or name in ("jbig2", "ccitt")
    assert image.pixels[700, 500].min() > 250
