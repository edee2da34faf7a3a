"""A data set with the images of pages: every page a row, files of whole documents."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.errors import ErrorKind, JobError, PageError
from pipeline.output.export.documents import OutputIndex, Selection
from pipeline.output.export.run import Exported, export, passes
from pipeline.types import PageImage, PageRef
from tests.support.exports import NoOriginals, options, output, page


class Originals(NoOriginals):
    """Pages that are as grey as their number; page 9 cannot be drawn."""

    def page(self, ref: PageRef) -> PageImage:
        if ref.page == 9:
            raise PageError(ErrorKind.RENDER, "broken")
        return PageImage(np.full((80, 60, 3), ref.page * 20, np.uint8), 150)


@pytest.fixture
def index(tmp_path: Path) -> OutputIndex:
    first = [page("/in/a.pdf", 2, "# two"), page("/in/b.pdf", 1), page("/in/a.pdf", 1, "one")]
    return OutputIndex(output(tmp_path / "pages", first, [page("/in/c.pdf", 9, "nine")]))


def files(to: Path) -> list[str]:
    return sorted(path.name for path in (to / "dataset/data").iterdir())


def rows(to: Path) -> list[dict[str, Any]]:
    tables = [pq.read_table(to / "dataset/data" / name) for name in files(to)]
    return [row for table in tables for row in table.to_pylist()]


def run(index: OutputIndex, to: Path, **dataset: Any) -> Exported:
    return export(index, options(to, ["dataset"], dataset=dataset), Originals())


def test_every_page_is_a_row_with_its_image(index: OutputIndex, tmp_path: Path) -> None:
    done = run(index, tmp_path / "to")
    found = rows(tmp_path / "to")
    assert [(row["uri"], row["page"], row["markdown"], row["status"]) for row in found] == [
        ("/in/a.pdf", 1, "one", "ok"),
        ("/in/a.pdf", 2, "# two", "ok"),
        ("/in/b.pdf", 1, "", "failed"),
        ("/in/c.pdf", 9, "nine", "ok"),
    ]
    for row in found[:3]:
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            assert image.size == (60, 80)
            assert np.asarray(image).mean() == pytest.approx(row["page"] * 20, abs=2)
    assert found[0]["image"]["path"] == "a.pdf-1.jpg"
    assert found[3]["image"] is None
    assert json.loads(found[0]["inference_info"])[0] == {
        "column_name": "markdown",
        "model_id": "m",
        "engine": "fake",
        "source": "ocr",
        "recipe_hash": "r",
    }
    assert done.warnings == ["/in/c.pdf, page 9: no image: the original cannot be read: broken"]
    assert (done.files, done.pages) == ({"dataset": 1}, 4)


def test_a_file_has_whole_documents(index: OutputIndex, tmp_path: Path) -> None:
    assert run(index, tmp_path / "to", pages_per_file=1).files == {"dataset": 3}
    assert files(tmp_path / "to") == [f"train-0000{number}.parquet" for number in range(3)]
    assert [row["uri"] for row in rows(tmp_path / "to")] == [
        *("/in/a.pdf", "/in/a.pdf", "/in/b.pdf", "/in/c.pdf")
    ]


def test_what_is_whole_is_left_and_what_lacks_an_image_is_tried_again(
    index: OutputIndex, tmp_path: Path
) -> None:
    run(index, tmp_path / "to", pages_per_file=1)
    done = run(index, tmp_path / "to", pages_per_file=1)
    assert (done.files, done.kept) == ({"dataset": 1}, {"dataset": 2})


def test_files_that_a_smaller_data_set_does_not_have_are_deleted(
    index: OutputIndex, tmp_path: Path
) -> None:
    run(index, tmp_path / "to", pages_per_file=1)
    (tmp_path / "to/dataset/data/train-mine.parquet").write_text("not from an export")
    run(index, tmp_path / "to", pages_per_file=2)
    assert files(tmp_path / "to") == [
        "train-00000.parquet",
        "train-00001.parquet",
        "train-mine.parquet",
    ]


def test_files_of_documents_that_lie_in_a_folder_of_that_name_stay(tmp_path: Path) -> None:
    rows = [page("/in/dataset/data/a.pdf", 1, "a"), page("/in/b.pdf", 1, "b")]
    made, to = OutputIndex(output(tmp_path / "out", rows)), tmp_path / "to"
    export(made, options(to, ["text", "dataset"]), NoOriginals())
    assert (to / "dataset/data/a.pdf.txt").read_text() == "a\n\f"


def test_a_file_that_is_not_from_an_export_is_never_replaced(
    index: OutputIndex, tmp_path: Path
) -> None:
    (tmp_path / "to/dataset/data").mkdir(parents=True)
    (tmp_path / "to/dataset/data/train-00000.parquet").write_text("mine")
    with pytest.raises(JobError, match="not from an export"):
        run(index, tmp_path / "to")


def test_row_groups_hold_so_many_bytes(tmp_path: Path) -> None:
    pages = [page("/in/a.pdf", number, "x" * 400_000) for number in range(1, 8)]
    index = OutputIndex(output(tmp_path / "pages", pages))
    run(index, tmp_path / "to", row_group_mib=1)
    groups = pq.ParquetFile(tmp_path / "to/dataset/data/train-00000.parquet").metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [
        *(3, 3, 1)
    ]


def test_each_page_is_reported_once_for_documents_and_once_for_the_data_set(
    index: OutputIndex, tmp_path: Path
) -> None:
    told: list[int] = []
    for formats, times in ((["dataset"], 1), (["text", "jsonl"], 1), (["text", "dataset"], 2)):
        told.clear()
        export(index, options(tmp_path / "to", formats), Originals(), told.append)
        assert passes(formats) == times
        assert sum(told) == 4 * times


def test_datasets_opens_the_folder(
    index: OutputIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    run(index, tmp_path / "to", pages_per_file=1)
    cache = str(tmp_path / "cache")
    opened = datasets.load_dataset(str(tmp_path / "to/dataset"), split="train", cache_dir=cache)
    assert opened.num_rows == 4
    assert isinstance(opened.features["image"], datasets.Image)
    assert opened[1]["image"].size == (60, 80)
    assert opened[3]["image"] is None
    assert opened["markdown"][:2] == ["one", "# two"]


def test_only_chosen_pages_are_in_it(tmp_path: Path, index: OutputIndex) -> None:
    pages = output(tmp_path / "more", [page("/in/a.pdf", 1, "one"), page("/in/a.pdf", 2)])
    run(OutputIndex(pages, Selection(statuses=["failed"])), tmp_path / "to")
    assert [row["page"] for row in rows(tmp_path / "to")] == [2]
