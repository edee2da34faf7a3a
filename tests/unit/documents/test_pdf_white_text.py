"""Text that is in a layer and not to be seen: white on white, and invisible beside visible."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import RenderConfig, TextLayerMode
from pipeline.documents.look import LookOptions, look
from pipeline.imaging.transform import new_pixels
from pipeline.text.text_layer_trust import Trust, assess_trust
from tests.support import sample_documents
from tests.support.sample_documents import Page
from tests.unit.documents.test_pdf_document import opened
from tests.unit.documents.test_pdf_text_layer import PROSE, layer_of

STAMP = b"BT /F1 8 Tf 60 40 Td (VerDate 14:28) Tj ET "
WHITE, BLACK = b" 1 g ", b" 0 g "
PANEL = b"50 30 200 30 re f "
PATTERN = sample_documents.stream(
    b"0 0 1 rg 0 0 4 4 re f",
    b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 4 4]/XStep 4/YStep 4/Resources<<>>",
)
RESOURCES = (
    b"/Pattern<</P1 4 0 R>>"
    b"/Shading<</S1<</ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 9 0]"
    b"/Function<</FunctionType 2/Domain[0 1]/C0[0]/C1[0.2]/N 1>>/Extend[true true]>>>>"
    b"/ColorSpace<</Spot[/Separation/Spot/DeviceCMYK"
    b"<</FunctionType 2/Domain[0 1]/C0[0 0 0 0]/C1[0 1 0 0]/N 1>>]>>"
)


def page_with(drawn: bytes) -> bytes:
    """A page of prose, and what is drawn at its foot."""
    return sample_documents.pdf([Page(PROSE + drawn)], resources=RESOURCES, objects=[PATTERN])


UNSEEN = {
    "on paper": WHITE + STAMP,
    "on a white panel": WHITE + PANEL + STAMP,
    "on a white panel on a dark one": BLACK + PANEL + WHITE + PANEL + STAMP,
    "on a panel without ink of CMYK": b" 0 0 0 0 k " + PANEL + WHITE + STAMP,
    "on a panel without ink of a spot colour": b" /Spot cs 0 scn " + PANEL + WHITE + STAMP,
    "inside a thin black frame": b" 0 G 50 20 300 60 re S " + WHITE + STAMP,
    "white of CMYK": b" 0 0 0 0 k " + STAMP,
    "in render mode 3": b" 3 Tr " + STAMP,
}
SEEN = {
    "black on paper": BLACK + STAMP,
    "grey on paper": b" 0.8 g " + STAMP,
    "white on a dark panel": BLACK + PANEL + WHITE + STAMP,
    "white on a panel of CMYK": b" 0 0 0 1 k " + PANEL + WHITE + STAMP,
    "white on a spot colour": b" /Spot cs 1 scn " + PANEL + WHITE + STAMP,
    "white on a thick line": b" 0 G 14 w 50 43 m 250 43 l S " + WHITE + STAMP,
    "white on a pattern": b" /Pattern cs /P1 scn " + PANEL + WHITE + STAMP,
    "white on a shading": b" q 50 30 200 30 re W n /S1 sh Q " + WHITE + STAMP,
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_no_visible_line(tmp_path: Path, name: str) -> None:
    layer = layer_of(tmp_path, page_with(UNSEEN[name]))
    assert [line.text for line in layer.lines if not line.is_visible] == ["VerDate 14:28"]


@pytest.mark.parametrize("name", SEEN)
def test_what_can_be_seen_is_a_visible_line(tmp_path: Path, name: str) -> None:
    layer = layer_of(tmp_path, page_with(SEEN[name]))
    assert "VerDate 14:28" in [line.text for line in layer.visible]


@pytest.mark.parametrize("name", [*UNSEEN, *SEEN])
def test_the_drawn_page_agrees(tmp_path: Path, name: str) -> None:
    """The expectation of the two tests above: text can be seen where its box has contrast."""
    content = page_with((UNSEEN | SEEN)[name])
    pdf = opened(tmp_path, content)
    [line] = [x for x in pdf.layer(1, RenderConfig()).lines if x.text == "VerDate 14:28"]
    left, top, right, bottom = (int(side) for side in line.box)
    drawn = pdf.render(1, RenderConfig()).pixels[top + 3 : bottom - 3, left + 2 : right - 2]
    assert (int(drawn.max()) - int(drawn.min()) > 40) == (name in SEEN)


def test_only_the_unseen_part_of_a_line_is_left_out(tmp_path: Path) -> None:
    shown = b" BT /F1 8 Tf 60 40 Td (Total ) Tj 1 g (secret ) Tj 0 g (206.5) Tj ET"
    layer = layer_of(tmp_path, page_with(shown))
    assert [line.text for line in layer.visible][-1] == "Total 206.5"
    [unseen] = [line for line in layer.lines if not line.is_visible]
    assert (unseen.text, unseen.is_white) == ("secret", True)


def test_a_white_stamp_does_not_lower_the_trust(tmp_path: Path) -> None:
    assert assess_trust(layer_of(tmp_path, page_with(WHITE + STAMP * 9))) == Trust(1.0)


@pytest.mark.parametrize(("mode", "is_taken"), [("auto", False), ("only", True), ("always", True)])
@pytest.mark.parametrize("name", ["on paper", "in render mode 3"])
def test_unseen_text_is_taken_where_the_mode_says_so(
    tmp_path: Path, name: str, mode: TextLayerMode, is_taken: bool
) -> None:
    pdf = opened(tmp_path, page_with(UNSEEN[name]))
    view = look(pdf, 1, RenderConfig(), new_pixels, LookOptions(text_layer=mode))
    assert view.settled is not None
    assert ("VerDate" in view.settled.text) == is_taken
    assert "harbour" in view.settled.text
