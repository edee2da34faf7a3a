"""Structure of pages that an engine read as lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import EngineConfig, OcrOptions, RenderConfig, StructureMode
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.recipe import make_recipe
from pipeline.engines.request import prepare_request
from pipeline.recognition.page_layout import with_layout
from pipeline.recognition.recognise import recognise
from pipeline.recognition.route import Routes
from pipeline.types import Generation, Instruction, Line, Request, Task
from tests.support import structured_pages


class Lines:
    """An engine that finds the lines of the page's own text layer."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self._lines = lines

    async def generate(self, request: Request) -> Generation:
        return Generation(lines=self._lines)


def recipe_of(structure: StructureMode, task: str = "markdown"):
    options = OcrOptions(
        output="-", structure=structure, task=task, engine=EngineConfig(kind="onnx")
    )
    return make_recipe(options, "onnx")


def page(folder: Path, structure: StructureMode, task: Task = Task.MARKDOWN):
    """The request of the made page, and an engine that finds its lines."""
    path = folder / "page.pdf"
    path.write_bytes(structured_pages.page())
    file = PdfFile(str(path), "", 10)
    layer = file.layer(1, RenderConfig())
    lines = tuple(Line(line.text, line.box, 0.9) for line in layer.lines)
    recipe = recipe_of(structure)
    request = prepare_request(file.render(1, RenderConfig()), recipe, Instruction(task))
    return request, Lines(lines), recipe


@pytest.mark.parametrize("structure", ["auto", "layout"])
async def test_a_scan_has_headings_tables_figure_and_caption(
    structure: StructureMode, tmp_path: Path
) -> None:
    request, engine, recipe = page(tmp_path, structure)
    read = await recognise(engine, request, recipe)
    texts = {block.kind: block.text for block in read.blocks}
    assert texts["title"] == f"# {structured_pages.TITLE}"
    assert texts["table"].startswith("| Year | Ships | Days |\n| --- | --- | --- |\n| 1901 |")
    assert texts["image_caption"] == structured_pages.CAPTION
    assert {"header", "footer", "list", "image"} <= set(texts)
    number = [block.kind for block in read.blocks].index("image") + 1
    assert f"![image](#block-{number})" in read.text
    assert read.generation is not None
    assert read.generation.layout is None


@pytest.mark.parametrize(
    ("structure", "task"), [("plain", Task.MARKDOWN), ("auto", Task.TEXT), ("layout", Task.TEXT)]
)
async def test_plain_text_is_not_given_structure(
    structure: StructureMode, task: Task, tmp_path: Path
) -> None:
    request, engine, recipe = page(tmp_path, structure, task)
    generation = await engine.generate(request)
    assert await with_layout(generation, request, recipe) is generation
    read = await recognise(engine, request, recipe)
    assert {block.kind for block in read.blocks} == {"text"}
    assert "#" not in read.text


async def test_the_answer_of_a_model_that_writes_markdown_is_left_alone(tmp_path: Path) -> None:
    request, _, recipe = page(tmp_path, "layout")
    generation = Generation("# Written by a model")
    assert await with_layout(generation, request, recipe) is generation


def test_structure_is_part_of_the_recipe_of_markdown_alone() -> None:
    hashes = {mode: recipe_of(mode).hash() for mode in ("plain", "auto", "layout")}
    assert len(set(hashes.values())) == 3
    assert recipe_of("auto", task="text").hash() == recipe_of("plain", task="text").hash()


@pytest.mark.parametrize("structure", ["auto", "layout"])
def test_the_child_process_gives_layers_their_structure(
    structure: StructureMode, tmp_path: Path
) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(structured_pages.page())
    routes = Routes(recipe_of(structure))
    with SandboxClient() as reader:
        view = routes.view(reader, str(path), 1)
        plain = routes.view(reader, str(path), 1, instruction=Instruction(Task.TEXT))
    assert view.settled is not None
    assert plain.settled is not None
    kinds = [block.kind for block in view.settled.blocks]
    assert {"title", "sub_title", "list", "table", "image", "header", "footer"} <= set(kinds)
    assert kinds[kinds.index("image") + 1] == "image_caption"
    assert {block.kind for block in plain.settled.blocks} == {"text"}
