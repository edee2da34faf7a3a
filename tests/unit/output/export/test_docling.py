"""Documents as DoclingDocument: the mapping of kinds, the boxes, and what Docling says to it."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import replace
from typing import Any

import pytest

from pipeline.output.export import docling
from pipeline.types import Block, PageRef, PageResult
from tests.support.exports import page, source_of

BLOCKS = (
    Block("header", "Running head", (0, 0, 100, 20)),
    Block("title", "# Name", (100, 200, 300, 240)),
    Block("sub_title", "## Part"),
    Block("text", "Some words.", (100, 300, 300, 340)),
    Block("list", "- one\n2. two", (100, 400, 300, 440)),
    Block("table_caption", "Table 1"),
    Block("table", "<table><tr><th colspan=2>a</th></tr><tr><td>1</td><td>2</td></tr></table>"),
    Block("image", "axis", (500, 500, 600, 700)),
    Block("image_caption", "Figure 1"),
    Block("equation", "$$x$$"),
    Block("footnote", "1 a note"),
)


def a_page(number: int = 1) -> PageResult:
    parts = [block.text for block in BLOCKS]
    parts[7] = f"![image](#block-8)\n\n{parts[7]}"
    return page("/in/a name.pdf", number, "\n\n".join(parts), blocks=BLOCKS)


def written(*pages: PageResult) -> dict[str, Any]:
    (text,) = docling.write(source_of(pages))
    document: dict[str, Any] = json.loads(text)
    return document


def test_kinds_become_labels() -> None:
    document = written(a_page())
    labels = [(text["label"], text["text"]) for text in document["texts"]]
    assert labels == [
        ("page_header", "Running head"),
        ("title", "Name"),
        ("section_header", "Part"),
        ("text", "Some words."),
        ("list_item", "one"),
        ("list_item", "two"),
        ("caption", "Table 1"),
        ("caption", "Figure 1"),
        ("text", "axis"),
        ("formula", "x"),
        ("footnote", "1 a note"),
    ]
    assert document["texts"][2]["level"] == 1
    assert [text["content_layer"] for text in document["texts"][:2]] == ["furniture", "body"]
    assert [document["texts"][at]["marker"] for at in (4, 5)] == ["-", "2."]
    (table,) = document["tables"]
    assert (table["data"]["num_rows"], table["data"]["num_cols"]) == (2, 2)
    assert table["captions"] == [{"$ref": "#/texts/6"}]
    (picture,) = document["pictures"]
    assert picture["captions"] == [{"$ref": "#/texts/7"}]


def test_every_item_is_in_the_tree_once() -> None:
    document = written(a_page(1), a_page(2))
    items = [item for kind in ("groups", "texts", "tables", "pictures") for item in document[kind]]
    children = [*document["body"]["children"], *(c for item in items for c in item["children"])]
    places = [child["$ref"] for child in children]
    assert sorted(places) == sorted(item["self_ref"] for item in items)
    assert len(set(places)) == len(places)


def test_boxes_are_in_points_from_the_bottom_left() -> None:
    # The page has 612 by 792 points and 1224 by 1584 pixels.
    words = written(a_page())["texts"][3]
    assert words["prov"] == [
        {
            "page_no": 1,
            "bbox": {"l": 50, "t": 642, "r": 150, "b": 622, "coord_origin": "BOTTOMLEFT"},
            "charspan": [0, len("Some words.")],
        }
    ]


def test_an_element_without_a_box_has_that_of_its_page() -> None:
    (prov,) = written(a_page())["texts"][2]["prov"]
    assert [prov["bbox"][side] for side in "ltrb"] == [0, 792, 612, 0]


def test_a_box_that_reaches_over_the_edge_ends_there() -> None:
    block = Block("text", "Over the edge.", (-20, 10, 1300, 1600))
    (text,) = written(page("/in/a.pdf", 1, block.text, blocks=[block]))["texts"]
    assert [text["prov"][0]["bbox"][side] for side in "ltrb"] == [0, 787, 612, 0]


def test_where_points_are_not_known_pixels_are_taken_for_them() -> None:
    ref = PageRef("/in/a.png", "ab" * 32, 1, 1, "image/png", 0, 0)
    document = written(replace(a_page(), ref=ref))
    assert document["pages"]["1"]["size"] == {"width": 1224, "height": 1584}
    assert document["texts"][3]["prov"][0]["bbox"]["t"] == 1584 - 300


def test_a_document_that_could_not_be_opened_has_no_pages() -> None:
    unread = replace(page("/in/a.pdf", 0), ref=PageRef("/in/a.pdf", "", 0, 0, "", 0, 0))
    document = written(unread)
    assert document["pages"] == {}
    assert document["origin"]["binary_hash"] == 0


def test_docling_reads_it_and_writes_the_same_words() -> None:
    types = pytest.importorskip("docling_core.types.doc")
    text = json.dumps(written(a_page(1), page("/in/a name.pdf", 2)))
    document = types.DoclingDocument.model_validate_json(text)
    assert document.num_pages() == 2
    markdown = document.export_to_markdown()
    for word in ("# Name", "## Part", "Some words.", "- one", "2. two", "Table 1", "Figure 1"):
        assert markdown.count(word) == 1
    assert "Running head" not in markdown
    (table,) = document.tables
    assert [[cell.text for cell in row] for row in table.data.grid] == [["a", "a"], ["1", "2"]]
    bottom_left = document.texts[3].prov[0].bbox
    top_left = bottom_left.to_top_left_origin(page_height=document.pages[1].size.height)
    assert (top_left.l, top_left.t, top_left.r, top_left.b) == (50, 150, 150, 170)


@pytest.mark.parametrize(
    ("media_type", "said"),
    [
        ("image/png", "image/png"),
        ("image/jp2", "application/octet-stream"),
        ("image/webp", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_docling_reads_documents_of_every_media_type(
    media_type: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = pytest.importorskip("docling_core.types.doc")
    # What Python knows by itself: on some systems a file of the system adds to it.
    known = mimetypes.MimeTypes(()).types_map[True]
    monkeypatch.setattr(mimetypes, "types_map", known)
    ref = PageRef("/in/a", "ab" * 32, 1, 1, media_type, 612, 792)
    document = written(replace(a_page(), ref=ref))
    assert document["origin"]["mimetype"] == said
    assert types.DoclingDocument.model_validate_json(json.dumps(document)).num_pages() == 1
