"""Every setting and every limit, declared once.

YAML files, command-line flags and Serve's arguments are read from these same models
(`pipeline.settings`). Models are frozen and refuse keys that they do not know. The text
under a field is its help text; a field that carries a unit names it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline import __version__
from pipeline.pages import PageSelection
from pipeline.rungs import Rung
from pipeline.types import Task

EngineKind = Literal["onnx", "vllm", "fake"]
TextLayerMode = Literal["auto", "never", "always", "only"]
TaskName = Literal["markdown", "text", "figure", "locate", "describe"]
RUNGS = tuple(rung.value for rung in Rung if rung is not Rung.BASE)
"""Names of the rungs that may follow the first attempt."""
FAKE_HANDLERS = (
    *("echo", "truncates", "repeats", "crashes", "slow"),
    *("loops_far", "loops_in_cells", "needs_small_view", "finds_nothing", "dies"),
)
"""What the fake engine may do with a page (`pipeline.engines.fake`)."""


class Settings(BaseModel):
    """The base of every model here: frozen, unknown keys refused, docstrings as help."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class InputConfig(Settings):
    """Which files are taken from folders."""

    suffixes: tuple[str, ...] = (
        *(".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp"),
        *(".gif", ".bmp", ".dib", ".jp2", ".j2k", ".jpx", ".ico", ".pbm", ".pgm", ".ppm", ".pnm"),
    )
    """File endings that a folder is searched for. A file that is named itself is always taken."""
    max_file_mib: Annotated[int, Field(ge=1)] = 2048
    """Largest file that is opened, MiB. A larger one gets an error row."""
    max_attachments: Annotated[int, Field(ge=1)] = 100
    """Most files embedded in one PDF that `--attachments` takes. More give one error row."""
    max_attachment_mib: Annotated[int, Field(ge=1)] = 256
    """Largest file embedded in a PDF that is opened, MiB. A larger one gets an error row."""
    list_field: str = "uri"
    """Field of the lines of an @list.jsonl, or column of an @list.parquet, that holds the place."""


class StoreConfig(Settings):
    """How object stores and web servers are reached. Credentials are in the environment."""

    anonymous: bool = False
    """Send no credentials: for public buckets."""
    s3_endpoint: str = ""
    """Address of the S3 service, such as http://minio:9000. Empty: AWS_ENDPOINT_URL, or Amazon."""
    s3_region: str = ""
    """Region of the buckets. Empty: that of the environment, or the bucket is asked."""
    gs_endpoint: str = ""
    """Address of the Google Cloud Storage service. Empty: Google's."""
    az_endpoint: str = ""
    """Address of the Azure Blob service. Empty: Azure's for the account."""
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds that a connection may take."""
    read_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds that one request may take. It brings 4 MiB at most."""
    tries: Annotated[int, Field(ge=1)] = 6
    """Times that a request is tried where the store is busy, slow or breaks off."""
    pause_s: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second try. Each further pause is twice as long."""
    max_pause_s: Annotated[float, Field(ge=0)] = 20.0
    """Longest pause between two tries, seconds."""
    cache_mib: Annotated[int, Field(ge=0)] = 1024
    """Room of each render worker for fetched documents whose next pages may follow, MiB. The one
    at hand stays, whatever its size."""


class ReadConfig(Settings):
    """Limits of the process that opens documents and draws pages. It is killed beyond them."""

    wall_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of wall clock for one page (or for opening one document)."""
    cpu_s: Annotated[int, Field(ge=1)] = 60
    """Seconds of CPU time for one page (or for opening one document)."""
    memory_mib: Annotated[int, Field(ge=256)] = 4096
    """Address space that documents may take in the reader process beyond what it needs when
    idle (about 0.5 GiB), MiB. Enforced on Linux alone."""
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    """Pages that one document may claim. A document that claims more gets one error row."""


class RenderConfig(Settings):
    """How a page becomes a picture."""

    dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    """Dots per inch that PDF pages are drawn with."""
    max_pixels: Annotated[int, Field(ge=10_000)] = 25_000_000
    """Most pixels of a drawn page. A larger PDF page is drawn smaller and its row says so."""
    max_image_pixels: Annotated[int, Field(ge=10_000)] = 150_000_000
    """Most pixels of an image file, known from its header. A larger one gets an error row."""


class RouteConfig(Settings):
    """Which pages need no engine, and which are turned before it sees them."""

    min_trust: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Least trust in a text layer with which `--text-layer auto` takes it, 0 to 1."""
    blank_ppm: Annotated[float, Field(ge=0, le=1_000_000)] = 10.0
    """Most ink of a blank page, parts per million of its area: 10 are 0.6 mm2 of a Letter page,
    three full stops. Less is not given to the engine."""
    turn: bool = True
    """Turn pages that were scanned sideways or upside down before they are recognised. RapidOCR
    finds them; where it is not installed no page is turned."""


class OnnxConfig(Settings):
    """The embedded engine for the CPU: PP-OCR models inside the RapidOCR wheel."""

    threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of one engine. Its actor reserves as many CPUs."""
    max_side_px: Annotated[int, Field(ge=320)] = 2600
    """Longest side of the picture that the engine sees, px. Larger pages are shrunk to it."""
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Lines that the engine trusts less than this are dropped, 0 to 1."""


class VllmConfig(Settings):
    """A model on vLLM (needs the extra `gpu`)."""

    UNREAD: ClassVar[frozenset[str]] = frozenset(
        {
            *("num_gpus", "tensor_parallel", "pipeline_parallel", "gpu_memory_utilization"),
            *("max_num_seqs", "max_num_batched_tokens", "prepare_threads", "enforce_eager"),
            *("cache_dir", "max_restarts", "profile_images", "plugin", "plugin_ngram"),
            *("plugin_encoder", "plugin_graphs", "plugin_compiled", "plugin_steps"),
        }
    )
    # The fields that say how the model is run and not what it reads: no part of a recipe's hash.

    model: str = "deepseek-ai/DeepSeek-OCR"
    """Model name on the hub, or a local folder."""
    revision: str = ""
    """Commit of the model on the hub. Empty: the one that this release was written for."""
    family: Literal["auto", "deepseek-ocr", "deepseek-ocr-2"] = "auto"
    """Whose prompts, tiles and token counts hold. `auto` goes by the model's name."""
    find: str = ""
    """What the task `locate` looks for, such as a heading or a phrase."""
    max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Most tokens of an answer, as far as `max_model_len` leaves room beside the prompt."""
    ngram_size: Annotated[int, Field(ge=2)] = 30
    """Tokens of a sequence that may not come twice within `ngram_window`."""
    ngram_window: Annotated[int, Field(ge=2)] = 90
    """Tokens that are searched for a repeated sequence, counted from the end."""
    max_model_len: Annotated[int, Field(ge=1024)] = 8192
    """Tokens of prompt and answer together."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Number format of the weights. `auto` takes the model's own."""
    quantization: str = ""
    """Quantization of the weights by vLLM's name for it, such as fp8. Empty: none."""
    load_format: Literal["auto", "safetensors", "dummy", "random"] = "auto"
    """Where weights come from. `dummy` and `random` make some, for measurements only. vLLM's own,
    `dummy`, are so small that all pages get one answer and all tokens the same experts; `random`
    ones are as wide as those of a trained model."""
    num_gpus: Annotated[float, Field(ge=0)] = 1.0
    """GPUs that Ray reserves for one engine; a fraction shares a GPU. Must be at least
    `tensor_parallel` times `pipeline_parallel` where those are more than 1. 0: none (CPU)."""
    tensor_parallel: Annotated[int, Field(ge=1)] = 1
    """GPUs that each layer is spread over."""
    pipeline_parallel: Annotated[int, Field(ge=1)] = 1
    """GPUs that the layers are dealt out to."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Part of the GPU's memory that one engine may take, 0 to 1. Lower it with `num_gpus`."""
    max_num_seqs: Annotated[int, Field(ge=0)] = 0
    """Pages that are decoded at a time. 0 means as many as the GPU's memory holds, up to 512."""
    max_num_batched_tokens: Annotated[int, Field(ge=1024)] = 16384
    """Tokens of one step. vLLM's own default of 2048 for servers holds two pages."""
    prepare_threads: Annotated[int, Field(ge=1)] = 8
    """Threads that turn pages into model input beside the engine's event loop."""
    enforce_eager: bool = False
    """Run without compilation and CUDA graphs: starts sooner, runs slower."""
    cache_dir: str = ""
    """Folder for compiled code, kept between runs. Empty: vLLM's own, under the home folder."""
    max_restarts: Annotated[int, Field(ge=0)] = 4
    """Times that a dead engine is started again before the job stops. 256 pages in a row
    without a death start the count anew."""
    ignore_eos: bool = False
    """Write on to `max_tokens`. For measurements only."""
    profile_images: bool = True
    """Run the largest image once at start to size the memory. Off saves seconds on a CPU."""
    plugin: Literal["auto", "off"] = "auto"
    """What makes vLLM faster for this model (`pipeline.vllm_plugin`), as far as the installed
    vLLM and the model allow. `off` runs vLLM as it is, with the n-gram rule in Python."""
    plugin_ngram: bool = True
    """Part of the plugin: the n-gram rule on the GPU."""
    plugin_encoder: bool = True
    """Part of the plugin: pictures as bytes, encoded together, without waits for the GPU."""
    plugin_graphs: bool = True
    """Part of the plugin: CUDA graphs for the encoder. Needs `plugin_encoder`."""
    plugin_compiled: bool = True
    """Part of the plugin: the encoder compiled. Needs `plugin_encoder`."""
    plugin_steps: bool = True
    """Part of the plugin: less Python in each step of scheduler and model runner."""
    kv_cache_dtype: Literal["auto", "fp8"] = "auto"
    """Number format of keys and values. `fp8` halves their memory and what each step reads, and
    may change what is read: no accuracy was measured with it."""


class ChatConfig(Settings):
    """The chat model on vLLM (needs the extra `gpu`)."""

    kind: Literal["vllm", "fake"] = "vllm"
    """`fake` answers without a model, to rehearse and to measure everything around it."""
    fake_ms_per_word: Annotated[float, Field(ge=0)] = 0.0
    """Milliseconds that each word of the fake takes."""
    model: str = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    """Model name on the hub, or a local folder."""
    revision: str = ""
    """Commit of the model on the hub. Empty: the one that this release was written for."""
    name: str = "deepseek-r1"
    """The model's name in requests and answers."""
    reasoning_parser: str = "deepseek_r1"
    """vLLM's parser that parts the reasoning from the answer. Empty: none."""
    max_model_len: Annotated[int, Field(ge=256)] = 16384
    """Tokens of a conversation and its answer together."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Number format of the weights. `auto` takes the model's own."""
    load_format: Literal["auto", "safetensors", "dummy"] = "auto"
    """Where weights come from. `dummy` makes random ones: for measurements only."""
    num_gpus: Annotated[float, Field(ge=0)] = 1.0
    """GPUs that Ray reserves for one replica; a fraction shares a GPU. 0: none (CPU)."""
    tensor_parallel: Annotated[int, Field(ge=1)] = 1
    """GPUs that each layer is spread over."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Part of the GPU's memory that one replica may take, 0 to 1."""
    max_num_seqs: Annotated[int, Field(ge=1)] = 128
    """Conversations that are decoded at a time."""
    enforce_eager: bool = False
    """Run without compilation and CUDA graphs: starts sooner, runs slower."""
    cache_dir: str = ""
    """Folder for compiled code, kept between runs. Empty: vLLM's own, under the home folder."""


class FakeConfig(Settings):
    """The engine for tests and measurements: answers without a model."""

    handler: str = "echo"
    """What it does with a page: echo, truncates, repeats, crashes, slow, loops_far,
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
    """Which engine reads the pages."""

    kind: Literal["auto", "onnx", "vllm", "fake"] = "auto"
    """`auto` takes vllm where a GPU and the extra are present, else onnx, and says which."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Engine actors to start with. 0 means as many as the cluster has room for now."""
    max_workers: Annotated[int, Field(ge=0)] = 0
    """Most engine actors. More than `workers` lets Ray add some while pages wait, with new nodes
    where the cluster scales. 0 means no more than it starts with."""
    pages_in_flight: Annotated[int, Field(ge=0)] = 0
    """Pages that one engine works on at a time. 0 means what suits the engine: one for onnx,
    as many as the GPU decodes at a time for vllm, and some in waiting."""
    onnx: OnnxConfig = OnnxConfig()
    vllm: VllmConfig = VllmConfig()
    fake: FakeConfig = FakeConfig()


class LadderConfig(Settings):
    """What is tried when an answer is cut off, repeats itself, or is empty where there is ink.

    Each rung is tried once at most, and only where it can help; the best answer is kept.
    """

    on: bool = True
    """Whether anything is tried after the first answer."""
    rungs: tuple[str, ...] = RUNGS
    """What is tried, in this order. Rungs that the engine does not have are left out."""
    max_attempts: Annotated[int, Field(ge=1)] = 6
    """Most tries of one page, the first included."""
    max_tokens: Annotated[int, Field(ge=1)] = 24_576
    """Tokens of a page's answers after which the model is not asked again for it."""
    rung_tokens: Annotated[int, Field(ge=1)] = 8192
    """Most tokens of an answer after the first."""
    ngram_window: Annotated[int, Field(ge=2)] = 1024
    """Tokens that rung `wider_ngram` searches for a repeated sequence."""
    cells_repeat: bool = False
    """Whether table cells may repeat without end on rung `wider_ngram` too."""
    max_repetition: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Repetition of an answer, 0 to 1, over which it has looped."""
    least_ink_ppm: Annotated[float, Field(ge=0, le=1_000_000)] = 2000.0
    """Ink over which a page cannot be empty, parts per million of its area; a line of text."""

    @field_validator("rungs")
    @classmethod
    def _each_once(cls, rungs: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(rungs)) != len(rungs) or not set(rungs) <= set(RUNGS):
            raise ValueError(f"name each of these once at most: {', '.join(RUNGS)}")
        return rungs


class StageConfig(Settings):
    """Resources of the stages beside the engine."""

    render_workers: Annotated[int, Field(ge=0)] = 0
    """Most render actors. 0 means one for every two CPUs of the cluster, at least one."""
    render_cpus: Annotated[float, Field(gt=0)] = 0.35
    """CPUs that Ray reserves for a render actor."""
    prepare_cpus: Annotated[float, Field(gt=0)] = 0.15
    """CPUs that Ray reserves for a prepare task."""
    plan_cpus: Annotated[float, Field(gt=0)] = 0.25
    """CPUs that Ray reserves for a plan actor."""
    write_cpus: Annotated[float, Field(gt=0)] = 0.1
    """CPUs that Ray reserves for a task that reads the plan or writes a shard."""
    max_lone_deaths: Annotated[int, Field(ge=1)] = 2
    """Times that a worker's process may die while one page (or document) is alone on it. Then the
    page gets an error row: it would take every worker with it."""
    stall_s: Annotated[float, Field(gt=0)] = 1800.0
    """Seconds in which no page moves from stage to stage after which the pages that are left are
    started afresh, on the machines that are there then. More than an engine takes to start."""
    pages_per_task: Annotated[int, Field(ge=1)] = 8
    """Most pages that go from stage to stage together; fewer where a job is small."""
    buffer_mib: Annotated[int, Field(ge=0)] = 0
    """Memory for pages on their way between stages, MiB, over the whole cluster. 0 means room for
    twice the pages that the engines work on, at 8 MiB each, and 1024 at least."""


class OutputConfig(Settings):
    """The shape of the Parquet dataset."""

    pages_per_file: Annotated[int, Field(ge=1)] = 4096
    """Rows of one Parquet file."""
    pages_per_row_group: Annotated[int, Field(ge=1)] = 1024
    """Rows of one Parquet row group."""
    flush_s: Annotated[float, Field(gt=0)] = 120.0
    """Seconds after which a file is written even if it is not full: what a crash can cost."""
    compression_level: Annotated[int, Field(ge=1, le=22)] = 3
    """zstd level."""


class LockConfig(Settings):
    """The lock that keeps two jobs from writing to one output."""

    beat_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two signs of life."""
    stale_s: Annotated[float, Field(gt=0)] = 90.0
    """Seconds without one after which a job on another machine counts as dead."""


class RayConfig(Settings):
    """Where the job runs."""

    address: str = ""
    """Address of a running Ray cluster. Empty: the cluster that `ray job submit` chose, else a
    Ray of the job's own that ends with it."""
    cpus: Annotated[int, Field(ge=0)] = 0
    """CPUs for a Ray of the job's own. 0 means all cores."""
    temp_dir: str = ""
    """Folder for the logs and sockets of a Ray of the job's own. Empty: a temporary one."""


class ProgressConfig(Settings):
    """What is shown while the job runs."""

    interval_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two lines where there is no terminal."""


class Recipe(Settings):
    """All that can change the text of a page. Its hash is part of a page's identity."""

    engine: EngineKind
    model: str
    revision: str
    task: Task
    render: RenderConfig
    text_layer: TextLayerMode = "auto"
    route: RouteConfig = RouteConfig()
    onnx: OnnxConfig | None = None
    vllm: VllmConfig | None = None
    fake: FakeConfig | None = None
    ladder: LadderConfig = LadderConfig()
    second: str = ""
    """Release of the second engine (with its settings in `onnx`), empty where there is none."""
    version: str = __version__

    def hash(self) -> str:
        """16 hex digits over every field but those that change no text, such as `threads`."""
        unread = {"onnx": {"threads"}, "vllm": set(VllmConfig.UNREAD), "fake": {"delay_ms"}}
        fields = self.model_dump(mode="json", exclude=unread)
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class OcrOptions(Settings):
    """What the OCR job's flags can set: everything but its inputs."""

    output: Annotated[str, Field(min_length=1)]
    """Folder for the result, also on a store: s3://BUCKET/FOLDER."""
    pages: str = ""
    """Pages of every document, such as 1-3,7. Empty: all."""
    max_pages: Annotated[int, Field(ge=0)] = 0
    """Most pages of every document, the first of those that `--pages` wants. 0: all."""
    attachments: bool = False
    """Recognise the documents embedded in PDFs too. Those embedded in these are not followed."""
    password: Annotated[str, Field(repr=False)] = ""
    """Password for encrypted PDFs."""
    password_file: str = ""
    """File with passwords for encrypted PDFs, one a line, tried in turn."""
    passwords: str = ""
    """CSV with the columns uri and password: which password opens which document. A uri may be a
    pattern such as `*/2024/*.pdf`; its own passwords are tried before the others."""
    task: TaskName = "markdown"
    """What the model is asked for."""
    text_layer: TextLayerMode = "auto"
    """Which pages take their text from the PDF's own text layer instead of the engine: those
    whose layer can be trusted (auto), none (never), all that have one (always), or all, and a
    page without one fails (only)."""
    self_test: bool = True
    """Test the engine with a page of its own before the first page (vllm only)."""
    dry_run: bool = False
    """Plan and print, recognise nothing."""
    retry: Literal["none", "failed"] = "none"
    """Which pages that have a row already are done again: none, or those that failed."""
    overwrite: bool = False
    """Delete what the output holds, after a question, and start from nothing."""
    yes: bool = False
    """Answer that question with yes."""
    input: InputConfig = InputConfig()
    store: StoreConfig = StoreConfig()
    read: ReadConfig = ReadConfig()
    render: RenderConfig = RenderConfig()
    route: RouteConfig = RouteConfig()
    engine: EngineConfig = EngineConfig()
    ladder: LadderConfig = LadderConfig()
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
