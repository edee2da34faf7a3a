"""`pipeline.recognition.route`: which pages need an engine."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.config import OcrOptions, RenderConfig
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.look import look as look_at
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.recipe import make_recipe
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.rotation import TURNS
from pipeline.imaging.transform import new_pixels
from pipeline.recognition.route import Routes
from pipeline.text.text_layer_trust import Trust
from pipeline.types import Block, Instruction, Recognition, ScoreParts, Source, Status, Task
from tests.support import sample_documents
from tests.support.sample_documents import Page
from tests.support.strategies import boxes, texts

PROSE = sample_documents.text_content(sample_documents.prose())
TRUSTED = sample_documents.pdf([Page(PROSE)])
GARBAGE = sample_documents.pdf(
    [Page(sample_documents.text_content(sample_documents.swapped(sample_documents.prose())))]
)
SCAN = sample_documents.scan_pdf(b"3 Tr " + PROSE)
UNDER_A_SCAN = sample_documents.pdf([Page(b"100 100 400 20 re f BT 3 Tr ET " + b"3 Tr " + PROSE)])
EMPTY = sample_documents.pdf([Page()])
WHITE = sample_documents.pdf([Page(b"1 g 0 0 612 792 re f")])
SPOT = sample_documents.pdf([Page(b"100 100 20 20 re f")])
PICTURE = sample_documents.saved(Image.new("RGB", (80, 60), "white"), "PNG")

RGB = b"/ColorSpace/DeviceRGB/BitsPerComponent 8"
GREY = b"/ColorSpace/DeviceGray/BitsPerComponent 1"
WHITE_PIXELS = zlib.compress(b"\xff" * 64 * 64 * 3)
LOST = {
    "jpeg": sample_documents.picture_pdf(b"\xff\xd8" + b"Rubbish" * 99, RGB + b"/Filter/DCTDecode"),
    "flate": sample_documents.picture_pdf(b"Rubbish" * 99, RGB + b"/Filter/FlateDecode"),
    "lzw": sample_documents.picture_pdf(b"\xffRubbish" * 99, RGB + b"/Filter/LZWDecode"),
    "jpx": sample_documents.picture_pdf(b"Rubbish" * 99, b"/Filter/JPXDecode"),
    "jbig2": sample_documents.picture_pdf(b"Rubbish" * 99, GREY + b"/Filter/JBIG2Decode"),
    "no size": sample_documents.picture_pdf(WHITE_PIXELS, RGB + b"/Filter/FlateDecode").replace(
        b"/Width 64", b"/Width 00"
    ),
    "no picture": sample_documents.pdf([Page(b"9 0 0 9 0 0 cm /Im Do")], b"/XObject<</Im 99 0 R>>"),
    "no name": sample_documents.pdf([Page(b"9 0 0 9 0 0 cm /Im Do")]),
    "in the content": sample_documents.pdf(
        [Page(b"612 0 0 792 0 0 cm BI /W 64 /H 64 /CS /RGB /BPC 8 /F /Fl ID Rubbish\nEI")]
    ),
    "in a form": sample_documents.pdf(
        [Page(b"/Fm Do")],
        b"/XObject<</Fm 4 0 R>>",
        [
            sample_documents.stream(
                b"612 0 0 792 0 0 cm /Im Do",
                b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</Im 5 0 R>>>>",
            ),
            sample_documents.stream(
                b"Rubbish" * 99,
                b"/Type/XObject/Subtype/Image/Width 64/Height 64/Filter/FlateDecode" + RGB,
            ),
        ],
    ),
    "content": sample_documents.pdf([Page(b"Rubbish" * 99)]).replace(
        b"<</Length 693", b"<</Filter/FlateDecode/Length 693"
    ),
    "an object": sample_documents.pdf(
        [Page(b"/Sh sh")], b"/Shading<</Sh 4 0 R>>", [b"<</ShadingType 2 /Coords[0 0 ] >> 9 ) <"]
    ).replace(b"/Coords[0 0 ]", b"]Coords)0 0 ]"),
    "no content": sample_documents.pdf([Page()]).replace(b"/Contents 5 0 R", b"/Contents 9 0 R"),
}


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxClient]:
    with SandboxClient() as reader:
        yield reader


@pytest.fixture
def look(reader: SandboxClient, tmp_path: Path) -> Any:
    def look(content: bytes, ask: Instruction | None = None, **settings: Any) -> PageView:
        path = tmp_path / "document"
        path.write_bytes(content)
        options = OcrOptions(output="-", engine={"kind": "fake"}, **settings)
        return Routes(make_recipe(options, "fake")).view(reader, str(path), 1, instruction=ask)

    return look


def way(view: PageView) -> str:
    """What becomes of a page, in a word."""
    if view.settled is None:
        assert view.image is not None
        assert view.source is Source.OCR
        return "engine"
    assert view.image is None
    return str(view.source) if view.settled.status is Status.OK else str(view.settled.status)


@pytest.mark.parametrize(
    ("content", "auto", "never", "always"),
    [
        (TRUSTED, "text_layer", "engine", "text_layer"),
        (GARBAGE, "engine", "engine", "text_layer"),
        (SCAN, "blank", "blank", "text_layer"),  # a picture of one colour has no ink
        (EMPTY, "blank", "blank", "blank"),
        (WHITE, "blank", "blank", "blank"),
        (SPOT, "engine", "engine", "engine"),
        (PICTURE, "blank", "blank", "blank"),
    ],
    ids=["trusted", "garbage", "scan", "empty", "white", "spot", "picture"],
)
def test_every_page_goes_its_way(
    look: Any, content: bytes, auto: str, never: str, always: str
) -> None:
    ways = [way(look(content, text_layer=mode)) for mode in ("auto", "never", "always")]
    assert ways == [auto, never, always]


def test_a_trusted_layer_says_what_its_page_says(look: Any) -> None:
    view = look(TRUSTED)
    assert view.settled.text.split() == " ".join(sample_documents.prose()).split()
    assert (view.width_px, view.height_px, view.dpi) == (1275, 1650, 150)
    assert view.trust.score == 1
    x0, y0, x1, y1 = view.settled.blocks[0].box
    assert 0 < x0 < x1 < 1275
    assert 0 < y0 < y1 < 1650


@pytest.mark.parametrize("content", [EMPTY, WHITE, SPOT, PICTURE])
def test_only_layers_means_that_a_page_without_one_fails_or_is_empty(
    look: Any, content: bytes
) -> None:
    if content is EMPTY:
        assert way(look(content, text_layer="only")) == "blank"
        return
    with pytest.raises(PageError) as caught:
        look(content, text_layer="only")
    assert caught.value.kind is ErrorKind.NO_TEXT_LAYER


def test_only_layers_takes_what_is_hidden_too(look: Any) -> None:
    assert look(SCAN, text_layer="only").settled.text.startswith("the old harbour")


def test_the_trust_that_is_asked_for_decides(look: Any) -> None:
    assert way(look(GARBAGE, route={"min_trust": 0.0})) == "text_layer"
    assert look(GARBAGE).trust.doubts == ("letters of no language", "no words")


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (Instruction(Task.TEXT), "text_layer"),
        (Instruction(Task.MARKDOWN), "text_layer"),
        (Instruction(Task.FIGURE), "engine"),
        (Instruction(Task.DESCRIBE), "engine"),
        (Instruction(Task.TEXT, prompt="<image>\nFree OCR."), "engine"),
    ],
)
def test_what_is_asked_of_the_picture_goes_to_the_engine(
    look: Any, ask: Instruction, expected: str
) -> None:
    assert way(look(TRUSTED, ask)) == expected


def test_a_task_about_the_picture_goes_to_the_engine_without_a_word(look: Any) -> None:
    assert way(look(TRUSTED, task="describe")) == "engine"


@pytest.mark.parametrize(
    ("content", "text_layer", "rungs", "kept"),
    [
        (TRUSTED, "auto", ("text_layer",), True),
        (UNDER_A_SCAN, "auto", ("text_layer",), True),
        (GARBAGE, "auto", ("text_layer",), False),
        (SPOT, "auto", ("text_layer",), False),
        (TRUSTED, "never", ("text_layer",), False),
        (TRUSTED, "auto", ("error_row",), False),
    ],
    ids=["trusted", "hidden", "garbage", "none", "never", "no rung"],
)
def test_a_layer_of_words_is_kept_for_a_last_resort(
    look: Any, content: bytes, text_layer: str, rungs: tuple[str, ...], kept: bool
) -> None:
    view = look(content, Instruction(Task.DESCRIBE), text_layer=text_layer, ladder={"rungs": rungs})
    assert view.image is not None
    assert bool(view.image.layer) == kept
    assert not kept or view.image.layer.startswith("the old harbour")


class Broken:
    """A document whose text layers cannot be read."""

    language = ""

    def __init__(self, document: PdfFile, kind: ErrorKind) -> None:
        self.render = document.render
        self._kind = kind

    def layer(self, *_: object) -> None:
        raise PageError(self._kind, "no")


@pytest.fixture
def trusted(tmp_path: Path) -> PdfFile:
    (tmp_path / "a.pdf").write_bytes(TRUSTED)
    return PdfFile(str(tmp_path / "a.pdf"), "", 10)


def test_a_layer_that_cannot_be_read_does_not_keep_the_page_from_being_drawn(
    trusted: PdfFile,
) -> None:
    broken: Any = Broken(trusted, ErrorKind.RENDER)
    assert way(look_at(broken, 1, RenderConfig(), new_pixels, LookOptions())) == "engine"


@pytest.mark.parametrize(
    ("kind", "text_layer"), [(ErrorKind.TIMEOUT, "auto"), (ErrorKind.RENDER, "only")]
)
def test_other_errors_of_the_layer_are_those_of_the_page(
    trusted: PdfFile, kind: ErrorKind, text_layer: Any
) -> None:
    broken: Any = Broken(trusted, kind)
    options = LookOptions(text_layer=text_layer)
    with pytest.raises(PageError) as error:
        look_at(broken, 1, RenderConfig(), new_pixels, options)
    assert error.value.kind is kind


@pytest.mark.parametrize(
    "options", [LookOptions(), LookOptions(wants_text=False, keeps_layer=True)]
)
def test_a_view_is_the_same_after_serialisation(trusted: PdfFile, options: LookOptions) -> None:
    view = look_at(trusted, 1, RenderConfig(), new_pixels, options)
    pixels = view.image.pixels if view.image else None
    again = PageView.from_bytes(view.to_bytes(), view.warnings, pixels)
    assert (view.image is None) == options.wants_text
    if view.image and again.image:
        assert again.image.pixels is view.image.pixels
        assert (again.image.dpi, again.image.layer) == (view.image.dpi, view.image.layer)
    assert replace(again, image=None) == replace(view, image=None)


blocks = st.builds(Block, texts, texts, st.none() | boxes(), st.none() | st.floats(0, 1))


@given(texts, st.lists(blocks, max_size=4), st.sampled_from(TURNS), st.floats(0, 1), texts)
def test_any_result_is_the_same_after_serialisation(
    text: str, found: list[Block], deg: int, score: float, doubt: str
) -> None:
    parts = ScoreParts(words=score)
    settled = Recognition(Status.OK, text, tuple(found), score_parts=parts)
    view = PageView(
        *(7, 9, 150.0),
        settled=settled,
        source=Source.TEXT_LAYER,
        trust=Trust(score, (doubt,)),
        turned_deg=deg,
    )
    assert PageView.from_bytes(view.to_bytes()) == view


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"size": [1, 2], "settled": ["ok", "", [], null], "turned_deg": 0}',
        b'{"size": [1, 2, 3], "settled": ["ok", "", [], 2], "turned_deg": 0}',
        b'{"size": [1, 2, 3], "settled": ["fine", "", [], null], "turned_deg": 0}',
        b'{"size": [1, 2, 3], "settled": ["ok", "", [["text"]], null], "turned_deg": 0}',
        b'{"size": [1, 2, 3], "settled": ["ok", "", [], null], "turned_deg": 0, "source": "air"}',
    ],
)
def test_bytes_that_are_no_view_are_refused(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        PageView.from_bytes(content)


def test_a_view_with_neither_image_nor_result_is_refused(trusted: PdfFile) -> None:
    view = look_at(trusted, 1, RenderConfig(), new_pixels, LookOptions(wants_text=False))
    with pytest.raises(ValueError, match="neither"):
        PageView.from_bytes(view.to_bytes())


def test_a_view_with_an_odd_turn_is_refused(trusted: PdfFile) -> None:
    turned = replace(look_at(trusted, 1, RenderConfig(), new_pixels, LookOptions()), turned_deg=45)
    with pytest.raises(ValueError, match="quarter turn"):
        PageView.from_bytes(turned.to_bytes())


@pytest.mark.parametrize("text_layer", ["auto", "never"])
@pytest.mark.parametrize("name", LOST)
def test_a_page_that_lost_its_picture_is_an_error_and_not_blank(
    look: Any, name: str, text_layer: str
) -> None:
    with pytest.raises(PageError, match="drawn without ink") as error:
        look(LOST[name], text_layer=text_layer)
    assert error.value.kind is ErrorKind.RENDER


def _page_of(content: bytes, entries: bytes = b"") -> bytes:
    stream = sample_documents.stream(content, entries)
    return sample_documents.pdf([Page(entries=b"/Contents 4 0 R")], objects=[stream])


_WORDS = sample_documents.text_content(sample_documents.prose())
BROKEN = {
    "a filter that is not known": _page_of(zlib.compress(_WORDS), b"/Filter/NoSuchDecode"),
    "deflated, and the file does not say so": _page_of(zlib.compress(_WORDS)),
    "deflated, cut off after 40 bytes": _page_of(
        zlib.compress(_WORDS)[:40], b"/Filter/FlateDecode"
    ),
    "not deflated, and the file says so": _page_of(_WORDS, b"/Filter/FlateDecode"),
    "an object that is not in the file": sample_documents.pdf([Page(entries=b"/Contents 99 0 R")]),
    "an array of which one is not in the file": sample_documents.pdf(
        [Page(entries=b"/Contents[4 0 R 99 0 R]")], objects=[sample_documents.stream(b"q Q")]
    ),
    "a page that is not in the file": sample_documents.pdf([Page(_WORDS)]).replace(
        b"/Kids[4 0 R]", b"/Kids[9 0 R]"
    ),
    "a node of the page tree": sample_documents.pdf([Page(entries=b"/Count 1/Kids[9 0 R]")]),
    "words that are no operators": _page_of(b"foo bar 1 2 3 xyzzy " * 9),
    "a string without an end": _page_of(b"(" + _WORDS),
    "an array without an end": _page_of(b"[ " + _WORDS),
    "a dictionary without an end": _page_of(b"<< /A " + _WORDS),
    "cut off inside an operand": _page_of(b"BT /F1 12 Tf 60 700 Td (hello"),
    "text before a font is set": _page_of(b"BT 60 700 Td (hello) Tj ET"),
    "a filter for encrypted files": _page_of(zlib.compress(_WORDS), b"/Filter/Crypt"),
    "a form of words that are no operators": sample_documents.pdf(
        [Page(b"/Fm Do")],
        b"/XObject<</Fm 4 0 R>>",
        [
            sample_documents.stream(
                b"foo bar baz " * 9, b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]"
            )
        ],
    ),
}


@pytest.mark.parametrize("text_layer", ["auto", "never"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_page_whose_content_is_broken_and_draws_nothing_is_an_error_and_not_blank(
    look: Any, name: str, text_layer: str
) -> None:
    with pytest.raises(PageError, match="drawn without ink") as error:
        look(BROKEN[name], text_layer=text_layer)
    assert error.value.kind is ErrorKind.RENDER


@pytest.mark.parametrize(
    "content", [b"", b"q Q", b"Q Q", b"1 g 0 0 612 792 re f", b"BT /F1 9 Tf 60 70 Td ( ) Tj ET"]
)
def test_a_page_that_is_meant_to_be_empty_is_blank(look: Any, content: bytes) -> None:
    assert way(look(_page_of(content))) == "blank"


@pytest.mark.parametrize("text_layer", ["auto", "never"])
def test_complaints_alone_make_no_error_of_a_blank_page(look: Any, text_layer: str) -> None:
    entries = RGB + b"/Filter/FlateDecode"
    assert (
        way(look(sample_documents.picture_pdf(WHITE_PIXELS, entries), text_layer=text_layer))
        == "blank"
    )
    noisy = sample_documents.picture_pdf(WHITE_PIXELS, entries, drawn=b"nonsense")
    seen = look(noisy, text_layer=text_layer)
    assert any("unknown keyword" in line for line in seen.warnings)
    assert way(seen) == "blank"


def test_a_white_picture_that_one_reader_refuses_is_an_error(look: Any) -> None:
    white = Image.new("RGB", (60, 40), "white")
    with pytest.raises(PageError, match="Pillow refuses it"):
        look(sample_documents.nibble_tiff([white]))
    assert way(look(sample_documents.saved(white, "PNG"))) == "blank"
    assert way(look(sample_documents.nibble_tiff([sample_documents.corner_picture()]))) == "engine"
