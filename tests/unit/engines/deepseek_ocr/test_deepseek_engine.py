"""The engine around vLLM, without vLLM: stubs stand in for `AsyncLLM` and its modules."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.config import EngineConfig, VllmConfig
from pipeline.engines.deepseek_ocr import engine_args, model, requests, self_test, spec, views
from pipeline.engines.deepseek_ocr.engine import VllmCore, VllmEngine
from pipeline.engines.deepseek_ocr.supervisor import EngineDied
from pipeline.engines.deepseek_ocr.tokens import PromptTokenizer
from pipeline.errors import ConfigError, EngineError
from pipeline.types import FinishReason, Generation, Instruction, Request, Sampling, Task
from pipeline.vllm_plugin import choice

CONFIG = VllmConfig(max_model_len=1024, max_tokens=8192)
TOKENS = (*model.SPECIAL_TOKENS, *model.WHITELIST)
START, FIRST_SPECIAL = 0, 1000


class EngineDeadError(Exception):
    pass


class FakeTokenizer:
    """One token for a character, one for each special token."""

    bos_token_id: int | None = START

    def __init__(self, unknown: tuple[str, ...] = (), lost: str = "") -> None:
        self.special = [token for token in TOKENS if token not in unknown]
        self.lost = lost

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        ids: list[int] = []
        while text:
            token = next((t for t in self.special if text.startswith(t)), text[0])
            text = text[len(token) :]
            known = token in self.special
            ids.append(FIRST_SPECIAL + self.special.index(token) if known else ord(token))
        return ids

    def decode(
        self, ids: list[int], skip_special_tokens: bool, clean_up_tokenization_spaces: bool
    ) -> str:
        assert not skip_special_tokens
        assert not clean_up_tokenization_spaces
        return "".join(chr(number) for number in ids if chr(number) != self.lost)


class FakeRenderer:
    """Makes the image tokens of vLLM, or a wrong number of them."""

    def __init__(self, tokenizer: FakeTokenizer, surplus: int = 0) -> None:
        self.tokenizer = tokenizer
        self.surplus = surplus
        self.threads: set[int] = set()
        self.prompts: list[dict[str, Any]] = []

    def get_tokenizer(self) -> FakeTokenizer:
        return self.tokenizer

    def render_cmpl(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.threads.add(threading.get_ident())
        self.prompts += given
        (prompt,) = given
        image = prompt["multi_modal_data"]["image"]
        length = views.image_tokens(*image.size, model.OCR) + self.surplus
        ids = prompt["prompt_token_ids"] + [7] * length
        places = {"image": [SimpleNamespace(offset=1, length=length)]}
        return [{"type": "multimodal", "prompt_token_ids": ids, "mm_placeholders": places}]


def answer(prompt: dict[str, Any], params: Any) -> Any:
    """What a sound vLLM says: forced tokens, broken up by the n-gram rule."""
    rule = params.extra_args
    forced = next(iter(params.logit_bias or {65: 0}))
    ids = [forced] * params.max_tokens if params.logit_bias else [65, 66]
    if forced not in rule["whitelist_token_ids"]:
        ids[rule["ngram_size"] :: 4] = [66] * len(ids[rule["ngram_size"] :: 4])
    return an_output(prompt, ids)


def an_output(prompt: dict[str, Any], ids: list[int], reason: str = "stop") -> Any:
    times = SimpleNamespace(queued_ts=1.0, scheduled_ts=1.5, first_token_ts=2.5, last_token_ts=6.5)
    out = SimpleNamespace(text="text", token_ids=ids, finish_reason=reason)
    ids_in = prompt["prompt_token_ids"]
    return SimpleNamespace(outputs=[out], metrics=times, prompt_token_ids=ids_in)


class FakeLLM:
    """Stands in for `AsyncLLM`."""

    def __init__(
        self,
        respond: Callable[[dict[str, Any], Any], Any] = answer,
        tokenizer: FakeTokenizer | None = None,
        surplus: int = 0,
    ) -> None:
        self.renderer = FakeRenderer(tokenizer or FakeTokenizer(), surplus)
        self.model_config = SimpleNamespace(architecture="DeepseekOCRForCausalLM")
        self.errored = False
        self.closed = False
        self.params: list[Any] = []
        self.names: list[str] = []
        self._respond = respond

    async def generate(self, prompt: dict[str, Any], params: Any, name: str) -> AsyncIterator[Any]:
        self.params.append(params)
        self.names.append(name)
        await asyncio.sleep(0)
        response = self._respond(prompt, params)
        if isinstance(response, Exception):
            raise response
        if response is not None:
            yield response

    def shutdown(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def vllm_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    sampling = ModuleType("vllm.sampling_params")
    sampling.SamplingParams = SimpleNamespace  # type: ignore[attr-defined]
    sampling.RequestOutputKind = SimpleNamespace(FINAL_ONLY="final")  # type: ignore[attr-defined]
    exceptions = ModuleType("vllm.v1.engine.exceptions")
    exceptions.EngineDeadError = EngineDeadError  # type: ignore[attr-defined]
    for name in ("vllm", "vllm.v1", "vllm.v1.engine"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", sampling)
    monkeypatch.setitem(sys.modules, "vllm.v1.engine.exceptions", exceptions)


def a_core(llm: FakeLLM, config: VllmConfig = CONFIG) -> VllmCore:
    return VllmCore(llm, config, self_test=True)


def a_request(side_px: int = 600) -> Request:
    return requests.make_request(self_test.page(side_px, side_px), Instruction(Task.TEXT), CONFIG)


async def test_a_page_becomes_a_generation_with_counts_and_times() -> None:
    llm = FakeLLM()
    generation = await a_core(llm).generate(a_request())
    assert generation.input_ms is not None
    assert generation == Generation(
        "A",
        finish_reason=FinishReason.STOP,
        prompt_tokens=273 + 1 + len("<image>\nFree OCR.") - len("<image>") + 1,
        image_tokens=273,
        output_tokens=2,
        input_ms=generation.input_ms,
        queue_ms=500.0,
        prefill_ms=1000.0,
        decode_ms=4000.0,
    )


async def test_every_request_has_the_n_gram_rule_and_the_contract() -> None:
    llm = FakeLLM()
    core = a_core(llm)
    for request in (a_request(), a_request(1000)):  # together they may come in any order
        await core.generate(request)
    first, second = llm.params
    assert first.extra_args["ngram_size"] == 30
    assert first.extra_args["whitelist_token_ids"] == list(core.vocabulary.whitelist)
    assert (first.temperature, first.skip_special_tokens) == (0.0, False)
    assert first.max_tokens == 1024 - len(llm.renderer.prompts[0]["prompt_token_ids"]) - 273
    assert second.max_tokens == 1024 - len(llm.renderer.prompts[1]["prompt_token_ids"]) - 693
    assert len(set(llm.names)) == 2


async def test_a_request_may_widen_the_n_gram_rule() -> None:
    llm = FakeLLM()
    wider = Sampling(ngram_window=1024, cells_repeat=False)
    await a_core(llm).generate(replace(a_request(), sampling=wider))
    (params,) = llm.params
    assert params.extra_args == {
        "ngram_size": 30,
        "window_size": 1024,
        "whitelist_token_ids": [],
    }


async def test_a_page_of_the_batch_is_sampled_with_these_arguments_and_no_others() -> None:
    llm = FakeLLM()
    core = a_core(llm)
    await core.generate(a_request())
    (params,) = llm.params
    assert vars(params) == {
        "temperature": 0.0,
        "max_tokens": params.max_tokens,
        "skip_special_tokens": False,
        "ignore_eos": False,
        "logit_bias": None,
        "extra_args": model.ngram_args(CONFIG, core.vocabulary.whitelist),
        "output_kind": "final",
        "detokenize": False,
    }


async def test_only_stop_strings_need_the_text_of_every_token() -> None:
    llm = FakeLLM()
    stops = replace(a_request(), sampling=Sampling(stop=("x",)))
    assert (await a_core(llm).generate(stops)).text == "text"
    assert llm.params[0].detokenize is True


async def test_an_answer_that_was_cut_off_keeps_its_last_token_but_no_half_character() -> None:
    def cut(prompt: dict[str, Any], params: Any) -> Any:
        return an_output(prompt, [65, 66, 0xFFFD], "length")

    assert (await a_core(FakeLLM(cut)).generate(a_request())).text == "AB"


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=0.7), {"temperature": 0.7}),
        (Sampling(seed=0), {"temperature": 0.0, "seed": 0}),
        (Sampling(stop=("a", "b")), {"temperature": 0.0, "stop": ["a", "b"]}),
    ],
)
async def test_the_sampling_of_a_request_arrives(
    sampling: Sampling, expected: dict[str, Any]
) -> None:
    llm = FakeLLM()
    await a_core(llm).generate(replace(a_request(), sampling=sampling))
    given = vars(llm.params[0])
    names = {"temperature", "seed", "stop"} & given.keys()
    assert {name: given[name] for name in names} == expected


async def test_pages_are_rendered_beside_the_event_loop_and_start_with_the_start_token() -> None:
    llm = FakeLLM()
    await a_core(llm).generate(a_request())
    assert threading.get_ident() not in llm.renderer.threads
    (prompt,) = llm.renderer.prompts
    assert prompt["prompt_token_ids"][:2] == [START, FIRST_SPECIAL]
    assert set(prompt) == {"prompt_token_ids", "multi_modal_data"}


async def test_a_page_with_the_wrong_count_of_image_tokens_is_never_submitted() -> None:
    llm = FakeLLM(surplus=-100)
    with pytest.raises(EngineError, match="173 image tokens of the page where 273"):
        await a_core(llm).generate(a_request())
    assert llm.params == []


async def test_a_completion_without_the_n_gram_rule_is_refused() -> None:
    core = a_core(FakeLLM())
    with pytest.raises(EngineError, match="ngram_size"):
        await core.complete({"prompt_token_ids": []}, max_tokens=1, extra_args={})


@pytest.mark.parametrize(
    ("response", "errored", "expected"),
    [
        (EngineDeadError(), False, EngineDied),
        (RuntimeError("mapped by vLLM"), True, EngineDied),
        (ValueError("too long"), False, EngineError),
        (None, False, EngineError),
        (an_output({"prompt_token_ids": []}, [1], "abort"), False, EngineError),
    ],
)
async def test_failures_of_a_page_and_of_the_engine_are_told_apart(
    response: Any, errored: bool, expected: type[Exception]
) -> None:
    llm = FakeLLM(lambda prompt, params: response)
    llm.errored = errored
    with pytest.raises(expected):
        await a_core(llm).generate(a_request())


async def test_times_that_vllm_did_not_take_are_none() -> None:
    def untimed(prompt: dict[str, Any], params: Any) -> Any:
        output = an_output(prompt, [1], "length")
        output.metrics = None
        return output

    generation = await a_core(FakeLLM(untimed)).generate(a_request())
    assert (generation.queue_ms, generation.prefill_ms, generation.decode_ms) == (None,) * 3
    assert generation.finish_reason is FinishReason.LENGTH


async def test_closing_ends_vllm_and_a_late_page_finds_it_dead() -> None:
    llm = FakeLLM()
    core = a_core(llm)
    core.close()
    assert llm.closed
    with pytest.raises(EngineDied):
        await core.generate(a_request())


async def test_a_page_that_cannot_be_rendered_fails_alone() -> None:
    class Renderer(FakeRenderer):
        def render_cmpl(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
            raise ValueError("height and width must be > 0")

    llm = FakeLLM()
    llm.renderer = Renderer(FakeTokenizer())
    with pytest.raises(EngineError, match="cannot prepare the page: height"):
        await a_core(llm).generate(a_request())


async def test_the_engine_restarts_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = FakeLLM(lambda prompt, params: EngineDeadError())
    llms = [dead, FakeLLM()]
    monkeypatch.setattr(VllmCore, "start", lambda config, test: VllmCore(llms.pop(0), config, test))
    engine = VllmEngine(CONFIG, self_test=False)
    assert (await engine.generate(a_request())).text == "A"
    assert dead.closed
    engine.close()


# --- self-test


async def test_a_sound_engine_passes_the_self_test() -> None:
    llm = FakeLLM()
    await a_core(llm).check()
    assert len(llm.params) == 2


async def test_the_self_test_can_be_switched_off() -> None:
    llm = FakeLLM(surplus=1)
    await VllmCore(llm, CONFIG, self_test=False).check()
    assert llm.params == []


def without_rule(prompt: dict[str, Any], params: Any) -> Any:
    return an_output(prompt, [next(iter(params.logit_bias))] * params.max_tokens)


def never_forced(prompt: dict[str, Any], params: Any) -> Any:
    return an_output(prompt, list(range(params.max_tokens)))


@pytest.mark.parametrize(
    ("llm", "message"),
    [
        (FakeLLM(without_rule), "the n-gram rule does nothing"),
        (FakeLLM(never_forced), "forced tokens came out as"),
        (FakeLLM(surplus=5), r"278 image tokens .* where 273|908 image tokens"),
        (FakeLLM(tokenizer=FakeTokenizer(lost=" ")), "'Twowordsandathird.'"),
    ],
)
async def test_the_self_test_says_what_is_wrong_and_how_to_go_on(
    llm: FakeLLM, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        await a_core(llm).check()
    assert "--no-self-test" in str(caught.value)


async def test_the_self_test_knows_the_wrong_architecture() -> None:
    core = a_core(FakeLLM(), VllmConfig(model="deepseek-ai/DeepSeek-OCR-2"))
    with pytest.raises(ConfigError, match=r"engine\.vllm\.family"):
        await core.check()


def test_prompts_that_callers_write_are_not_kept_without_end() -> None:
    vocabulary = PromptTokenizer(FakeTokenizer())
    for number in range(1000):
        assert vocabulary.encode(f"{number}") == [START, *map(ord, f"{number}")]
    assert vocabulary.encode.cache_info().currsize < 100


def test_a_tokenizer_without_the_special_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"<td>"):
        PromptTokenizer(FakeTokenizer(unknown=("<td>",)))


def test_a_tokenizer_without_a_start_token_is_refused() -> None:
    tokenizer = FakeTokenizer()
    tokenizer.bos_token_id = None
    with pytest.raises(ConfigError, match="start token"):
        PromptTokenizer(tokenizer)


def test_the_test_page_is_black_on_white() -> None:
    pixels = self_test.page(300, 200).pixels
    assert pixels.shape == (200, 300, 3)
    assert 0.5 < np.mean(pixels == 255) < 1


# --- versions and arguments


@pytest.mark.parametrize("version", ["0.26.0", "0.29.1", "0.29.0+cpu", "0.27.0rc1"])
def test_versions_in_range(version: str) -> None:
    sys.modules["vllm"].__version__ = version  # type: ignore[attr-defined]
    engine_args.check_version()


@pytest.mark.parametrize("version", ["0.25.1", "0.33.0", "1.0.0"])
def test_versions_out_of_range(version: str) -> None:
    sys.modules["vllm"].__version__ = version  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"vllm>=0.26,<0.33"):
        engine_args.check_version()


def test_a_missing_vllm_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigError, match=r"rayscribe\[gpu\]"):
        engine_args.check_version()


def test_the_arguments_follow_the_recipe() -> None:
    config = VllmConfig(max_num_seqs=12, tensor_parallel_size=2, quantization="fp8_per_tensor")
    args = engine_args.engine_args(config)
    assert args["revision"] == args["tokenizer_revision"] == model.REVISIONS[config.model]
    assert args["enable_prefix_caching"] is False
    assert args["mm_processor_cache_gb"] == 0
    assert args["logits_processors"] == [choice.PROCESSOR]
    assert args["max_num_batched_tokens"] == 16384
    assert args["max_num_seqs"] == 12
    assert args["distributed_executor_backend"] == "mp"
    assert args["quantization"] == "fp8_per_tensor"
    assert "mm_processor_kwargs" not in args
    single = engine_args.engine_args(VllmConfig(model="/m", max_num_seqs=1))
    assert single["distributed_executor_backend"] is None
    assert single["revision"] is None


def test_further_arguments_reach_vllm_and_none_replaces_ours() -> None:
    args = engine_args.engine_args(
        VllmConfig(model="/m", max_num_seqs=1, engine_kwargs={"block_size": 32})
    )
    assert args["block_size"] == 32
    ours = set(args) - {"block_size"}
    assert ours <= set(VllmConfig.OWN_KWARGS) | VllmConfig.REFUSED_KWARGS
    for key in ours:
        with pytest.raises(ValueError, match=key):
            VllmConfig(engine_kwargs={key: 1})


def test_an_argument_that_vllm_does_not_have_is_refused() -> None:
    @dataclass
    class Arguments:
        block_size: int = 16

    engine_args.check_engine_kwargs(VllmConfig(engine_kwargs={"block_size": 8}), Arguments)
    with pytest.raises(ConfigError, match="block_sice; did you mean block_size"):
        engine_args.check_engine_kwargs(VllmConfig(engine_kwargs={"block_sice": 8}), Arguments)


@pytest.mark.parametrize(
    ("gib", "utilization", "low", "high"),
    [(80, 0.9, 512, 512), (24, 0.9, 60, 120), (8, 0.9, 8, 8), (80, 0.3, 90, 130)],
)
def test_pages_at_a_time_follow_the_memory(
    gib: int, utilization: float, low: int, high: int
) -> None:
    config = VllmConfig(gpu_memory_utilization=utilization)
    assert low <= engine_args.max_num_seqs(gib * 2**30, config) <= high


def test_engines_that_share_a_gpu_share_its_memory_and_its_pages() -> None:
    two = VllmConfig(num_gpus=0.5)
    assert engine_args.engine_args(two.model_copy(update={"max_num_seqs": 1}))[
        "gpu_memory_utilization"
    ] == pytest.approx(0.45)
    assert 150 <= engine_args.max_num_seqs(80 * 2**30, two) <= 260
    assert engine_args.pages_in_flight(two) == 288
    assert VllmConfig(num_gpus=0.5, gpu_memory_utilization=0.4).memory_share == 0.4
    assert VllmConfig().memory_share == VllmConfig(num_gpus=2).memory_share == 0.9
    with pytest.raises(ValueError, match=r"2 engines share a GPU .* at most 0\.50"):
        VllmConfig(num_gpus=0.5, gpu_memory_utilization=0.9)


@pytest.mark.parametrize(
    ("num_gpus", "gpus", "engines"), [(1, 2, 2), (0.5, 2, 4), (0.4, 2, 4), (2, 4, 2), (0, 0, 1)]
)
def test_as_many_engines_as_fit_on_the_gpus(num_gpus: float, gpus: float, engines: int) -> None:
    config = EngineConfig(kind="vllm", vllm=VllmConfig(num_gpus=num_gpus))
    assert spec.SPEC.workers(config, 8, gpus) == engines


def test_keys_and_values_of_half_the_size_leave_room_for_more_pages() -> None:
    plain, halved = VllmConfig(num_gpus=0.5), VllmConfig(num_gpus=0.5, kv_cache_dtype="fp8")
    seats = [engine_args.max_num_seqs(80 * 2**30, config) for config in (plain, halved)]
    assert seats[1] == pytest.approx(2 * seats[0], abs=1)


def test_some_pages_wait_beside_those_that_are_decoded() -> None:
    assert engine_args.pages_in_flight(VllmConfig()) == 576
    assert engine_args.pages_in_flight(VllmConfig(max_num_seqs=16)) == 24
    assert engine_args.pages_in_flight(VllmConfig(num_gpus=0)) == 8


@pytest.mark.parametrize(("second", "value"), [(False, "0"), (True, "1")])
def test_the_environment_says_which_model_runner_runs(
    second: bool, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", "other")
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    engine_args.set_environment("")
    assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "other"
    engine_args.set_environment("", second_runner=second)
    assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == value
    assert os.environ["VLLM_NO_USAGE_STATS"] == "0"


def test_one_folder_keeps_all_that_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in engine_args.CACHES:
        monkeypatch.setenv(name, "elsewhere")
    engine_args.set_environment("")
    assert {os.environ[name] for name in engine_args.CACHES} == {"elsewhere"}
    engine_args.set_environment("/cache/vllm")
    assert os.environ["VLLM_CACHE_ROOT"] == "/cache/vllm"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/cache/vllm/torchinductor"
    assert os.environ["TRITON_CACHE_DIR"] == "/cache/vllm/triton"
