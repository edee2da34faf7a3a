"""The contract with the model: prompts, grids, token counts, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.config import Recipe, RenderConfig, VllmConfig
from pipeline.engines.deepseek_ocr import model, prompts, requests, views
from pipeline.errors import ConfigError
from pipeline.types import Instruction, PageImage, Task

LETTER_150_DPI = (1275, 1650)
sides_px = st.integers(1, 20_000)
families = st.sampled_from([model.OCR, model.OCR_2])


def a_recipe(task: Task = Task.MARKDOWN, **vllm: object) -> Recipe:
    config = VllmConfig(**vllm)
    return Recipe(
        engine="vllm",
        model=config.model,
        revision=model.revision(config),
        task=task,
        render=RenderConfig(),
        vllm=config,
    )


def a_page(width_px: int, height_px: int) -> PageImage:
    return PageImage(np.full((height_px, width_px, 3), 255, np.uint8), dpi=150)


@pytest.mark.parametrize(
    ("size", "grid", "tokens"),
    [
        (LETTER_150_DPI, (2, 3), 903),
        ((1240, 1754), (2, 3), 903),
        ((1754, 1240), (3, 2), 893),
        ((641, 641), (2, 2), 693),
        ((641, 10), (6, 1), 883),
        ((10, 641), (1, 6), 933),
    ],
)
def test_tiles_and_tokens_of_deepseek_ocr(
    size: tuple[int, int], grid: tuple[int, int], tokens: int
) -> None:
    assert views.grid(*size, model.OCR) == grid
    assert views.image_tokens(*size, model.OCR) == tokens


def test_a_page_no_larger_than_a_tile_is_the_global_view_alone() -> None:
    assert views.image_tokens(640, 640, model.OCR) == 273
    assert views.image_tokens(768, 768, model.OCR_2) == 257
    assert views.image_tokens(768, 768, model.OCR) > 273


def test_tokens_of_ocr_2_are_144_a_tile() -> None:
    assert views.image_tokens(*LETTER_150_DPI, model.OCR_2) == 257 + 144 * 6


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deepseek-ai/DeepSeek-OCR", model.OCR),
        ("deepseek-ai/DeepSeek-OCR-2", model.OCR_2),
        ("/models/deepseek_ocr2/", model.OCR_2),
        ("/models/ocr-20-pages", model.OCR),
        ("/models/ocr-2/mine", model.OCR),
    ],
)
def test_the_family_goes_by_the_last_part_of_the_name(
    name: str, expected: model.ModelFamily
) -> None:
    assert model.family(VllmConfig(model=name)) is expected


def test_a_family_that_is_set_wins_over_the_name() -> None:
    config = VllmConfig(model="deepseek-ai/DeepSeek-OCR", family="deepseek-ocr-2")
    assert model.family(config) is model.OCR_2


def test_known_models_are_pinned_and_folders_need_no_pin() -> None:
    for name, pin in model.REVISIONS.items():
        assert model.revision(VllmConfig(model=name)) == pin
    assert model.revision(VllmConfig(model="/models/mine")) == ""
    assert model.revision(VllmConfig(revision="main")) == "main"


@pytest.mark.parametrize("task", Task)
def test_every_task_has_one_placeholder(task: Task) -> None:
    text = prompts.task_prompt(task, model.OCR, find="a heading")
    assert text.startswith("<image>\n")
    assert text.count("<image>") == 1


def test_locate_carries_its_phrase() -> None:
    text = prompts.task_prompt(Task.LOCATE, model.OCR, find=" Total {due} ")
    assert text == "<image>\nLocate <|ref|>Total {due}<|/ref|> in the image."


@pytest.mark.parametrize("find", ["", "  ", "<image>", "x<|/ref|>", "<\uff5cend\uff5c>"])
def test_locate_refuses_phrases_that_would_change_the_prompt(find: str) -> None:
    with pytest.raises(ConfigError, match=r"engine\.vllm\.find"):
        prompts.task_prompt(Task.LOCATE, model.OCR, find)


GROUNDED = "<image>\n<|grounding|>OCR this image."


@pytest.mark.parametrize("task", Task)
def test_the_prompt_of_a_task_is_known_as_the_models_own(task: Task) -> None:
    text = prompts.task_prompt(task, model.OCR, find="a {heading}")
    for spelled in (text, text.removeprefix("<image>\n"), f"  {text}\n", text.replace(" ", "\n ")):
        ask = prompts.parse_prompt(spelled)
        assert ask is not None
        assert (ask.task, prompts.prompt_for(ask, model.OCR)) == (task, text)


def test_the_prompt_of_no_task_is_passed_on_to_the_model_that_knows_it() -> None:
    ask = prompts.parse_prompt("<|grounding|>OCR this image.")
    assert ask == Instruction(Task.TEXT, prompt=GROUNDED)
    assert prompts.prompt_for(ask, model.OCR) == GROUNDED
    with pytest.raises(ConfigError, match="OCR this image"):
        prompts.prompt_for(ask, model.OCR_2)


@pytest.mark.parametrize(
    "text",
    [
        "Free OCR",
        "free ocr.",
        "<image>\n<image>\nFree OCR.",
        "Locate <|ref|> <|/ref|> in the image.",
        "Locate <|ref|>a<|/ref|><|ref|>b<|/ref|> in the image.",
        f"Locate <|ref|>{'x' * 501}<|/ref|> in the image.",
        "Locate <|ref|>",
        "",
    ],
)
def test_other_texts_are_not_the_models_own(text: str) -> None:
    assert prompts.parse_prompt(text) is None


@given(st.text())
def test_whatever_is_taken_for_the_models_own_asks_for_what_it_says(text: str) -> None:
    ask = prompts.parse_prompt(f"Locate <|ref|>{text}<|/ref|> in the image.")
    if ask is None:
        assert not text.strip() or prompts.has_markup(text) or len(text) > 500
        return
    said = prompts.prompt_for(ask, model.OCR)
    assert said.count("<image>") == 1
    assert said.count("<|ref|>") == 1
    assert (
        "".join(said.split()) == f"<image>Locate<|ref|>{''.join(text.split())}<|/ref|>intheimage."
    )


def test_an_ask_says_what_is_found_before_the_config_does() -> None:
    config = VllmConfig(find="configured")
    found = requests.make_request(a_page(10, 10), Instruction(Task.LOCATE, find="asked"), config)
    assert "asked" in found.prompt
    assert found.task is Task.LOCATE
    assert (
        "configured"
        in requests.make_request(a_page(10, 10), Instruction(Task.LOCATE), config).prompt
    )


def test_ocr_2_names_the_tasks_that_it_knows() -> None:
    with pytest.raises(ConfigError, match="markdown, text"):
        prompts.task_prompt(Task.FIGURE, model.OCR_2)


def test_an_answer_fits_into_the_context() -> None:
    assert model.max_answer_tokens(8192, 8192, 913) == 7279
    assert model.max_answer_tokens(100, 8192, 913) == 100
    assert model.max_answer_tokens(100, 8192, 9000) == 1


def test_the_n_gram_rule_always_has_its_size() -> None:
    assert model.ngram_args(VllmConfig(), (7, 8)) == {
        "ngram_size": 30,
        "window_size": 90,
        "whitelist_token_ids": [7, 8],
    }


def test_prepare_leaves_a_page_at_150_dpi_alone() -> None:
    page = a_page(*LETTER_150_DPI)
    request = requests.prepare(page, a_recipe(), Instruction(Task.MARKDOWN))
    assert request.image is page.pixels
    assert (request.page_width_px, request.page_height_px) == LETTER_150_DPI
    assert request.image_tokens == 903
    assert request.prompt == "<image>\n<|grounding|>Convert the document to markdown."
    assert request.max_tokens == 8192


def test_prepare_shrinks_a_page_at_300_dpi_to_what_the_tiles_hold() -> None:
    request = requests.prepare(a_page(2550, 3300), a_recipe(), Instruction(Task.TEXT))
    assert request.image.shape == (1920, 1484, 3)
    assert request.image.dtype == np.uint8
    assert request.image_tokens == 903
    assert (request.page_width_px, request.page_height_px) == (2550, 3300)
    assert request.prompt == "<image>\nFree OCR."


@given(sides_px, sides_px, families)
@example(20_000, 1, model.OCR)
@example(1, 20_000, model.OCR_2)
@example(641, 1, model.OCR)
def test_a_fitted_page_is_never_larger_and_vllm_can_draw_its_global_view(
    width_px: int, height_px: int, model: model.ModelFamily
) -> None:
    fitted = views.fitted_size(width_px, height_px, model)
    long, short = max(fitted), min(fitted)
    # Pillow's `ImageOps.contain`, which vLLM uses, must not round the short side to nothing.
    assert round(1024 * short / long) >= 1
    assert long <= max(width_px, height_px)
    assert fitted[0] <= width_px or fitted[0] <= -(-height_px // 512)
    assert fitted[1] <= height_px or fitted[1] <= -(-width_px // 512)
    tile = model.tile_px
    assert long * short <= 4.5 * 6 * tile * tile + 4 * long


@given(st.integers(300, 6000), st.integers(300, 6000), families)
def test_a_fitted_page_still_fills_its_grid(
    width_px: int, height_px: int, model: model.ModelFamily
) -> None:
    fitted = views.fitted_size(width_px, height_px, model)
    if max(width_px, height_px) <= model.tile_px:
        assert fitted == (width_px, height_px)
        return
    columns, rows = views.grid(width_px, height_px, model)
    enough = (columns * model.tile_px, rows * model.tile_px)
    if max(width_px, height_px) <= 5 * min(width_px, height_px):
        assert fitted[0] >= min(width_px, enough[0])
        assert fitted[1] >= min(height_px, enough[1])


def test_a_recipe_changes_with_the_text_and_not_with_the_machine() -> None:
    same = a_recipe(max_num_seqs=8, num_gpus=0.5, cache_dir="/x", tensor_parallel_size=2)
    assert same.hash() == a_recipe().hash()
    others = [a_recipe(ngram_size=20), a_recipe(max_tokens=10), a_recipe(Task.TEXT)]
    others += [a_recipe(dtype="float16"), a_recipe(revision="other")]
    assert len({recipe.hash() for recipe in (*others, same)}) == 6


def test_every_field_that_a_recipe_leaves_out_exists() -> None:
    assert set(VllmConfig.model_fields) > VllmConfig.UNREAD
