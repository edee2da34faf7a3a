"""hOCR and ALTO: read by a parser that is not ours, every page, block, line and word in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.output.export.formats import FORMATS
from pipeline.types import Block, Line, PageResult, Recognition, Source, Status
from tests.support.exports import page, source_of
from tests.support.strategies import results

HTML = "{http://www.w3.org/1999/xhtml}"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"

LINES = (
    Line("A first <line>", (100, 100, 500, 130), 0.93),
    Line("& the second", (100, 140, 400, 170), 0.5),
)
BLOCKS = (
    Block("title", "A first <line> & the second", (100, 100, 500, 170), 0.7),
    Block("image", "", (100, 300, 500, 600)),
    Block("text", "a block without a box"),
)


def read(number: int = 1) -> PageResult:
    recognition = Recognition(Status.OK, "x", BLOCKS, lines=LINES)
    made = page('/in/a "b"; c.pdf', number, "x")
    return replace(made, recognition=recognition, dpi=144.0, text_score=0.8)


def of_layer(number: int = 2) -> PageResult:
    blocks = (Block("text", "words of a layer", (10, 20, 110, 40)),)
    recognition = Recognition(Status.OK, "x", blocks)
    return replace(
        page("/in/a.pdf", number, "x"), recognition=recognition, source=Source.TEXT_LAYER
    )


def written(name: str, pages: Sequence[PageResult]) -> Element:
    return ElementTree.fromstring("".join(FORMATS[name].write(source_of(pages))).encode())


def of_class(root: Element, name: str) -> list[Element]:
    return [each for each in root.iter() if name in each.get("class", "").split()]


def properties(node: Element) -> dict[str, str]:
    """The properties in a node's title, divided as the specification says."""
    parts = re.findall(r'(\w+)\s+((?:"[^"]*"|[^;"])*)', node.get("title", ""))
    return {name: value.strip() for name, value in parts}


def test_hocr_has_pages_blocks_lines_and_words_in_their_places() -> None:
    root = written("hocr", [read(), page("/in/a.pdf", 3)])
    first, failed = of_class(root, "ocr_page")
    assert properties(first) == {
        "image": '"/in/a %22b%22%3B c.pdf"',
        "bbox": "0 0 1224 1584",
        "ppageno": "0",
        "scan_res": "144 144",
    }
    assert [properties(block)["bbox"] for block in of_class(first, "ocr_carea")] == [
        "100 100 500 170"
    ]
    assert [properties(block)["bbox"] for block in of_class(first, "ocr_photo")] == [
        "100 300 500 600"
    ]
    lines = of_class(first, "ocr_line")
    assert [properties(line) for line in lines] == [
        {"bbox": "100 100 500 130"},
        {"bbox": "100 140 400 170"},
    ]
    words = of_class(lines[0], "ocrx_word")
    assert [word.text for word in words] == ["A", "first", "<line>"]
    assert {properties(word)["x_wconf"] for word in words} == {"93"}
    assert properties(words[0])["bbox"].startswith("100 100 ")
    assert properties(words[-1])["bbox"].endswith(" 500 130")
    assert failed.get("data-error") == "cannot be drawn"
    assert list(failed) == []


def test_hocr_says_which_classes_it_has() -> None:
    root = written("hocr", [read(), of_layer()])
    meta = {each.get("name"): each.get("content") for each in root.iter(f"{HTML}meta")}
    used = {name for each in root.iter() for name in each.get("class", "").split()}
    assert used <= set(str(meta["ocr-capabilities"]).split())
    assert meta["ocr-number-of-pages"] == "3"


@pytest.mark.parametrize(("deg", "angle"), [(0, None), (90, "90"), (180, "180"), (270, "270")])
def test_hocr_gives_the_angle_of_turned_lines(deg: int, angle: str | None) -> None:
    turned = replace(read(), turned_deg=deg)
    recognition = replace(turned.recognition, lines=(Line("a b", (5, 5, 9, 8), 1.0),))
    if deg % 180:
        recognition = replace(recognition, lines=(Line("a b", (5, 5, 8, 9), 1.0),))
    [line] = of_class(written("hocr", [replace(turned, recognition=recognition)]), "ocr_line")
    # Counter-clockwise: a page that was turned clockwise to be read runs up by as much.
    assert properties(line).get("textangle") == angle


def test_estimated_lines_are_marked_as_such() -> None:
    pages = [read(), of_layer()]
    lines = of_class(written("hocr", pages), "ocr_line")
    assert [properties(line).get("x_estimated") for line in lines] == [None, None, "1"]
    alto = written("alto", pages)
    [tag] = [each.get("ID") for each in alto.iter(f"{ALTO}OtherTag")]
    assert [line.get("TAGREFS") for line in alto.iter(f"{ALTO}TextLine")] == [None, None, tag]


def test_alto_has_pages_blocks_lines_and_words_in_their_places() -> None:
    root = written("alto", [read(), page("/in/a.pdf", 3)])
    pages = list(root.iter(f"{ALTO}Page"))
    assert [each.get("PHYSICAL_IMG_NR") for each in pages] == ["1", "3"]
    assert (pages[0].get("WIDTH"), pages[0].get("HEIGHT")) == ("1224", "1584")
    [block] = pages[0].iter(f"{ALTO}TextBlock")
    assert place(block) == (100, 100, 400, 70)
    labels = {each.get("ID"): each.get("LABEL") for each in root.iter(f"{ALTO}LayoutTag")}
    assert labels[block.get("TAGREFS")] == "title"
    [picture] = pages[0].iter(f"{ALTO}Illustration")
    assert place(picture) == (100, 300, 400, 300)
    lines = list(block.iter(f"{ALTO}TextLine"))
    assert [place(line) for line in lines] == [(100, 100, 400, 30), (100, 140, 300, 30)]
    strings = list(lines[0].iter(f"{ALTO}String"))
    assert [each.get("CONTENT") for each in strings] == ["A", "first", "<line>"]
    assert {each.get("WC") for each in strings} == {"0.930"}
    assert [each.tag for each in lines[0]] == [
        f"{ALTO}{name}" for name in ("String", "SP", "String", "SP", "String")
    ]
    assert list(pages[1].iter(f"{ALTO}TextBlock")) == []


def place(node: Element) -> tuple[int, ...]:
    return tuple(int(str(node.get(name))) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))


def test_alto_rotates_the_blocks_of_turned_pages() -> None:
    [block] = written("alto", [replace(read(), turned_deg=180)]).iter(f"{ALTO}TextBlock")
    assert block.get("ROTATION") == "180"


@pytest.mark.parametrize("name", ["hocr", "alto"])
@given(st.lists(results(), min_size=1, max_size=3))
def test_any_rows_are_well_formed_with_every_page_once(name: str, pages: list[PageResult]) -> None:
    root = written(name, pages)
    found = of_class(root, "ocr_page") if name == "hocr" else list(root.iter(f"{ALTO}Page"))
    assert len(found) == len(pages)


@pytest.mark.parametrize("name", ["hocr", "alto"])
def test_text_that_xml_cannot_hold_is_replaced(name: str) -> None:
    recognition = Recognition(
        Status.OK, "x", (), lines=(Line("a\x01b \ud800 c", (1, 2, 30, 40), 0.5),)
    )
    content = "".join(FORMATS[name].write(source_of([replace(read(), recognition=recognition)])))
    assert "a\ufffdb" in content
    ElementTree.fromstring(content.encode())
