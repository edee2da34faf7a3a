"""Documents of an output as files: every page once, in order, whatever shards hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, JobError
from pipeline.output.export.documents import OutputIndex, PageReader, Selection
from pipeline.output.export.formats import FORMATS, check_names
from pipeline.output.export.names import common_folder, distinct, file_name
from pipeline.output.export.run import export
from pipeline.output.export.state import STATE_NAME
from pipeline.types import PageRef, PageResult
from tests.support.exports import NoOriginals, options, output, page, source_of


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Two documents, whose pages are spread over two shards in no order."""
    return output(
        tmp_path / "pages",
        [
            replace(page("/in/b/two.pdf", 3, "three"), text_score=0.75),
            replace(page("/in/one.png", 1, "a title"), text_score=0.5),
            replace(page("/in/b/two.pdf", 1, "one"), text_score=0.5),
        ],
        [page("/in/b/two.pdf", 2)],
    )


def test_every_page_is_in_its_documents_file_in_order(pages: Path, tmp_path: Path) -> None:
    told: list[int] = []
    done = export(
        OutputIndex(pages),
        options(tmp_path / "to", ["text", "markdown"]),
        NoOriginals(),
        told.append,
    )
    assert (tmp_path / "to/b/two.pdf.txt").read_text() == "one\n\f\n\fthree\n\f"
    assert (tmp_path / "to/one.png.txt").read_text() == "a title\n\f"
    assert (done.files, done.pages, sum(told)) == ({"text": 2, "markdown": 2}, 4, 4)
    _, front, body = (tmp_path / "to/b/two.pdf.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "source": "/in/b/two.pdf",
        "sha256": "ab" * 32,
        "page_count": 3,
        "engine": "fake",
        "model": "m",
        "recipe_hash": "r",
        "failed_pages": [2],
    }
    assert body.split() == [
        "<a",
        'id="page-1"></a>',
        "one",
        "<a",
        'id="page-2"></a>',
        ">",
        "Page",
        "2",
        "was",
        "not",
        "read:",
        "cannot",
        "be",
        "drawn",
        "<a",
        'id="page-3"></a>',
        "three",
    ]


def written(name: str, pages: Sequence[PageResult]) -> str:
    return "".join(FORMATS[name].write(source_of(pages)))


def test_a_form_feed_in_a_page_is_not_the_end_of_it() -> None:
    text = written("text", [page("/in/a.pdf", 1, "one\ftwo"), page("/in/a.pdf", 2, "three")])
    assert text == "one\ntwo\n\fthree\n\f"


def test_a_picture_of_each_page_has_an_anchor_of_its_own() -> None:
    assert "![image](#page-7-block-3)" in written(
        "markdown", [page("/a", 7, "![image](#block-3)", blocks=())]
    )


def test_json_lines_have_what_is_known_of_a_page() -> None:
    lines = written("jsonl", [page("/a", 1, 'quoted "é"'), page("/a", 2)]).splitlines()
    good, bad = map(json.loads, lines)
    assert (good["text"], good["status"], good["error"]) == ('quoted "é"', "ok", None)
    assert good["blocks"] == [
        {"kind": "text", "text": 'quoted "é"', "box": [1, 2, 3, 4], "score": 0.5}
    ]
    assert bad["error"] == {"kind": "render", "message": "cannot be\ndrawn"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_the_spans_of_dolma_cover_the_text_page_by_page(texts: list[str]) -> None:
    made = [page("/a", number, text) for number, text in enumerate(texts, 1)]
    record = json.loads(written("dolma", made))
    spans = record["attributes"]["pdf_page_numbers"]
    assert [number for _, _, number in spans] == list(range(1, len(texts) + 1))
    assert "".join(record["text"][begin:end] for begin, end, _ in spans) == record["text"]
    assert [
        record["text"][begin:end].removeprefix("\n" if at else "")
        for at, (begin, end, _) in enumerate(spans)
    ] == texts


def test_what_is_there_and_whole_is_left(pages: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    (to / "one.png.txt").write_text("edited by hand, and kept")
    (to / "b/two.pdf.txt").unlink()
    done = export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    assert (done.files, done.kept, done.pages) == ({"text": 1}, {"text": 1}, 3)
    assert (to / "one.png.txt").read_text() == "edited by hand, and kept"


def test_a_document_that_was_read_again_is_written_again(pages: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    output(
        pages,
        [
            page("/in/b/two.pdf", 3, "three"),
            page("/in/one.png", 1, "a title"),
            page("/in/b/two.pdf", 1, "one"),
        ],
        [page("/in/b/two.pdf", 2, "two, now")],
    )
    done = export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    assert (done.files, done.kept) == ({"text": 1}, {"text": 1})
    assert "two, now" in (to / "b/two.pdf.txt").read_text()


def test_an_export_that_was_killed_while_it_wrote_its_state_goes_on(
    pages: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    state = to / STATE_NAME
    state.write_text(state.read_text()[:-9])  # in the middle of the second line
    (to / "one.png.txt").unlink()
    done = export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    assert done.files == {"text": 1}
    assert (to / "one.png.txt").exists()


def test_a_file_that_is_not_from_an_export_is_never_replaced(pages: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (to / "one.png.txt").write_text("mine")
    with pytest.raises(JobError, match=r"one\.png\.txt is there, and not from an export"):
        export(OutputIndex(pages), options(to, ["text"]), NoOriginals())
    assert (to / "one.png.txt").read_text() == "mine"


def test_the_file_of_another_document_is_never_replaced(tmp_path: Path) -> None:
    first = output(tmp_path / "first", [page("/2024/a.pdf", 1, "of 2024")])
    second = output(tmp_path / "second", [page("/2025/a.pdf", 1, "of 2025")])
    to = tmp_path / "to"
    export(OutputIndex(first), options(to, ["text"]), NoOriginals())
    with pytest.raises(JobError, match=r"a\.pdf\.txt is that of /2024/a\.pdf, not of /2025/a\.pdf"):
        export(OutputIndex(second), options(to, ["text"]), NoOriginals())
    assert (to / "a.pdf.txt").read_text() == "of 2024\n\f"


def test_documents_that_are_chosen_one_after_the_other_have_the_names_that_all_would_have(
    tmp_path: Path,
) -> None:
    rows = [page(f"/in/{year}/a.pdf", 1, f"of {year}") for year in (2024, 2025)]
    made = output(tmp_path / "pages", rows)
    for year in (2024, 2025):
        index = OutputIndex(made, Selection(f"/{year}/"))
        export(index, options(tmp_path / "to", ["text"]), NoOriginals())
    assert [(tmp_path / f"to/{year}/a.pdf.txt").read_text() for year in (2024, 2025)] == [
        "of 2024\n\f",
        "of 2025\n\f",
    ]


def test_documents_of_equal_bytes_whose_names_become_the_same_are_all_there(
    tmp_path: Path,
) -> None:
    names = ["a*b.pdf", "a:b.pdf", "a?b.pdf"]
    made = output(tmp_path / "pages", [page(f"/in/{name}", 1, name) for name in names])
    done = export(OutputIndex(made), options(tmp_path / "to", ["text"]), NoOriginals())
    assert done.files == {"text": 3}
    files = (tmp_path / "to").glob("*.txt")
    assert sorted(file.read_text() for file in files) == [f"{name}\n\f" for name in names]


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection("two"), [("/in/b/two.pdf", [1, 2, 3])]),
        (Selection(statuses=["failed"]), [("/in/b/two.pdf", [2])]),
        (Selection("one", ["failed"]), []),
        (Selection(scores=(0.6, 1.0)), [("/in/b/two.pdf", [3])]),
        (Selection(scores=(0.0, 0.6)), [("/in/b/two.pdf", [1]), ("/in/one.png", [1])]),
        (Selection("two", scores=(0.5, 0.6)), [("/in/b/two.pdf", [1])]),
    ],
)
def test_documents_and_pages_can_be_chosen(
    pages: Path, selection: Selection, wanted: list[tuple[str, list[int]]]
) -> None:
    index = OutputIndex(pages, selection)
    found = [
        (each.uri, [result.ref.page for result in PageReader(index.shards).results(each)])
        for each in index.documents()
    ]
    assert found == wanted
    assert index.pages == sum(len(numbers) for _, numbers in wanted)


def test_contents_that_a_place_had_one_after_the_other_are_two_documents(tmp_path: Path) -> None:
    old, new = (
        page("/in/a.pdf", 1, "old", doc_id="1" * 64),
        page("/in/a.pdf", 1, "new", doc_id="2" * 64),
    )
    pages = output(tmp_path / "pages", [new, old])
    export(OutputIndex(pages), options(tmp_path / "to", ["text"]), NoOriginals())
    assert (tmp_path / "to/a.pdf.txt").read_text() == "old\n\f"
    assert (tmp_path / "to/a.pdf-22222222.txt").read_text() == "new\n\f"


def test_a_document_that_could_not_be_opened_has_a_file_that_says_so(tmp_path: Path) -> None:
    bad = replace(page("/in/a.pdf", 0), ref=PageRef("/in/a.pdf", "", 0, 0, "", 0, 0))
    export(
        OutputIndex(output(tmp_path / "pages", [bad])),
        options(tmp_path / "to", ["markdown"]),
        NoOriginals(),
    )
    assert "> Page 0 was not read: cannot be drawn" in (tmp_path / "to/a.pdf.md").read_text()


@pytest.mark.parametrize(
    ("uris", "names"),
    [
        (["/a/b/c.pdf", "/a/b/d/e.pdf"], ["c.pdf.md", "d/e.pdf.md"]),
        (["s3://bucket/in/1.pdf", "s3://bucket/in/2.pdf"], ["1.pdf.md", "2.pdf.md"]),
        (["s3://one/1.pdf", "gs://two/1.pdf"], ["s3_/one/1.pdf.md", "gs_/two/1.pdf.md"]),
        (["/a/x.zip!/../up.pdf"], ["up.pdf.md"]),
        (["/a/x/../../up.pdf", "/b.pdf"], ["a/x/_/_/up.pdf.md", "b.pdf.md"]),
        (["/a/b?c<d>.pdf"], ["b_c_d_.pdf.md"]),
    ],
)
def test_names_follow_the_folders_below_what_all_documents_share(
    uris: list[str], names: list[str]
) -> None:
    folder = common_folder(uris)
    assert [file_name(uri, folder, ".md") for uri in uris] == names


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_no_name_leaves_the_folder_or_is_too_long(uris: list[str]) -> None:
    for uri in uris:
        name = file_name(uri, common_folder(uris), ".md")
        parts = name.split("/")
        assert name.endswith(".md")
        assert not {"", ".", ".."} & set(parts)
        assert all(len(part.encode()) < 255 for part in parts)
        assert distinct(name, "ab" * 32) != name


def test_an_unknown_format_is_refused_with_those_that_there_are() -> None:
    check_names(FORMATS)
    with pytest.raises(ConfigError, match="unknown format 'markdwn'; choose from markdown, html"):
        check_names(["text", "markdwn"])
