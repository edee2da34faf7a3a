"""DeepSeek-OCR on the real vLLM: the real vision towers and a small decoder, random weights."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
from models import write_deepseek_ocr

from pipeline.config import EngineConfig, OcrOptions, VllmConfig
from pipeline.engines.deepseek_ocr import model, requests, self_test, views
from pipeline.engines.deepseek_ocr.engine import VllmCore, VllmEngine
from pipeline.engines.recipe import make_recipe
from pipeline.errors import EngineError
from pipeline.recognition import retry_ladder
from pipeline.types import (
    Attempt,
    FinishReason,
    Instruction,
    Outcome,
    Request,
    Rung,
    Sampling,
    Task,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
ANSWER_TOKENS = 8


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> VllmConfig:
    return VllmConfig(
        model=str(write_deepseek_ocr(tmp_path_factory.mktemp("deepseek-ocr"))),
        load_format="dummy",
        dtype="float32",
        max_tokens=ANSWER_TOKENS,
        max_model_len=2048,
        max_num_batched_tokens=2048,
        num_gpus=0,
        prepare_threads=2,
        enforce_eager=True,
        profile_images=False,
    )


@pytest.fixture(scope="module")
def engine(config: VllmConfig) -> Iterator[VllmEngine]:
    engine = VllmEngine(config)
    yield engine
    engine.close()


@pytest.fixture
def core(engine: VllmEngine) -> VllmCore:
    core = engine._cores._core
    assert isinstance(core, VllmCore)
    return core


@pytest.fixture
def request_640(config: VllmConfig) -> Request:
    return requests.make_request(self_test.page(640, 640), Instruction(Task.MARKDOWN), config)


async def test_a_page_is_answered_after_the_self_test(
    engine: VllmEngine, request_640: Request
) -> None:
    generation = await engine.generate(request_640)
    assert generation.finish_reason is FinishReason.LENGTH
    assert generation.output_tokens == ANSWER_TOKENS
    assert generation.image_tokens == 273
    assert generation.prompt_tokens == 1 + 273 + len("\n") + 1 + len(request_640.prompt[21:])
    assert generation.text
    for ms in (generation.input_ms, generation.prefill_ms, generation.decode_ms):
        assert ms is not None
        assert ms > 0


async def test_an_answer_ends_before_its_stop_string(
    engine: VllmEngine, request_640: Request
) -> None:
    whole = (await engine.generate(request_640)).text
    stop = whole[len(whole) // 2 :][:3]
    sampling = Sampling(seed=1, stop=(stop,))
    generation = await engine.generate(replace(request_640, sampling=sampling))
    assert generation.text == whole[: whole.index(stop)]
    assert generation.finish_reason is FinishReason.STOP


@pytest.mark.parametrize("size", [2, 4])
async def test_the_arguments_of_the_n_gram_rule_arrive_in_the_sampler(
    core: VllmCore, request_640: Request, size: int
) -> None:
    """Forced to repeat one token, the model may do so `ngram_size` times and no more."""
    prompt = {"prompt_token_ids": core.vocabulary.encode("no picture here")}
    rendered = core._llm.renderer.render_cmpl([prompt])[0]
    token = core.vocabulary.plain("x")[0]
    rule = model.ngram_args(core.config, core.vocabulary.whitelist) | {"ngram_size": size}
    output = await core.complete(
        rendered, max_tokens=size + 2, ignore_eos=True, extra_args=rule, logit_bias={token: 100}
    )
    ids = list(output.outputs[0].token_ids)
    assert ids[:size] == [token] * size
    assert ids[size] != token
    allowed = core.vocabulary.whitelist[0]
    output = await core.complete(
        rendered, max_tokens=size + 2, ignore_eos=True, extra_args=rule, logit_bias={allowed: 100}
    )
    assert list(output.outputs[0].token_ids) == [allowed] * (size + 2)


async def test_table_cells_are_no_exception_where_a_request_says_so(
    core: VllmCore, request_640: Request
) -> None:
    prompt = {"prompt_token_ids": core.vocabulary.encode("no picture here")}
    rendered = core._llm.renderer.render_cmpl([prompt])[0]
    cell = core.vocabulary.whitelist[0]
    rule = model.ngram_args(core.config, core.vocabulary.whitelist, Sampling(cells_repeat=False))
    output = await core.complete(
        rendered,
        max_tokens=4,
        ignore_eos=True,
        extra_args=rule | {"ngram_size": 2},
        logit_bias={cell: 100},
    )
    assert list(output.outputs[0].token_ids)[2] != cell


async def test_vllm_takes_every_rung_of_the_ladder(
    engine: VllmEngine, core: VllmCore, config: VllmConfig, request_640: Request
) -> None:
    options = OcrOptions(output="o", engine=EngineConfig(vllm=config))
    recipe = make_recipe(options, "vllm")
    attempts = [Attempt(Rung.BASE, Outcome.LOOPED)]
    while step := retry_ladder.next_attempt(attempts, request_640, recipe):
        if step.rung is Rung.NGRAM:
            assert (await engine.generate(step.request)).output_tokens == ANSWER_TOKENS
        elif step.rung is not Rung.SECOND:
            await core.render(step.request)  # compares the count of image tokens
        attempts.append(Attempt(step.rung, Outcome.LOOPED))
    seen = [attempt.rung for attempt in attempts[:4]]
    assert seen == [Rung.BASE, Rung.NGRAM, Rung.PLAIN, Rung.VIEW]
    assert step is None


async def test_a_count_that_vllm_does_not_share_fails_the_page_alone(
    engine: VllmEngine, core: VllmCore, request_640: Request
) -> None:
    with pytest.raises(EngineError, match="273 image tokens of the page where 903"):
        await engine.generate(replace(request_640, image_tokens=903))
    assert not core._llm.errored


async def test_a_killed_engine_starts_again_and_the_page_is_answered(
    engine: VllmEngine, core: VllmCore, request_640: Request
) -> None:
    page = asyncio.create_task(engine.generate(request_640))
    await asyncio.sleep(3)  # in the middle of the vision encoder
    assert not page.done()
    for process in psutil.Process().children(recursive=True):
        if "EngineCore" in process.name():
            process.kill()
    assert (await page).output_tokens == ANSWER_TOKENS
    assert engine._cores._core is not core


def sizes() -> Iterator[tuple[int, int]]:
    rng = random.Random(0)
    for _ in range(3000):
        yield rng.randint(1, 3000), rng.randint(1, 3000)
    # Halfway between two shapes, where the area decides.
    for width, height in ((700, 1200), (7, 12), (1250, 1000), (5, 4), (1750, 1000), (640, 640)):
        for scale in (1, 2, 3):
            yield width * scale, height * scale


@pytest.mark.parametrize("model", [model.OCR, model.OCR_2], ids=lambda model: model.name)
def test_grids_and_token_counts_are_those_of_vllm(model: model.ModelFamily) -> None:
    from vllm.model_executor.models import deepseek_ocr, deepseek_ocr2
    from vllm.transformers_utils.processors.deepseek_ocr import count_tiles

    module, name = {
        "deepseek-ocr": (deepseek_ocr, "DeepseekOCRProcessingInfo"),
        "deepseek-ocr-2": (deepseek_ocr2, "DeepseekOCR2ProcessingInfo"),
    }[model.name]
    count = getattr(module, name).get_num_image_tokens
    assert model.tile_px == module.IMAGE_SIZE
    for width, height in sizes():
        if max(width, height) > model.tile_px:
            grid = count_tiles(width, height, image_size=model.tile_px)
            assert views.grid(width, height, model) == grid
        expected = count(None, image_width=width, image_height=height)
        assert views.image_tokens(width, height, model) == expected
