from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.output_texts import OutputTexts, ReadPage
from pipeline.types import Source, Status
from tests.support.small_outputs import page, write_output, write_pages


def test_a_document_is_found_by_the_end_of_its_path(tmp_path: Path) -> None:
    uris = ["/in/x/a.pdf", "/in/y/a.pdf", "/in/y/b.v2.pdf", "/in/c.png", "/in/c.pdf"]
    texts = OutputTexts(write_output(tmp_path, {(uri, 1): "" for uri in uris}))
    assert texts.find("x/a") == texts.find("x/a.pdf") == "/in/x/a.pdf"
    assert texts.find("/in/y/a.pdf") == "/in/y/a.pdf"
    assert texts.find("b.v2") == texts.find("b.v2.pdf") == "/in/y/b.v2.pdf"
    assert texts.find("c.png") == "/in/c.png"
    assert texts.find("z") is None
    assert texts.find("xx/a") is None
    for ambiguous in ("a", "a.pdf", "c"):
        with pytest.raises(ConfigError, match=rf"the truth of {ambiguous} may be that of /in/"):
            texts.find(ambiguous)


def test_pages_and_documents_are_read(tmp_path: Path) -> None:
    pages = [
        page("/in/a.pdf", 2, "two", source=Source.TEXT_LAYER),
        page("/in/a.pdf", 1, "one"),
        page("/in/a.pdf", 3, "", status=Status.FAILED, source=None),
    ]
    texts = OutputTexts(write_pages(tmp_path, pages))
    assert texts.page("/in/a.pdf", 2) == ReadPage("two", "ok", "text_layer", None)
    assert texts.page("/in/a.pdf", 9) == ReadPage()
    assert texts.document("/in/a.pdf") == ReadPage("one\n\ntwo\n\n", "failed")
    assert texts.uris() == ["/in/a.pdf"]


def test_rows_of_several_recipes_have_to_be_chosen_from(tmp_path: Path) -> None:
    pages = write_pages(
        tmp_path, [page("a", 1, recipe="aa1", text="x"), page("a", 1, "y", recipe="ab2")]
    )
    with pytest.raises(ConfigError, match="2 recipes; choose with --recipe: aa1, ab2"):
        OutputTexts(pages)
    with pytest.raises(ConfigError, match="--recipe zz: the output has aa1, ab2"):
        OutputTexts(pages, "zz")
    assert OutputTexts(pages, "ab").page("a", 1).text == "y"
