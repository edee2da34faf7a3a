"""Settings of the online service.

The sections `input`, `read`, `render`, `route`, `engine`, `ladder` and `quality` are the batch
job's models (`pipeline.config`), so one recipe holds for both. Settings that Ray Serve has too have
its names.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config import (
    COMMON,
    EngineConfig,
    InputConfig,
    LadderConfig,
    LockConfig,
    QualityConfig,
    RayConfig,
    ReadConfig,
    RenderConfig,
    RouteConfig,
    Settings,
    StoreConfig,
    StructureMode,
    TaskName,
    TextLayerMode,
)
from pipeline.storage import uris

ModelKind = Literal["ocr", "chat"]


class ChatConfig(Settings):
    """The chat model on vLLM (needs the extra `gpu`)."""

    RENAMED: ClassVar[dict[str, str]] = {"tensor_parallel": "tensor_parallel_size"}

    kind: Literal["vllm", "fake"] = "vllm"
    """`fake` answers without a model, for tests and for measuring the service around the model."""
    fake_ms_per_word: Annotated[float, Field(ge=0)] = 0.0
    """Milliseconds that `fake` takes for each word."""
    model: str = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    """Model name on the hub, or a local folder."""
    revision: str = ""
    """Commit of the model on the hub. Empty: the one that this release was tested with."""
    name: str = "deepseek-r1"
    """The model's name in requests and answers."""
    reasoning_parser: str = "deepseek_r1"
    """vLLM's parser that separates the reasoning from the answer. Empty: none."""
    max_model_len: Annotated[int, Field(ge=256)] = 16384
    """Maximum tokens of a conversation and its answer together."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Number format of the weights. `auto` takes the model's own."""
    load_format: Literal["auto", "safetensors", "dummy"] = "auto"
    """Where weights come from. `dummy` makes random ones: for measurements only."""
    num_gpus: Annotated[float, Field(ge=0)] = 1.0
    """GPUs that Ray reserves for one replica; a fraction shares a GPU. 0: none (CPU)."""
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    """GPUs that each layer is split over."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the GPU's memory that one replica may take, 0 to 1."""
    max_num_seqs: Annotated[int, Field(ge=1)] = 128
    """Maximum conversations that are decoded at a time."""
    enforce_eager: bool = False
    """Run without compilation and CUDA graphs: starts sooner, runs slower."""
    cache_dir: str = ""
    """Folder for code that vLLM, Inductor and Triton compile, kept between runs: it shortens the
    start. Empty: their own folders, which a pod loses when it ends."""


class HttpConfig(Settings):
    """Where the service listens."""

    host: Annotated[str, COMMON] = "127.0.0.1"
    """Address. Anything but loopback needs API keys, or `auth.disabled`."""
    port: Annotated[int, Field(ge=1, le=65535), COMMON] = 8000
    """Port."""
    proxy: Literal["serve", "haproxy"] = "serve"
    """What accepts connections in front of the ingress: Serve's proxy in Python, or HAProxy (Linux
    only), which needs a fifth of its CPU time. Used only where this command starts Ray itself; a
    running cluster decides by RAY_SERVE_ENABLE_HA_PROXY in its environment."""
    cors_origins: tuple[str, ...] = ()
    """Web origins whose pages may call the service, such as https://app.example. Empty: none."""


class MetricsConfig(Settings):
    """Metrics for Prometheus, of the Ray that this command starts."""

    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """Port on loopback. 0: no metrics. A running cluster has its own port, that of
    `ray start --metrics-export-port`."""


class AuthConfig(Settings):
    """Who may call."""

    keys_file: Annotated[str, COMMON] = ""
    """File with one `name:key` a line. Keys are also taken from RAYSCRIBE_API_KEYS, in the same
    form, separated by commas or line ends."""
    disabled: bool = False
    """Where there are no keys, answer callers on other machines too. Without keys and without
    this, only callers on this machine are answered."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """Maximum requests of one key in a minute, on one ingress replica. 0: no limit."""
    concurrent_requests: Annotated[int, Field(ge=0)] = 0
    """Maximum concurrent requests of one key, on one ingress replica. 0: no limit."""


class LimitConfig(Settings):
    """What one request may ask for. Pixels are limited by `render`."""

    body_mib: Annotated[float, Field(gt=0)] = 64.0
    """Maximum size of a request body, MiB (413)."""
    upload_mib: Annotated[float, Field(gt=0)] = 256.0
    """Maximum size of the body that makes a job or a file, MiB (413)."""
    upload_s: Annotated[float, Field(gt=0)] = 120.0
    """Seconds in which a body must arrive (408)."""
    images: Annotated[int, Field(ge=1)] = 16
    """Maximum images and documents in one request (413)."""
    pages: Annotated[int, Field(ge=1)] = 100
    """Maximum pages in one request (413). Make a job of a longer document."""
    prompt_chars: Annotated[int, Field(ge=1)] = 200_000
    """Maximum characters of all messages together (413)."""
    request_s: Annotated[float, Field(gt=0)] = 600.0
    """Seconds in which a request must be answered in full (504)."""
    cold_wait_s: Annotated[float, Field(gt=0)] = 600.0
    """Maximum seconds that a request waits for a model's first replica (503)."""
    page_image_px: Annotated[int, Field(ge=0, le=4000)] = 1600
    """Longer side of a picture of a page that a request asks for, pixels. The pages are drawn for
    it. 0: such requests are refused, and the page at `/` has no pictures."""
    pages_in_flight: Annotated[int, Field(ge=1)] = 8
    """Maximum pages of one request that are read at a time."""


class PromptConfig(Settings):
    """What becomes of text in a request that is no task of the OCR model."""

    unknown: Literal["auto", "markdown", "refuse", "pass"] = "auto"
    """`markdown` reads the page as if there were no text, `refuse` answers 400, `pass` gives the
    text to the model as it is, which then reads the page itself, not its text layer. `auto`: `pass`
    for an engine that takes prompts (DeepSeek-OCR), `markdown` for the others."""
    max_chars: Annotated[int, Field(ge=1)] = 4000
    """Maximum characters of a text that is passed on (400)."""


class FetchConfig(Settings):
    """Documents named by URL instead of sent. Off unless hosts are listed."""

    hosts: tuple[str, ...] = ()
    """Host names that may be fetched from. Their IP addresses must be public."""
    allow_http: bool = False
    """Also fetch `http:` URLs."""
    max_mib: Annotated[float, Field(gt=0)] = 64.0
    """Maximum size of a document, MiB (413)."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds in which a document must arrive (504)."""
    max_redirects: Annotated[int, Field(ge=0)] = 3
    """Maximum redirects that are followed; each is checked like the first URL."""


class JobConfig(Settings):
    """Jobs for long documents, and OpenAI's files and batches. Off unless there is a folder."""

    folder: Annotated[str, COMMON] = ""
    """Folder or URI (s3://, gs://, az://) in which jobs, files and their results are kept; they
    survive a restart. Empty: no jobs and files (404)."""
    kept_s: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """Seconds for which a job is kept after its end, and a file after its upload."""
    max_jobs: Annotated[int, Field(ge=1)] = 100
    """Maximum jobs and batches of one key that are kept, finished or not (429)."""
    max_files: Annotated[int, Field(ge=1)] = 500
    """Maximum files of one key that are kept (429)."""
    max_mib: Annotated[float, Field(gt=0)] = 4096.0
    """Maximum size of all that is kept of one key, MiB (429). A job that grows over it fails. At
    its end a batch needs free space in the temporary folder of its ingress replica: the size of its
    answers; where `job.folder` is on a store twice that, and the size of its input file."""
    max_pages: Annotated[int, Field(ge=1)] = 10_000
    """Maximum pages of a job. A job of more fails."""
    max_lines: Annotated[int, Field(ge=1)] = 50_000
    """Maximum lines of a batch. A batch of more fails."""
    running: Annotated[int, Field(ge=1)] = 8
    """Maximum jobs and batches that one ingress replica works on at a time; the others wait."""
    pages_in_flight: Annotated[int, Field(ge=1)] = 4
    """Maximum pages of jobs and lines of batches that one ingress replica has read at a time. While
    pages of other requests wait it is one."""
    window_s: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """Seconds in which a batch must end. Lines that have no answer then get an error."""
    flush_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds after which what was read is written: a crash loses at most the work of that time."""
    poll_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds between two looks for jobs that no ingress replica works on."""
    answer_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds in which the store must answer a request that reads what is kept (503). One that
    makes something waits as long for its turn among those of its key."""
    model_wait_s: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """Seconds without a page after which a job fails whose model is busy or does not start."""
    source_tries: Annotated[int, Field(ge=1)] = 5
    """Maximum attempts to fetch a document while its store or host is busy or gives no answer. The
    pause before the second is a second, each further one twice as long. On a store each has
    `store.tries` of its own."""
    sources: tuple[str, ...] = ()
    """What a job may read a document from, besides the hosts in `fetch.hosts`: prefixes on object
    stores, such as s3://scans/inbox/. They are read with the credentials of the service. Empty:
    none."""
    webhook_hosts: tuple[str, ...] = ()
    """Host names that may be told, by https, that a job has ended. Their IP addresses must be
    public. Empty: none."""
    webhook_tries: Annotated[int, Field(ge=1)] = 5
    """Maximum attempts to tell a host. The pause before the second is a second, each further one
    twice as long."""
    webhooks_in_flight: Annotated[int, Field(ge=1)] = 16
    """Maximum jobs whose hosts one ingress replica tells at a time. They take no place among
    `job.running`."""
    webhook_secret_file: str = ""
    """File with the secret that messages to hosts are signed with, as Standard Webhooks and
    OpenAI's clients write it: whsec_ and 24 to 64 bytes in base64. Empty:
    RAYSCRIBE_WEBHOOK_SECRET in the environment of the Ray processes; without both they are not
    signed, and a warning in the log says so."""
    lock: LockConfig = LockConfig()

    @field_validator("sources")
    @classmethod
    def _are_prefixes(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            is_prefix = uris.is_store(source) and source.endswith("/") and source.count("/") > 2
            if not is_prefix:
                raise ValueError(f"{source}: write a prefix such as s3://bucket/folder/")
        return tuple(map(uris.normal, sources))


class ScaleConfig(Settings):
    """How many replicas of a model run, by the names of Ray Serve's options."""

    RENAMED: ClassVar[dict[str, str]] = {
        "look_back_s": "look_back_period_s",
        "drain_s": "graceful_shutdown_timeout_s",
    }

    min_replicas: Annotated[int, Field(ge=0)]
    """Replicas that always run. 0: the first request after an idle time waits for a start."""
    max_replicas: Annotated[int, Field(ge=1)]
    """Maximum replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)]
    """Average requests (for OCR: pages) per replica that the autoscaler aims at."""
    max_ongoing_requests: Annotated[int, Field(ge=0)] = 0
    """Maximum requests (for OCR: pages) that one replica works on; more wait. 0: as many as suit
    the engine."""
    max_queued_requests: Annotated[int, Field(ge=1)] = 256
    """Maximum requests (for OCR: pages) that wait for a replica; more get a 429."""
    upscale_delay_s: Annotated[float, Field(ge=0)] = 30.0
    """Seconds of high load before replicas are added. The first replica is started at once."""
    downscale_delay_s: Annotated[float, Field(ge=0)] = 300.0
    """Seconds of low load before replicas are removed."""
    look_back_period_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds over which the load is averaged."""
    graceful_shutdown_timeout_s: Annotated[float, Field(ge=0)] = 600.0
    """Seconds that a replica has to finish its requests before it is stopped."""
    num_cpus: Annotated[float, Field(ge=0)] = 1.0
    """CPUs that Ray reserves for a replica."""
    num_gpus: Annotated[float, Field(ge=0)] | None = None
    """GPUs that Ray reserves for a replica. Empty: what the model's own section says."""

    @model_validator(mode="after")
    def _in_order(self) -> ScaleConfig:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas is more than max_replicas")
        if self.max_ongoing_requests and self.target_ongoing_requests > self.max_ongoing_requests:
            raise ValueError("target_ongoing_requests is more than max_ongoing_requests")
        return self


class OcrScaleConfig(ScaleConfig):
    """Replicas of the OCR model."""

    min_replicas: Annotated[int, Field(ge=0), COMMON] = 0
    """Replicas that always run. 0: the first request after an idle time waits for a start."""
    max_replicas: Annotated[int, Field(ge=1), COMMON] = 2
    """Maximum replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)] = 1.0
    """Average pages per replica that the autoscaler aims at."""


class ChatScaleConfig(ScaleConfig):
    """Replicas of the chat model."""

    min_replicas: Annotated[int, Field(ge=0), COMMON] = 1
    """Replicas that always run. 0: the first request after an idle time waits for a start."""
    max_replicas: Annotated[int, Field(ge=1), COMMON] = 4
    """Maximum replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)] = 32.0
    """Average requests per replica that the autoscaler aims at."""


class IngressConfig(Settings):
    """The deployment that answers HTTP. It needs no GPU and always runs."""

    RENAMED: ClassVar[dict[str, str]] = {"replicas": "num_replicas"}

    num_replicas: Annotated[int, Field(ge=1)] = 1
    """Ingress replicas."""
    num_cpus: Annotated[float, Field(ge=0)] = 0.0
    """CPUs that Ray reserves for an ingress replica."""
    on_head: bool = True
    """Run it on the head node, which stays while the workers are scaled to zero."""
    max_replicas_per_node: Annotated[int, Field(ge=0)] = 0
    """Maximum ingress replicas on one node; 0: no limit. With 1, the loss of a node leaves those of
    the others. Only without `on_head`."""
    stop_grace_s: Annotated[float, Field(ge=0)] = 60.0
    """Seconds that answers which have begun get to finish when the service stops. Those that are
    not finished then end with an error, and new requests get 503."""
    page: bool = True
    """Serve a page at `/` on which documents are read in a browser. It needs the OCR model."""
    readers: Annotated[int, Field(ge=1)] = 2
    """Processes of one ingress replica that open documents and render pages."""
    slow_read_s: Annotated[float, Field(gt=0)] = 1.0
    """Seconds after which a page is slow. Slow pages have all readers but one: while others wait,
    one that is over that is stopped, and read again when a slow page has ended. With a single
    reader nothing is stopped."""
    max_ongoing_requests: Annotated[int, Field(ge=1)] = 2000
    """Maximum concurrent requests of one ingress replica."""
    retries: Annotated[int, Field(ge=0)] = 2
    """Times that a page, or an answer that has not started, is sent to another replica after its
    replica died."""
    events_per_s: Annotated[float, Field(gt=0)] = 2000.0
    """Events per second over all streams of one chat replica. Above it, tokens that arrive between
    two events are sent in one; the first token of an answer is never delayed."""
    heartbeat_s: Annotated[float, Field(gt=0)] = 15.0
    """Seconds without an event after which a stream of events sends a comment, against idle
    timeouts of clients and proxies. A stream of lines sends one only where it is asked for."""


class OcrModelConfig(Settings):
    """How the OCR model appears in the API."""

    name: str = ""
    """Its name in requests. Empty: deepseek-ocr for vllm, pp-ocrv6 for onnx, else the engine's own.
    The model's full name on the hub is accepted too."""
    page_separator: str = "\n\n<!-- page {page} -->\n\n"
    """Text between two pages of a chat answer; {page} is the number of the second."""

    @field_validator("page_separator")
    @classmethod
    def _formats(cls, separator: str) -> str:
        try:
            separator.format(page=1)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"only {{page}} may stand in braces ({error!r})") from None
        return separator


class ScaleSection(Settings):
    """Replicas, model by model."""

    ocr: OcrScaleConfig = OcrScaleConfig()
    chat: ChatScaleConfig = ChatScaleConfig()


class ServeConfig(Settings):
    """Serve OCR and chat behind an OpenAI-compatible API."""

    REMOVED: ClassVar[dict[str, str]] = {
        "log": "log.text had no effect; the text of documents is never logged"
    }
    models: Annotated[tuple[ModelKind, ...], COMMON] = ("ocr",)
    """What is served: ocr, chat, or both."""
    task: TaskName = "markdown"
    """Task of the OCR model where a request names none."""
    text_layer: Annotated[TextLayerMode, COMMON] = "auto"
    """Which pages take their text from the PDF's own text layer instead of the model: those whose
    layer can be trusted (auto), none (never), all that have one (always), or all, and a page
    without one fails (only)."""
    structure: StructureMode = "auto"
    """How headings, lists, tables and figures are found for the task markdown, where no model
    writes it: not at all (plain); by PyMuPDF's layout model, about 150 ms of a CPU a page, and by
    fonts (layout); by the layout model on pages that onnx or tesseract reads and by fonts and drawn
    lines in text layers, about 1 ms a page (auto)."""
    self_test: bool = True
    """Test the engine with a generated page before the first page (vllm only)."""
    input: InputConfig = InputConfig()
    read: ReadConfig = ReadConfig()
    render: RenderConfig = RenderConfig()
    route: RouteConfig = RouteConfig()
    engine: EngineConfig = EngineConfig()
    ladder: LadderConfig = LadderConfig()
    quality: QualityConfig = QualityConfig()
    chat: ChatConfig = ChatConfig()
    ocr: OcrModelConfig = OcrModelConfig()
    scale: ScaleSection = ScaleSection()
    ingress: IngressConfig = IngressConfig()
    http: HttpConfig = HttpConfig()
    metrics: MetricsConfig = MetricsConfig()
    auth: AuthConfig = AuthConfig()
    limits: LimitConfig = LimitConfig()
    prompts: PromptConfig = PromptConfig()
    fetch: FetchConfig = FetchConfig()
    job: JobConfig = JobConfig()
    store: StoreConfig = StoreConfig()
    ray: RayConfig = RayConfig()

    @field_validator("models")
    @classmethod
    def _some_model(cls, models: tuple[ModelKind, ...]) -> tuple[ModelKind, ...]:
        if not models or len(set(models)) != len(models):
            raise ValueError("name ocr, chat or both, each once")
        return models

    @model_validator(mode="after")
    def _has_locks(self) -> ServeConfig:
        if self.ingress.num_replicas > 1 and uris.scheme(self.job.folder) in ("gs", "az"):
            raise ValueError(
                "job.folder on gs:// or az:// has no locks: set ingress.num_replicas to 1, or"
                " take s3:// or a shared folder"
            )
        return self
