"""Searchable PDFs of an output: which pages get text, and documents that are left out."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import export as command
from pipeline.documents.originals import Originals
from pipeline.errors import ConfigError
from pipeline.output.completed import page_id
from pipeline.output.export.documents import OutputIndex
from pipeline.output.export.run import Exported, export
from pipeline.output.export.searchable_pdf import page_texts
from pipeline.output.export.state import STATE_NAME
from pipeline.output.export.visual_order import visual_order
from pipeline.types import Block, Box, Line, PageIds, PageResult, Recognition, Source, Status
from tests.support.exports import options, output, page
from tests.support.pdf_readers import READERS, Geometry, mupdf_words
from tests.support.sample_documents import Page, carrying_pdf, pdf, text_content

LETTER = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))
SIGNED = b"/AcroForm<</Fields[<</FT/Sig/T(s)/V<</Type/Sig>>>>]>>"
BOX = (200.0, 300.0, 500.0, 330.0)
"""A line in pixels at 144 dpi."""


def read(
    original: Path, *lines: Line, number: int = 1, source: Source = Source.OCR, text: str = "x"
) -> PageResult:
    """The row of a page of an original."""
    doc_id = hashlib.sha256(original.read_bytes()).hexdigest()
    blocks = tuple(Block("text", line.text, line.box) for line in lines) or (Block("text", text),)
    row = page(str(original), number, text, doc_id=doc_id)
    return replace(
        row,
        recognition=Recognition(Status.OK, text, blocks, lines=lines),
        source=source,
        ids=PageIds(page_id(str(original), doc_id, number, "r"), "c", "r"),
    )


def exported(rows: Sequence[PageResult], folder: Path) -> Exported:
    index = OutputIndex(output(folder / "pages", rows))
    settings = options(folder / "to", ["searchable-pdf"])
    with Originals(settings) as originals:
        return export(index, settings, originals)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.pdf"
    path.parent.mkdir()
    path.write_bytes(pdf([Page(), Page(text_content(["own"])), Page()]))
    return path


def test_the_lines_of_rows_are_in_the_pdf_at_their_places(original: Path, tmp_path: Path) -> None:
    rows = [
        read(original, Line("first page", BOX, 0.9)),
        read(original, number=2, source=Source.TEXT_LAYER, text="own"),
        read(original, Line("third", (100, 100, 200, 130), 0.9), number=3),
    ]
    done = exported(rows, tmp_path)
    assert (done.files, done.left_out, done.warnings) == ({"searchable-pdf": 1}, 0, [])
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    assert made.read_bytes().startswith(original.read_bytes())
    words = [mupdf_words(made, LETTER, number) for number in (1, 2, 3)]
    assert [[word for word, _ in found] for found in words] == [
        ["first", "page"],
        ["own"],
        ["third"],
    ]
    assert words[0][0][1][:2] == pytest.approx((100, 150), abs=1)
    assert words[0][1][1][2:] == pytest.approx((250, 165), abs=1)
    assert list((tmp_path / "to").glob(".*partial*")) == []


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("deg", "first", "last"),
    [
        (90, (100, 250, 120, 350), (100, 150, 120, 250)),  # it runs up
        (180, (200, 150, 300, 170), (100, 150, 200, 170)),  # to the left, upside down
        (270, (280, 150, 300, 250), (280, 250, 300, 350)),  # down
    ],
)
def test_the_words_of_a_page_that_was_turned_are_at_their_places(
    deg: int, first: Box, last: Box, reader: str, original: Path, tmp_path: Path
) -> None:
    around = (
        min(first[0], last[0]),
        min(first[1], last[1]),
        max(first[2], last[2]),
        max(first[3], last[3]),
    )
    line = Line("nnnnn uuuuu", tuple(2 * side for side in around), 0.9)
    exported([replace(read(original, line), turned_deg=deg)], tmp_path)
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    found = dict(READERS[reader](made, LETTER))
    for word, inside in (("nnnnn", first), ("uuuuu", last)):
        x0, y0, x1, y1 = found[word]
        assert inside[0] - 3 < x0 < x1 < inside[2] + 3
        assert inside[1] - 3 < y0 < y1 < inside[3] + 3


TYPED = [
    "if (width < 12) return illi;  # illegal limit",
    "MMMM WWWW = mmmmm(wwww, 1111) MMWW (mm ww)",
    "for each: i, j, l in fill(will, till, bill):",
]


@pytest.mark.parametrize("reader", READERS)
def test_words_in_a_typewriter_font_begin_at_their_places(
    reader: str, original: Path, tmp_path: Path
) -> None:
    lines, expected = [], []
    for number, typed in enumerate(TYPED):
        text, top = " ".join(typed.split()), 100 + 20 * number
        lines.append(Line(text, (150, 2 * top, 150 + 13.2 * len(text), 2 * top + 24), 0.9))
        begins = [at for at in range(len(text)) if at == 0 or text[at - 1] == " "]
        expected += [75 + 6.6 * at for at in begins]
    row = read(original, *lines)
    block = Block("text", "x", (140, 190, 900, 320))
    exported([replace(row, recognition=replace(row.recognition, blocks=(block,)))], tmp_path)
    found = READERS[reader](tmp_path / "to" / "a.pdf.searchable.pdf", LETTER)
    assert [word for word, _ in found] == " ".join(TYPED).split()
    assert [box[0] for _, box in found] == pytest.approx(expected, abs=1)


def test_a_page_with_rows_of_two_recipes_has_its_text_once(original: Path, tmp_path: Path) -> None:
    row = read(original, Line("word", BOX, 0.9))
    again = replace(row, ids=replace(row.ids, page_id="f" * 32, recipe_hash="s"))
    exported([row, again], tmp_path)
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    assert [word for word, _ in mupdf_words(made, LETTER)] == ["word"]


def test_the_old_layer_of_pages_that_were_read_again_is_taken_out_where_it_is_asked(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.pdf"
    hidden = text_content(["garbled"]).replace(b"BT", b"BT 3 Tr")
    path.write_bytes(pdf([Page(hidden), Page(hidden)]))
    rows = [
        read(path, Line("fresh", BOX, 0.9)),
        read(path, Line("more", BOX, 0.9), number=2, source=Source.MIXED),
    ]
    pages = output(tmp_path / "out" / "pages", rows).parent
    argv = [str(pages), "--format", "searchable-pdf", "--to", str(tmp_path / "to")]
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    assert command.main(argv) == 0
    assert {word for word, _ in mupdf_words(made, LETTER)} == {"garbled", "fresh"}
    assert command.main([*argv, "--searchable.replace-layer"]) == 0
    assert [word for word, _ in mupdf_words(made, LETTER)] == ["fresh"]
    # The layer of a mixed page was taken: it stays.
    assert {word for word, _ in mupdf_words(made, LETTER, 2)} == {"garbled", "more"}
    assert made.read_bytes().startswith(path.read_bytes())


def test_a_second_export_leaves_what_is_there(original: Path, tmp_path: Path) -> None:
    rows = [read(original, Line("word", BOX, 0.9))]
    exported(rows, tmp_path)
    done = exported(rows, tmp_path)
    assert (done.files, done.kept) == ({"searchable-pdf": 0}, {"searchable-pdf": 1})


def test_documents_that_cannot_be_changed_are_left_out_with_the_reason(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed, gone, changed = (tmp_path / "in" / name for name in ("signed.pdf", "gone.pdf", "z.pdf"))
    signed.write_bytes(pdf([Page()], catalog=SIGNED))
    gone.write_bytes(pdf([Page(), Page()]))
    changed.write_bytes(pdf([Page(b"0 0 9 9 re f")]))
    rows = [read(path, Line("word", BOX, 0.9)) for path in (original, signed, gone, changed)]
    gone.unlink()
    changed.write_bytes(pdf([Page(b"0 0 8 8 re f")]))
    pages = output(tmp_path / "out" / "pages", rows).parent
    to = tmp_path / "to"
    code = command.main([str(pages), "--format", "searchable-pdf,text", "--to", str(to)])
    said = capsys.readouterr()
    assert code == 3
    assert "signed.pdf: no searchable-pdf: signed: a change would invalidate" in said.err
    assert "gone.pdf: no searchable-pdf: no such file" in said.err
    assert "z.pdf: no searchable-pdf: it changed since it was read" in said.err
    assert "3 files left out" in said.out
    assert sorted(path.name for path in to.glob("*.pdf")) == ["a.pdf.searchable.pdf"]
    assert len(list(to.glob("*.txt"))) == 4
    state = [json.loads(line) for line in (to / STATE_NAME).read_text().splitlines()]
    assert {each["file"] for each in state if "left_out" in each} == {
        f"{path.name}.searchable.pdf" for path in (signed, gone, changed)
    }


def test_a_file_of_an_older_export_stays_when_its_document_is_left_out(
    original: Path, tmp_path: Path
) -> None:
    exported([read(original, Line("word", BOX, 0.9))], tmp_path)
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    before = made.read_bytes()
    row = read(original, Line("other", BOX, 0.9))
    original.unlink()
    again = replace(row, ids=replace(row.ids, page_id="f" * 32))
    done = exported([again], tmp_path)
    assert done.left_out == 1
    assert made.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (Source.OCR, ["read in a picture"]),
        (Source.MIXED, ["read in a picture"]),
        (Source.TEXT_LAYER, []),
        (None, []),
    ],
)
def test_only_what_an_engine_read_is_added(source: Source | None, found: list[str]) -> None:
    blocks = (Block("text", "of the layer", (0, 0, 400, 30)), Block("text", "read", BOX))
    recognition = Recognition(Status.OK, "x", blocks, lines=(Line("read in a picture", BOX, 0.9),))
    row = replace(page("/a.pdf", 1, "x"), recognition=recognition, source=source)
    assert [run.text for each in page_texts([row]) for run in each.runs] == found


def test_a_page_that_failed_and_one_of_unknown_size_get_no_text() -> None:
    known = page("/a.pdf", 1, "x", blocks=[Block("text", "x", BOX)])
    assert [len(each.runs) for each in page_texts([known])] == [1]
    assert list(page_texts([page("/a.pdf", 1), replace(known, width_px=0, height_px=0)])) == []


RIGHT_TO_LEFT = [
    ("مرحبا بالعالم العربي", ["مرحبا", "بالعالم", "العربي"]),
    ("שלום עולם", ["שלום", "עולם"]),
    ("السعر 1250 ريال", ["السعر", "1250", "ريال"]),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("text", "words"), RIGHT_TO_LEFT)
def test_right_to_left_words_are_found_from_right_to_left(
    text: str, words: list[str], reader: str, original: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bidi")
    exported([read(original, Line(text, BOX, 0.9))], tmp_path)
    made = tmp_path / "to" / "a.pdf.searchable.pdf"
    found = READERS[reader](made, LETTER)
    # MuPDF joins a number and the word beside it.
    places = [next(box for each, box in found if word in each) for word in words]
    assert min(box[0] for box in places) == pytest.approx(100, abs=3)
    assert places[0][2] == pytest.approx(250, abs=3)
    assert [box[2] for box in places] == sorted((box[2] for box in places), reverse=True)


def test_visual_order_reverses_words_and_keeps_numbers() -> None:
    pytest.importorskip("bidi")
    assert visual_order("אב 12.5 ג") == "ג 12.5 בא"
    assert visual_order("plain (text)") == "plain (text)"
    assert visual_order("a line with אב in it") == "a line with בא in it"


def test_right_to_left_text_without_its_package_says_what_to_install(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bidi", None)
    with pytest.raises(ConfigError, match="needs python-bidi"):
        exported([read(original, Line("שלום", BOX, 0.9))], tmp_path)
    exported([read(original, Line("latin needs none", BOX, 0.9))], tmp_path)
    assert (tmp_path / "to" / "a.pdf.searchable.pdf").exists()


def test_a_member_of_an_archive_and_an_attachment_become_searchable(tmp_path: Path) -> None:
    inner = pdf([Page()])
    outer = carrying_pdf([("inner.pdf", inner)])
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.pdf", inner)
    (tmp_path / "outer.pdf").write_bytes(outer)
    places = [f"{archive}!/a.pdf", f"{tmp_path}/outer.pdf!/inner.pdf"]
    copy = tmp_path / "inner.pdf"
    copy.write_bytes(inner)
    known = read(copy, Line("word", BOX, 0.9))
    rows = [
        replace(
            known,
            ref=replace(known.ref, uri=place),
            ids=replace(known.ids, page_id=f"{number:032x}"),
        )
        for number, place in enumerate(places)
    ]
    done = exported(rows, tmp_path)
    assert (done.files, done.warnings) == ({"searchable-pdf": 2}, [])
    for made in (tmp_path / "to").rglob("*.searchable.pdf"):
        assert made.read_bytes().startswith(inner)
        assert [word for word, _ in mupdf_words(made, LETTER)] == ["word"]
