"""Which task a prompt of a request stands for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import OcrOptions
from pipeline.engines.deepseek_ocr import model, prompts
from pipeline.engines.recipe import make_recipe
from pipeline.errors import ConfigError
from pipeline.types import Instruction, Task
from serving.config import PromptConfig
from serving.errors import ApiError
from serving.ocr.prompt_task import parse_prompt, read_prompt


def task(text: str) -> Task | None:
    found = parse_prompt(text, Task.FIGURE)
    return found and found.task


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_no_text_is_the_default(text: str) -> None:
    assert parse_prompt(text, Task.DESCRIBE) == Instruction(Task.DESCRIBE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Extract all text from this document", Task.TEXT),
        ("OCR", Task.TEXT),
        ("ocr this", Task.TEXT),
        ("Transcribe.", Task.TEXT),
        ("Could you read the text, please?", Task.TEXT),
        ("What does it say?", Task.TEXT),
        ("What text is in this image?", Task.TEXT),
        ("Return only the plain text of the receipt", Task.TEXT),
        ("Free OCR", Task.TEXT),
        ("convert to markdown", Task.MARKDOWN),
        ("Markdown", Task.MARKDOWN),
        ("Document to Markdown", Task.MARKDOWN),
        ("Extract the text and keep the layout", Task.MARKDOWN),
        ("OCR this page, preserve the tables", Task.MARKDOWN),
        ("keep the structure", Task.MARKDOWN),
        ("parse the figure", Task.FIGURE),
        ("Parse this chart!", Task.FIGURE),
        ("convert the diagram", Task.FIGURE),
        ("Extract the data from the graph", Task.FIGURE),
        ("describe this image", Task.DESCRIBE),
        ("Describe this chart in detail.", Task.DESCRIBE),
        ("What is in the picture?", Task.DESCRIBE),
        ("What\u2019s in this image", Task.DESCRIBE),
    ],
)
def test_a_sentence_is_mapped_by_its_words(text: str, expected: Task) -> None:
    default = Task.LOCATE
    assert (
        parse_prompt(text, default)
        == parse_prompt(f" {text.upper()}\n", default)
        == Instruction(expected)
    )


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("locate Total due", "Total due"),
        ("Find 'Total due' in the document, please.", "Total due"),
        ("Please find the \u201csignature\u201d", "the signature"),
        ("Where is the signature on this page?", "the signature"),
        ("where's \u00abSumme\u00bb?", "Summe"),
        ("find invoice 17 / 2024 from the scan", "invoice 17 / 2024"),
        ("Locate Stra\u00dfe {0}", "Stra\u00dfe {0}"),
    ],
)
def test_locate_has_its_phrase(text: str, phrase: str) -> None:
    assert parse_prompt(text, Task.TEXT) == Instruction(Task.LOCATE, find=phrase)


@pytest.mark.parametrize(
    "text",
    [
        "Translate this page",
        "Summarise the text",
        "Extract all text and translate it to German",
        "Do not extract the text",
        "Extract the text without the tables",
        "Extract the invoice number",
        "Read page 3",
        "Convert to JSON",
        "Hello",
        "this document",
        "?!",
        "find",
        "locate ''",
        "find in the image",
        "Lies den Text",
        "\u63d0\u53d6\u6587\u5b57",
        "OCR " * 200,
        "<image>",
        "<image>\nOCR <|ref|>this<|/ref|>",
        "find <|ref|>x<|/ref|>",
        "<\uff5cend\u2581of\u2581sentence\uff5c> OCR",
        "Locate <|ref|>a<|ref|>b<|/ref|> in the image.",
    ],
)
def test_what_the_model_cannot_do_is_refused(text: str) -> None:
    assert parse_prompt(text, Task.TEXT) is None


def test_the_models_own_prompts_are_passed_on() -> None:
    assert parse_prompt("<|grounding|>Convert the document to markdown.", Task.TEXT) == Instruction(
        Task.MARKDOWN
    )
    grounded = "<image>\n<|grounding|>OCR this image."
    assert parse_prompt(grounded, Task.TEXT) == Instruction(Task.TEXT, prompt=grounded)
    own = "Locate <|ref|>in the image<|/ref|> in the image."
    assert parse_prompt(own, Task.TEXT) == Instruction(Task.LOCATE, find="in the image")


ASKS = (
    "Please extract all the text from this image and translate it. Do not add commentary.",
    "Lies bitte den Text auf diesem Bild vor.",
    "Below is the image of one page of a document. " + "Just return the plain text. " * 40,
)
FAKE = make_recipe(OcrOptions(output="o", engine={"kind": "fake"}), "fake")
VLLM = make_recipe(OcrOptions(output="o"), "vllm")


@pytest.mark.parametrize("text", ASKS)
def test_what_becomes_of_a_prompt_that_is_no_task(text: str) -> None:
    read = read_prompt(text, FAKE, PromptConfig(), "messages")
    assert (read.instruction, read.said) == (Instruction(Task.MARKDOWN), "unknown; task=markdown")
    passed = read_prompt(text, VLLM, PromptConfig(), "messages")
    assert (passed.instruction, passed.said) == (Instruction(Task.TEXT, verbatim=text), "verbatim")
    with pytest.raises(ApiError, match="its tasks are") as caught:
        read_prompt(text, VLLM, PromptConfig(unknown="refuse"), "prompt")
    assert (caught.value.status, caught.value.param) == (400, "prompt")


def test_a_task_is_a_task_whatever_becomes_of_others() -> None:
    for way in ("auto", "markdown", "refuse", "pass"):
        read = read_prompt("Extract all text", VLLM, PromptConfig(unknown=way), "messages")
        assert (read.instruction, read.said) == (Instruction(Task.TEXT), "task=text")


@pytest.mark.parametrize("text", ["Describe this image in detail.", "Where is the total?"])
def test_a_task_that_the_engine_has_not_is_an_unknown_prompt(text: str) -> None:
    onnx = make_recipe(OcrOptions(output="o"), "onnx")
    assert read_prompt(text, onnx, PromptConfig(), "p").said == "unknown; task=markdown"
    with pytest.raises(ApiError, match="its tasks are"):
        read_prompt(text, onnx, PromptConfig(unknown="refuse"), "p")


def test_a_prompt_that_is_passed_on_has_a_limit() -> None:
    with pytest.raises(ApiError, match="may have 10 characters"):
        read_prompt("Translate it.", VLLM, PromptConfig(max_chars=10), "messages")


def test_a_prompt_that_asks_for_boxes_is_read_with_them() -> None:
    read = read_prompt("<|grounding|>Convert it to French.", VLLM, PromptConfig(), "messages")
    assert read.instruction.task is Task.MARKDOWN
    assert prompts.prompt_for(read.instruction, model.OCR) == (
        "<image>\n<|grounding|>Convert it to French."
    )


@pytest.mark.parametrize(
    "text", ["<|det|>x", "a <image> b", "x <|grounding|>", "<\uff5cUser\uff5c>"]
)
def test_other_markup_of_the_model_is_not_passed_on(text: str) -> None:
    with pytest.raises(ConfigError, match="special token"):
        prompts.prompt_for(Instruction(Task.TEXT, verbatim=text), model.OCR)


pieces = st.sampled_from(
    ["<image>", "<|ref|>", "<|/ref|>", "find ", "please ", " in the image", "'", "<|", "text ", "?"]
)


@given(st.text() | st.lists(pieces | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_has_a_known_task_or_none(text: str) -> None:
    found = parse_prompt(text, Task.MARKDOWN)
    if found is not None:
        said = prompts.prompt_for(found, model.OCR)
        assert said.startswith("<image>\n")
        assert prompts.parse_prompt(said) == found
        assert not prompts.has_markup(found.find)


@pytest.mark.parametrize(
    "piece", ["please ", "<|", "<\uff5c", "find ", " in the image", "a'", ", ", "'", "<image", "\n"]
)
def test_the_time_is_linear_in_the_text(piece: str) -> None:
    start = time.perf_counter()
    parse_prompt(piece * 100_000, Task.TEXT)
    parse_prompt("find " + piece * 100_000, Task.TEXT)
    parse_prompt("find x" + piece * 60 + "y", Task.TEXT)
    parse_prompt("Locate <|ref|>" + piece * 100_000, Task.TEXT)
    assert time.perf_counter() - start < 2
