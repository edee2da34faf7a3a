"""Every setting and every limit, declared once.

YAML files, command-line flags and Serve's arguments are all read by these models (`pipeline.cli`).
Models are frozen and refuse unknown keys. The text under a field is its help text. Fields with a
unit have it in their name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pipeline import __version__
from pipeline.page_range import PageSelection
from pipeline.types import Rung, Task

EngineKind = Literal["onnx", "tesseract", "vllm", "fake"]
TextLayerMode = Literal["auto", "never", "always", "only"]
PictureMode = Literal["read", "warn"]
StructureMode = Literal["auto", "layout", "plain"]
TaskName = Literal["markdown", "text", "figure", "locate", "describe"]
StatusName = Literal["ok", "blank", "truncated", "failed"]
RUNGS = tuple(rung.value for rung in Rung if rung is not Rung.BASE)
"""Names of the rungs that may follow the first attempt."""
FAKE_HANDLERS = (
    *("echo", "truncates", "repeats", "crashes", "slow"),
    *("loops_far", "loops_in_cells", "needs_small_view", "finds_nothing", "dies"),
)
"""Behaviours of the fake engine (`pipeline.engines.fake`)."""


class Common:
    """Marks a field whose flag `--help` shows; `--help-all` shows the others too."""


COMMON = Common()


class Settings(BaseModel):
    """The base of every model here: frozen, unknown keys refused, docstrings as help."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    RENAMED: ClassVar[dict[str, str]] = {}
    """Keys of earlier versions by their new names. The old ones get an error that says so."""
    REMOVED: ClassVar[dict[str, str]] = {}
    """Removed keys of earlier versions, with what to write instead, or why."""

    @classmethod
    def retired(cls, key: object, prefix: str = "") -> str:
        """What replaces a key of an earlier version; "" for any other key.

        Args:
            key: The key as YAML reads it.
            prefix: The path of this section, such as ``engine.vllm.``.
        """
        name = "on" if key is True else str(key)  # YAML 1.1 reads `on` as true
        if name in cls.RENAMED:
            return f"{prefix}{name} is now {prefix}{cls.RENAMED[name]}"
        return f"{prefix}{name} was removed: {cls.REMOVED[name]}" if name in cls.REMOVED else ""

    @model_validator(mode="before")
    @classmethod
    def _refuse_retired(cls, values: Any) -> Any:
        old = [key for key in values if cls.retired(key)] if isinstance(values, Mapping) else []
        if old:
            message = "; ".join(map(cls.retired, old))
            raise PydanticCustomError("retired", "{message}", {"message": message, "keys": old})
        return values


class InputConfig(Settings):
    """Which files are read."""

    suffixes: tuple[str, ...] = (
        *(".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp"),
        *(".gif", ".bmp", ".dib", ".jp2", ".j2k", ".jpx", ".ico", ".pbm", ".pgm", ".ppm", ".pnm"),
    )
    """Suffixes of the files that are read from folders. A file that is named itself is always
    read."""
    max_file_mib: Annotated[int, Field(ge=1)] = 2048
    """Maximum size of a file, MiB. A larger one gets an error row."""
    max_attachments: Annotated[int, Field(ge=1)] = 100
    """Maximum files embedded in one PDF that `--attachments` reads. More give one error row."""
    max_attachment_mib: Annotated[int, Field(ge=1)] = 256
    """Maximum size of a file embedded in a PDF, MiB. A larger one gets an error row."""
    list_field: str = "uri"
    """Field of an @list.jsonl, or column of an @list.parquet, that holds the path or URI."""


class StoreConfig(Settings):
    """How object stores and web servers are reached. Credentials come from the environment."""

    anonymous: bool = False
    """Send no credentials: for public buckets."""
    s3_endpoint: str = ""
    """Address of the S3 service, such as http://minio:9000. Empty: AWS_ENDPOINT_URL, or Amazon."""
    s3_region: str = ""
    """Region of the buckets. Empty: that of the environment, else the bucket's own (a request)."""
    gs_endpoint: str = ""
    """Address of the Google Cloud Storage service. Empty: Google's."""
    az_endpoint: str = ""
    """Address of the Azure Blob service. Empty: Azure's for the account."""
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """Timeout for connecting, seconds."""
    read_s: Annotated[float, Field(gt=0)] = 60.0
    """Timeout for one request, seconds. A request returns 4 MiB at most."""
    tries: Annotated[int, Field(ge=1)] = 6
    """Maximum attempts of a request while the store is busy, slow or drops connections."""
    pause_s: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second attempt. Each further pause is twice as long."""
    max_pause_s: Annotated[float, Field(ge=0)] = 20.0
    """Maximum pause between two attempts, seconds."""
    cache_mib: Annotated[int, Field(ge=0)] = 1024
    """Disk space of each render worker for fetched documents whose next pages may follow, MiB.
    The current document is kept whatever its size."""


class ReadConfig(Settings):
    """Limits of the process that opens documents and renders pages. It is killed beyond them."""

    wall_s: Annotated[float, Field(gt=0)] = 60.0
    """Maximum seconds of wall clock for one page (or for opening one document)."""
    cpu_s: Annotated[int, Field(ge=1)] = 60
    """Maximum seconds of CPU time for one page (or for opening one document)."""
    memory_mib: Annotated[int, Field(ge=256)] = 4096
    """Maximum address space of the reader process beyond what it needs when idle (about 0.5 GiB),
    MiB. Enforced on Linux only."""
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    """Maximum pages that a document may declare. One that declares more gets one error row."""
    max_inflated_mib: Annotated[int, Field(ge=1)] = 64
    """Maximum MiB to which content, forms and fonts of a PDF page may decode; a page over it fails
    at once. The largest page of 738 measured ones has 1.4 MiB. Images are not counted."""


class RenderConfig(Settings):
    """How a page becomes an image."""

    dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    """Resolution of rendered PDF pages, dots per inch."""
    max_pixels: Annotated[int, Field(ge=10_000)] = 25_000_000
    """Maximum pixels of a rendered page. A larger PDF page is rendered smaller, with a warning."""
    max_image_pixels: Annotated[int, Field(ge=10_000)] = 150_000_000
    """Maximum pixels of an image file, read from its header. A larger one gets an error row."""


class RouteConfig(Settings):
    """Which pages need no engine, and which are turned before recognition."""

    min_trust: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Minimum trust in a text layer for `--text-layer auto` to use it, 0 to 1."""
    pictures: PictureMode = "read"
    """What is done with text in pictures of a page whose text layer `--text-layer auto` uses: the
    engine reads the pictures and their text is added (read), or the row has a warning (warn)."""
    blank_ppm: Annotated[float, Field(ge=0, le=1_000_000)] = 10.0
    """Maximum ink of a blank page, parts per million of its area: 10 are 0.6 mm2 of a Letter page,
    three full stops. Blank pages are not sent to the engine."""
    turn: bool = True
    """Turn pages that were scanned sideways or upside down before recognition. RapidOCR detects
    them; without it no page is turned."""


class OnnxConfig(Settings):
    """The embedded engine for the CPU: PP-OCR models inside the RapidOCR wheel."""

    threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of one engine. Its actor reserves as many CPUs."""
    max_side_px: Annotated[int, Field(ge=320)] = 2600
    """Longest side of the image that the engine gets, px. Larger pages are scaled down to it."""
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Minimum confidence of a line, 0 to 1. Lines below it are dropped."""


class TesseractConfig(Settings):
    """Tesseract on the CPU, with the languages that are installed (needs the extra `tesseract`)."""

    languages: tuple[str, ...] = ()
    """Languages by Tesseract's names, such as eng, rus or script/Cyrillic. Empty: all that are
    installed. A page is read with those of its script; the data `osd` tells the script."""
    data_dir: str = ""
    """Folder with the languages' *.traineddata. Empty: TESSDATA_PREFIX, else the folders where
    Debian, Fedora and Homebrew install them."""
    side_px: Annotated[int, Field(ge=320)] = 3400
    """Longest side of the image that Tesseract gets, px: larger pages are scaled down to it,
    smaller ones up to it or to twice their size. 3400 is a Letter or A4 page at 300 dpi."""
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Minimum confidence of a line, 0 to 1. Lines below it are dropped."""


class VllmConfig(Settings):
    """A model on vLLM (needs the extra `gpu`)."""

    UNREAD: ClassVar[frozenset[str]] = frozenset(
        {
            *("num_gpus", "tensor_parallel_size", "pipeline_parallel_size"),
            *("gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens"),
            *("prepare_threads", "enforce_eager", "cache_dir", "max_restarts", "profile_images"),
            *("plugin", "plugin_ngram", "plugin_encoder", "plugin_graphs", "plugin_compiled"),
            *("plugin_steps", "plugin_outputs", "plugin_tiles", "plugin_prefill_pages"),
        }
    )
    # Fields that change how the model runs but not its text: not part of a recipe's hash.
    UNREAD_KWARGS: ClassVar[frozenset[str]] = frozenset(
        {
            *("block_size", "max_parallel_loading_workers", "disable_custom_all_reduce"),
            *("enable_chunked_prefill", "max_num_partial_prefills"),
            *("scheduling_policy", "download_dir", "safetensors_load_strategy", "use_tqdm_on_load"),
            *("enable_log_requests", "kv_cache_metrics", "otlp_traces_endpoint"),
            *("collect_detailed_traces", "kv_cache_memory_bytes", "watermark"),
        }
    )
    # The same for `engine_kwargs`. All other keys are part of the hash.
    OWN_KWARGS: ClassVar[Mapping[str, str]] = {
        **{
            name: name
            for name in (
                *("model", "revision", "dtype", "quantization", "load_format", "max_model_len"),
                *("tensor_parallel_size", "pipeline_parallel_size", "gpu_memory_utilization"),
                *("max_num_seqs", "max_num_batched_tokens", "enforce_eager", "kv_cache_dtype"),
            )
        },
        "tokenizer_revision": "revision",
        "skip_mm_profiling": "profile_images",
    }
    # Arguments of vLLM that are set from a setting of this section.
    REFUSED_KWARGS: ClassVar[frozenset[str]] = frozenset(
        {
            *("tokenizer", "tokenizer_mode", "skip_tokenizer_init", "trust_remote_code"),
            *("hf_config_path", "hf_overrides", "code_revision", "model_impl", "runner", "convert"),
            *("task", "logits_processors", "logits_processor_pattern", "max_logprobs"),
            *("limit_mm_per_prompt", "mm_processor_kwargs", "mm_processor_cache_gb"),
            *("enable_mm_embeds", "enable_prompt_embeds", "language_model_only"),
            *("enable_prefix_caching", "speculative_config", "disable_log_stats", "seed"),
            *("distributed_executor_backend", "worker_cls", "worker_extension_cls"),
            *("scheduler_cls", "async_scheduling", "additional_config"),
            *("generation_config", "override_generation_config", "config_format"),
            *("data_parallel_size", "enable_lora", "served_model_name"),
        }
    )
    # Arguments of vLLM that prompts, image tokens, the n-gram rule or the metrics depend on.
    RENAMED: ClassVar[dict[str, str]] = {
        "tensor_parallel": "tensor_parallel_size",
        "pipeline_parallel": "pipeline_parallel_size",
    }

    model: str = "deepseek-ai/DeepSeek-OCR"
    """Model name on the hub, or a local folder."""
    revision: str = ""
    """Commit of the model on the hub. Empty: the one that this release was written for."""
    family: Literal["auto", "deepseek-ocr", "deepseek-ocr-2"] = "auto"
    """Model family, which sets prompts, tiles and token counts. `auto` derives it from the model's
    name."""
    find: str = ""
    """What the task `locate` looks for, such as a heading or a phrase."""
    max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Maximum tokens of an answer; fewer if `max_model_len` leaves less room beside the prompt."""
    ngram_size: Annotated[int, Field(ge=2)] = 30
    """Length of a sequence, in tokens, that may not occur twice within `ngram_window`."""
    ngram_window: Annotated[int, Field(ge=2)] = 90
    """Number of most recent tokens that are searched for a repeated sequence."""
    max_model_len: Annotated[int, Field(ge=1024)] = 8192
    """Maximum tokens of prompt and answer together."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Number format of the weights. `auto` takes the model's own."""
    quantization: str = ""
    """Quantization of the weights by vLLM's name for it. Empty: none.
    `fp8_per_tensor` halves those of the decoder and of CLIP while they are loaded, SAM's stay as
    they are; it needs a GPU with fp8 (such as an H100) and may change what is read: no accuracy was
    measured with it. VLLM 0.32 takes `fp8` for weights that are stored as fp8 only."""
    load_format: Literal["auto", "safetensors", "dummy", "random"] = "auto"
    """Where weights come from. `dummy` and `random` make some, for measurements only. vLLM's own,
    `dummy`, are so small that all pages get one answer and all tokens the same experts; `random`
    ones are as wide as those of a trained model."""
    num_gpus: Annotated[float, Field(ge=0)] = 1.0
    """GPUs that Ray reserves for one engine; a fraction shares a GPU. Must be at least
    `tensor_parallel_size` times `pipeline_parallel_size` where those are more than 1. 0: none
    (CPU)."""
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    """GPUs that each layer is split over."""
    pipeline_parallel_size: Annotated[int, Field(ge=1)] = 1
    """GPUs that the layers are distributed over."""
    gpu_memory_utilization: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the GPU's memory that one engine may take, 0 to 1. 0: 0.9; of engines that share a
    GPU each its part of that, such as 0.45 with `num_gpus` 0.5."""
    max_num_seqs: Annotated[int, Field(ge=0)] = 0
    """Maximum pages that are decoded at a time. 0: as many as the GPU's memory holds, up to 512."""
    max_num_batched_tokens: Annotated[int, Field(ge=1024)] = 16384
    """Maximum tokens of one step of the scheduler. vLLM's default of 2048 for servers holds two
    pages."""
    prepare_threads: Annotated[int, Field(ge=1)] = 8
    """Threads that turn pages into model input beside the engine's event loop."""
    enforce_eager: bool = False
    """Run without compilation and CUDA graphs: starts sooner, runs slower."""
    cache_dir: str = ""
    """Folder for code that vLLM, Inductor and Triton compile, kept between runs: it shortens the
    start. Empty: their own folders, which a pod loses when it ends."""
    max_restarts: Annotated[int, Field(ge=0)] = 4
    """Maximum restarts of a crashed engine before the job stops. The count is reset after 256 pages
    without a crash."""
    ignore_eos: bool = False
    """Ignore the end-of-sequence token: every answer has `max_tokens`. For measurements only."""
    profile_images: bool = True
    """Run the largest image once at start to size the memory. Off saves seconds on a CPU."""
    plugin: Literal["auto", "off"] = "auto"
    """What makes vLLM faster for this model (`pipeline.vllm_plugin`), as far as the installed
    vLLM and the model allow. `off` runs vLLM as it is, with the n-gram rule in Python."""
    plugin_ngram: bool = True
    """Part of the plugin: the n-gram rule on the GPU."""
    plugin_encoder: bool = True
    """Part of the plugin: pictures as bytes, encoded together, without waits for the GPU."""
    plugin_tiles: bool = False
    """Part of the plugin: pages are cut up where they are prepared, not in the engine's process,
    which needs 80 ms of a CPU for a Letter page. A page between the stages then has 17 MB instead
    of 6: raise `stages.buffer_mib`. For engines that share their machine with few CPUs. Needs
    `plugin_encoder`."""
    plugin_graphs: bool = True
    """Part of the plugin: CUDA graphs for the encoder. Needs `plugin_encoder`."""
    plugin_compiled: bool = True
    """Part of the plugin: the encoder compiled. Needs `plugin_encoder`."""
    plugin_steps: bool = True
    """Part of the plugin: less Python in each step of scheduler and model runner."""
    plugin_outputs: bool = True
    """Part of the plugin: the tokens of an answer that is wanted whole stay in vLLM's core until
    the answer ends. Needs `plugin_steps`."""
    plugin_prefill_pages: Annotated[int, Field(ge=1)] = 4
    """Part of the plugin: pages whose prompts are computed together once half of `max_num_seqs` is
    taken. A page waits for others for at most 8 steps of the decoder (about 0.2 s). 1, or fewer
    than 64 seats: none waits. Needs `plugin_steps`."""
    kv_cache_dtype: Literal["auto", "fp8"] = "auto"
    """Number format of keys and values. `fp8` halves their memory and what each step reads, and
    may change what is read: no accuracy was measured with it."""
    engine_kwargs: dict[str, JsonValue] = {}
    """Further arguments of vLLM's AsyncEngineArgs, by their names there. Arguments that have a
    setting here, or that would change the input of the model, are refused."""

    @property
    def memory_share(self) -> float:
        """Share of the GPU's memory that one engine takes, 0 to 1."""
        part = self.num_gpus if 0 < self.num_gpus < 1 else 1.0
        return self.gpu_memory_utilization or 0.9 * part

    @property
    def engines_per_gpu(self) -> int:
        """Engines that share a GPU: 1 where each has its own, or several."""
        return int(1 / self.num_gpus + 1e-9) if 0 < self.num_gpus < 1 else 1

    @model_validator(mode="after")
    def _fit_on_a_gpu(self) -> VllmConfig:
        share = self.gpu_memory_utilization * self.engines_per_gpu
        if self.engines_per_gpu > 1 and share > 1:
            raise ValueError(
                f"{self.engines_per_gpu} engines share a GPU (num_gpus {self.num_gpus:g}), so"
                f" gpu_memory_utilization is at most {1 / self.engines_per_gpu:.2f}; 0 takes what"
                " suits"
            )
        return self

    @field_validator("engine_kwargs")
    @classmethod
    def _keep_the_contract(cls, kwargs: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for key in kwargs:
            if key in cls.OWN_KWARGS:
                raise ValueError(f"set engine.vllm.{cls.OWN_KWARGS[key]} instead of {key}")
            if key in cls.REFUSED_KWARGS:
                raise ValueError(
                    f"{key} cannot be set: prompts and answers of the model depend on it"
                )
        return kwargs


class FakeConfig(Settings):
    """The engine for tests and measurements: answers without a model."""

    handler: str = "echo"
    """Behaviour: echo, truncates, repeats, crashes, slow, loops_far,
    loops_in_cells, needs_small_view, finds_nothing, dies."""
    delay_ms: Annotated[float, Field(ge=0)] = 0.0
    """Milliseconds that each page takes (handler `slow`: at least 1000)."""

    @field_validator("handler")
    @classmethod
    def _known(cls, handler: str) -> str:
        if handler not in FAKE_HANDLERS:
            raise ValueError(f"choose from: {', '.join(FAKE_HANDLERS)}")
        return handler


class EngineConfig(Settings):
    """Which engine recognises the pages."""

    kind: Annotated[Literal["auto", "onnx", "tesseract", "vllm", "fake"], COMMON] = "auto"
    """Engine. `auto` selects vllm if a GPU and the extra `gpu` are present, else onnx, and prints
    which."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Engine actors at start. 0: as many as fit on the cluster at that time."""
    max_workers: Annotated[int, Field(ge=0)] = 0
    """Maximum engine actors. With more than `workers`, Ray adds actors while pages wait, on new
    nodes if the cluster autoscales. 0: as many as at start."""
    pages_in_flight: Annotated[int, Field(ge=0)] = 0
    """Concurrent pages of one engine. 0: what suits the engine, which is one for onnx; for vllm as
    many as the GPU decodes at a time, and some that wait."""
    onnx: OnnxConfig = OnnxConfig()
    tesseract: TesseractConfig = TesseractConfig()
    vllm: VllmConfig = VllmConfig()
    fake: FakeConfig = FakeConfig()


class LadderConfig(Settings):
    """Retries of answers that are cut off, repeat themselves, or miss what is on the page.

    They miss it where they are empty in spite of ink, or the engine does not read the script. Each
    rung is tried once at most, and only where it can help; the best answer is kept.
    """

    RENAMED: ClassVar[dict[str, str]] = {"on": "enabled"}

    enabled: bool = True
    """Retry bad answers. Off: every first answer is kept."""
    rungs: tuple[str, ...] = RUNGS
    """Kinds of retries, in this order. Those that the engine does not have are left out."""
    second_engine: Literal["onnx", "tesseract"] = "onnx"
    """Engine of the rung `second_engine`. `tesseract` also reads pages in scripts that the first
    engine does not read, as far as its languages are installed."""
    max_attempts: Annotated[int, Field(ge=1)] = 6
    """Maximum attempts of one page, the first included."""
    max_tokens: Annotated[int, Field(ge=1)] = 24_576
    """Tokens over all answers of a page after which the model is not called again for it."""
    rung_tokens: Annotated[int, Field(ge=1)] = 8192
    """Maximum tokens of each answer after the first."""
    ngram_window: Annotated[int, Field(ge=2)] = 1024
    """Tokens that rung `wider_ngram` searches for a repeated sequence."""
    cells_repeat: bool = False
    """Exempt table cells from the rule against repetition on rung `wider_ngram` too."""
    max_repetition: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Repetition of an answer, 0 to 1, above which it counts as a loop."""
    least_ink_ppm: Annotated[float, Field(ge=0, le=1_000_000)] = 2000.0
    """Ink above which an empty answer is retried, parts per million of the page's area. 2000: about
    one line of text."""

    @field_validator("rungs")
    @classmethod
    def _each_once(cls, rungs: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(rungs)) != len(rungs) or not set(rungs) <= set(RUNGS):
            raise ValueError(f"name each of these once at most: {', '.join(RUNGS)}")
        return rungs


class QualityConfig(Settings):
    """What is said of texts that may be wrong. Changes no text."""

    min_text_score: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Text score below which a row gets a warning, 0 to 1. 0: none. No page is dropped for it."""


class StageConfig(Settings):
    """Resources of the stages other than the engine."""

    REMOVED: ClassVar[dict[str, str]] = {
        "prepare_cpus": "render actors prepare pages; set stages.render_cpus"
    }

    render_workers: Annotated[int, Field(ge=0)] = 0
    """Maximum render actors. 0: one for every CPU of the cluster."""
    render_cpus: Annotated[float, Field(gt=0)] = 0.25
    """CPUs that Ray reserves for a render actor. It uses one, but engines wait for it and not it
    for them."""
    local_plan_s: Annotated[float, Field(ge=0)] = 3.0
    """Seconds that a job with a Ray of its own plans local files in its own process while Ray
    starts. If that is not enough, the plan is made on Ray. 0: always on Ray."""
    local_pages: Annotated[int, Field(ge=0)] = 5000
    """Pages up to which a job that was planned in its own process takes text layers there too,
    without Ray, with up to 8 reader processes (`stages.render_workers`). Ray starts when more pages
    are known that an engine has to read than `stages.local_engine_pages` lets it read here, and
    reads these; if they are more than a tenth of the job, or the engine has a GPU, it does all that
    is left. 0: all on Ray."""
    local_engine_pages: Annotated[int, Field(ge=0)] = 5000
    """Pages of such a job up to which an engine without a GPU reads without Ray, in as many
    processes as Ray would run, but 16 at most. Fewer where it would take longer than
    `stages.local_s`: at 4 s a page for `onnx`, 2.5 s for `tesseract`. What is not finished then
    goes to Ray. 0: all of them on Ray."""
    local_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60.0
    """Seconds that the plan of such a job may take, as many again for its text layers, and as many
    for its engine pages; text layers have both times once pages are drawn for the engine meanwhile.
    A plan that takes longer is made on Ray; pages that are left then go to Ray."""
    local_drawn_mib: Annotated[int, Field(ge=0)] = 512
    """Memory for pages of such a job that were drawn when they were looked at and wait for an
    engine, MiB. Pages for which there is no room are looked at again, beside the engine."""
    plan_cpus: Annotated[float, Field(gt=0)] = 0.25
    """CPUs that Ray reserves for a plan actor."""
    write_cpus: Annotated[float, Field(gt=0)] = 0.1
    """CPUs that Ray reserves for a task that reads the plan or writes a shard."""
    max_lone_deaths: Annotated[int, Field(ge=1)] = 2
    """Number of times that a worker process may die with a single page (or document) on it before
    that page gets an error row."""
    stall_s: Annotated[float, Field(gt=0)] = 1800.0
    """Seconds without progress of any page after which the remaining pages are restarted, on the
    machines that are present then. Must be more than an engine takes to start."""
    pages_per_task: Annotated[int, Field(ge=1)] = 16
    """Maximum pages that pass from stage to stage together; fewer if a job is small, four times as
    many with `text_layer: only`."""
    buffer_mib: Annotated[int, Field(ge=0)] = 0
    """Memory for pages between stages, MiB, over the whole cluster. 0: twice the pages that the
    engines work on, at 8 MiB each, and at least 1024."""


class OutputConfig(Settings):
    """The shape of the Parquet dataset."""

    pages_per_file: Annotated[int, Field(ge=1)] = 4096
    """Maximum rows of a Parquet file."""
    pages_per_row_group: Annotated[int, Field(ge=1)] = 1024
    """Rows of a Parquet row group."""
    flush_s: Annotated[float, Field(gt=0)] = 120.0
    """Seconds after which a file is written even if it is not full: a crash loses at most the work
    of that time."""
    compression_level: Annotated[int, Field(ge=1, le=22)] = 3
    """Compression level of zstd."""


class FigureConfig(Settings):
    """Figures that exports cut out of the pages of the originals."""

    max_side_px: Annotated[int, Field(ge=16)] = 1600
    """Maximum width and height of a figure. A larger one is made smaller."""


class SearchableConfig(Settings):
    """Searchable PDFs."""

    replace_layer: bool = False
    """Take the invisible text of an earlier OCR out of pages that were read again, so that only the
    new text is found. Their content is written anew, their images and what is visible stay as they
    are. Else the old text stays beside the new one, and pages are untouched but for one stream."""


class ChunkConfig(Settings):
    """Chunks for retrieval."""

    tokenizer: str = "words"
    """Counts tokens: a tokenizer.json of the library tokenizers, a folder with one, or `words`, by
    which a word, a character of a script without spaces, or another sign is one."""
    max_tokens: Annotated[int, Field(ge=16)] = 512
    """Maximum tokens of a chunk's text, without its headings."""


class DatasetConfig(Settings):
    """Parquet files with the images of pages."""

    pages_per_file: Annotated[int, Field(ge=1)] = 1000
    """Pages after which another file is begun. A document is never divided."""
    jpeg_quality: Annotated[int, Field(ge=1, le=95)] = 90
    """Quality of the images, JPEG files of pages drawn at `render.dpi`."""
    row_group_mib: Annotated[int, Field(ge=1)] = 32
    """Size of a row group, MiB: so much is held in memory."""
    readers: Annotated[int, Field(ge=0)] = 0
    """Sandbox processes that draw pages side by side. 0: as many as CPUs."""


class SpreadConfig(Settings):
    """Exports of large outputs, which Ray spreads over the CPUs of its machines."""

    pages: Annotated[int, Field(ge=0)] = 10_000
    """Exports of more pages than this run on Ray. Of so many, one process writes a format of rows,
    such as markdown, in about the time in which Ray starts. 0: never."""
    pages_per_task: Annotated[int, Field(ge=1)] = 500
    """Pages of a task. A document is written by one task, however long it is, and so is a file of a
    data set."""
    cpus: Annotated[float, Field(gt=0)] = 1.0
    """CPUs that a task reserves."""


class LockConfig(Settings):
    """The lock that prevents two jobs from writing to one output."""

    beat_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two heartbeats."""
    stale_s: Annotated[float, Field(gt=0)] = 90.0
    """Seconds without a heartbeat after which a job on another machine counts as dead."""
    wait_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds to wait for the lock of a job that may be dead, instead of ending at once: for jobs
    that are started anew as soon as they are lost. Its heartbeat ends the waiting."""


class RayConfig(Settings):
    """Where the job runs."""

    address: str = ""
    """Address of a running Ray cluster. Empty: that of `ray job submit` or RAY_ADDRESS, else a
    local Ray is started and stopped with the job."""
    cpus: Annotated[int, Field(ge=0)] = 0
    """CPUs of a local Ray. 0: all cores."""
    temp_dir: str = ""
    """Folder for the logs and sockets of a local Ray. Empty: a temporary one."""

    def cluster(self) -> str:
        """The address of the running cluster that is used, "" for a Ray of its own."""
        return self.address or os.environ.get("RAY_ADDRESS", "")


class ProgressConfig(Settings):
    """Progress output."""

    interval_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two lines of progress if the output is no terminal."""


class Recipe(Settings):
    """All settings that can change the text of a page. Its hash is part of a page's identity."""

    engine: EngineKind
    model: str
    revision: str
    task: Task
    render: RenderConfig
    text_layer: TextLayerMode = "auto"
    structure: StructureMode = "plain"
    route: RouteConfig = RouteConfig()
    onnx: OnnxConfig | None = None
    tesseract: TesseractConfig | None = None
    vllm: VllmConfig | None = None
    fake: FakeConfig | None = None
    ladder: LadderConfig = LadderConfig()
    quality: QualityConfig = QualityConfig()
    second: str = ""
    """Release of the second engine (its settings are in its section); empty if there is none."""
    version: str = __version__

    def hash(self) -> str:
        """16 hex digits over all fields except those that change no text, such as `threads`."""
        unread = {"onnx": {"threads"}, "vllm": set(VllmConfig.UNREAD), "fake": {"delay_ms"}}
        unread["tesseract"] = {"data_dir"}
        fields = self.model_dump(mode="json", exclude=unread | {"quality": True})
        # The field has its earlier name here, and what earlier versions did not have is left out
        # where it is not used: outputs of earlier versions keep their hash.
        fields["ladder"]["on"] = fields["ladder"].pop("enabled")
        if self.ladder.second_engine == "onnx":
            del fields["ladder"]["second_engine"]
        if self.route.pictures == "warn" or self.text_layer != "auto":
            del fields["route"]["pictures"]
        if self.structure == "plain":
            del fields["structure"]
        if self.tesseract is None:
            del fields["tesseract"]
        if self.vllm:
            kwargs = fields["vllm"].pop("engine_kwargs")
            read = {k: kwargs[k] for k in kwargs if k not in VllmConfig.UNREAD_KWARGS}
            fields["vllm"] |= {"engine_kwargs": read} if read else {}
            if self.vllm.kv_cache_dtype == "auto":
                del fields["vllm"]["kv_cache_dtype"]
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class OcrOptions(Settings):
    """What the OCR job's flags can set: everything but its inputs."""

    REMOVED: ClassVar[dict[str, str]] = {
        "password_file": "write --password @FILE, or password: '@FILE' in YAML"
    }
    output: Annotated[str, Field(min_length=1), COMMON]
    """Folder for the result, also on a store: s3://BUCKET/FOLDER."""
    pages: Annotated[str, COMMON] = ""
    """Pages of every document, such as 1-3,7. Empty: all."""
    max_pages: Annotated[int, Field(ge=0)] = 0
    """Maximum pages of every document, the first of those that `--pages` selects. 0: all."""
    attachments: bool = False
    """Also recognise the documents embedded in PDFs, but not those embedded in these."""
    password: Annotated[str, Field(repr=False), COMMON] = ""
    """Password for encrypted PDFs, or @FILE: a file with one a line, tried in that order."""
    passwords: str = ""
    """CSV with the columns uri and password: which password opens which document. A uri may be a
    pattern such as `*/2024/*.pdf`; its own passwords are tried before `--password`."""
    task: TaskName = "markdown"
    """Task of the model. `onnx` and `tesseract` have only markdown and text."""
    text_layer: Annotated[TextLayerMode, COMMON] = "auto"
    """Which pages take their text from the PDF's own text layer instead of the engine: those
    whose layer can be trusted (auto), none (never), all that have one (always), or all, and a
    page without one fails (only)."""
    structure: StructureMode = "auto"
    """How headings, lists, tables and figures are found for the task markdown, where no model
    writes it: not at all (plain); by PyMuPDF's layout model, about 150 ms of a CPU a page, and by
    fonts (layout); by the layout model on pages that onnx or tesseract reads and by fonts and drawn
    lines in text layers, about 1 ms a page (auto)."""
    export: Annotated[tuple[str, ...], COMMON] = ()
    """Formats in which the documents of the output are written as files after the job, such as
    markdown,html. Empty: none."""
    export_to: str = ""
    """Folder for these files, also on a store. Empty: `export` in the output."""
    gpu_hour_price: Annotated[float, Field(ge=0)] = 0.0
    """Price of one GPU for an hour, in any currency. The receipt then has the cost of a million
    pages. 0: none."""
    self_test: bool = True
    """Test the engine with a generated page before the first page (vllm only)."""
    dry_run: Annotated[bool, COMMON] = False
    """Print documents, pages and estimated time. Recognises and writes nothing."""
    retry: Annotated[Literal["none", "failed"], COMMON] = "none"
    """Which pages that already have a row are done again: none, or those with status failed."""
    fail_on: Annotated[Literal["none", "failed"], COMMON] = "failed"
    """Exit code of a finished job in which pages failed or were cut off: 3 (failed) or 0 (none).
    The receipt counts such pages in both cases."""
    overwrite: Annotated[bool, COMMON] = False
    """Delete everything in the output first, after asking, and do all pages."""
    yes: bool = False
    """Answer the question of `--overwrite` with yes."""
    input: InputConfig = InputConfig()
    store: StoreConfig = StoreConfig()
    read: ReadConfig = ReadConfig()
    render: RenderConfig = RenderConfig()
    route: RouteConfig = RouteConfig()
    engine: EngineConfig = EngineConfig()
    ladder: LadderConfig = LadderConfig()
    quality: QualityConfig = QualityConfig()
    figures: FigureConfig = FigureConfig()
    searchable: SearchableConfig = SearchableConfig()
    chunks: ChunkConfig = ChunkConfig()
    dataset: DatasetConfig = DatasetConfig()
    spread: SpreadConfig = SpreadConfig()
    stages: StageConfig = StageConfig()
    parquet: OutputConfig = OutputConfig()
    lock: LockConfig = LockConfig()
    ray: RayConfig = RayConfig()
    progress: ProgressConfig = ProgressConfig()

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, pages: str) -> str:
        PageSelection.parse(pages)
        return pages


class OcrConfig(OcrOptions):
    """Recognise documents: one row of Parquet for every page."""

    inputs: tuple[str, ...]
    """Files, folders, globs, s3:// gs:// az:// http(s)://, archives, or @LIST of them."""

    @field_validator("inputs")
    @classmethod
    def _some_input(cls, inputs: tuple[str, ...]) -> tuple[str, ...]:
        if not inputs:
            raise ValueError("name at least one file, folder, glob or @list")
        return inputs


class ExportOptions(Settings):
    """What the flags of an export can set: everything but the output that it reads."""

    to: Annotated[str, Field(min_length=1), COMMON]
    """Folder for the files, also on a store: s3://BUCKET/FOLDER."""
    format: Annotated[tuple[str, ...], COMMON] = ("markdown",)
    """Formats, separated by commas."""
    match: Annotated[str, COMMON] = ""
    """Only documents with this text in their URI."""
    status: Annotated[tuple[StatusName, ...], COMMON] = ()
    """Only pages with one of these statuses. Empty: all."""
    recipe: str = ""
    """Only rows whose recipe_hash begins so. Needed where pages have rows of several recipes."""
    min_text_score: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Only pages with this text score or more. 0: all, also those without a score."""
    max_text_score: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Only pages with this text score or less, such as to look at bad ones. 1: all, also those
    without a score."""
    password: Annotated[str, Field(repr=False)] = ""
    """Password for encrypted originals, or @FILE, as that of the job."""
    passwords: str = ""
    """CSV with the passwords of originals, as that of the job."""
    input: InputConfig = InputConfig()
    store: StoreConfig = StoreConfig()
    read: ReadConfig = ReadConfig()
    render: RenderConfig = RenderConfig()
    figures: FigureConfig = FigureConfig()
    searchable: SearchableConfig = SearchableConfig()
    chunks: ChunkConfig = ChunkConfig()
    dataset: DatasetConfig = DatasetConfig()
    spread: SpreadConfig = SpreadConfig()
    ray: RayConfig = RayConfig()


class ExportConfig(ExportOptions):
    """Write the documents of a job's output as files."""

    output: str
    """The --output of a job."""
