"""Settings of the online service: the batch's own models, and what only a server has.

The sections `engine`, `ladder`, `render`, `read`, `task` and `chat` are those of
`pipeline.config`, so one recipe serves both doors.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config import (
    COMMON,
    ChatConfig,
    EngineConfig,
    InputConfig,
    LadderConfig,
    RayConfig,
    ReadConfig,
    RenderConfig,
    RouteConfig,
    Settings,
    TaskName,
    TextLayerMode,
)

ModelKind = Literal["ocr", "chat"]


class HttpConfig(Settings):
    """Where the service listens."""

    host: Annotated[str, COMMON] = "127.0.0.1"
    """Address. Anything but loopback needs API keys, or `auth.disabled`."""
    port: Annotated[int, Field(ge=1, le=65535), COMMON] = 8000
    """Port."""
    proxy: Literal["serve", "haproxy"] = "serve"
    """What takes connections and passes them to the ingress, where this starts a Ray of its own:
    Serve's proxy in Python, or HAProxy (Linux only), which costs a fifth of it. HAProxy's pages of
    statistics and metrics listen on all addresses. A running cluster has its own, by
    RAY_SERVE_ENABLE_HA_PROXY in its environment."""
    cors_origins: tuple[str, ...] = ()
    """Web origins whose pages may call the service, such as https://app.example. Empty: none."""


class AuthConfig(Settings):
    """Who may call."""

    keys_file: Annotated[str, COMMON] = ""
    """File with one `name:key` a line. Keys are also taken from RAYSCRIBE_API_KEYS, in the same
    form, separated by commas or line ends."""
    disabled: bool = False
    """Answer everybody where there are no keys, also from other machines. Without keys and
    without this, only callers on this machine are answered."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests that one key may make in a minute, on one ingress replica. 0: any number."""
    concurrent_requests: Annotated[int, Field(ge=0)] = 0
    """Requests of one key that are answered at a time, on one ingress replica. 0: any number."""


class LimitConfig(Settings):
    """What one request may ask for. Pixels are limited by `render`."""

    body_mib: Annotated[float, Field(gt=0)] = 64.0
    """Largest request body, MiB (413)."""
    upload_s: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that a body may take to arrive (408)."""
    images: Annotated[int, Field(ge=1)] = 16
    """Images and documents in one request (413)."""
    pages: Annotated[int, Field(ge=1)] = 100
    """Pages in one request (413). More are work for the batch job."""
    prompt_chars: Annotated[int, Field(ge=1)] = 200_000
    """Characters of all messages together (413)."""
    request_s: Annotated[float, Field(gt=0)] = 600.0
    """Seconds until a request is answered in full (504)."""
    cold_wait_s: Annotated[float, Field(gt=0)] = 600.0
    """Seconds that a request waits for a model's first replica (503)."""
    pages_in_flight: Annotated[int, Field(ge=1)] = 8
    """Pages of one request that are recognised at a time."""


class FetchConfig(Settings):
    """Documents named by URL instead of sent. Off unless hosts are listed."""

    hosts: tuple[str, ...] = ()
    """Host names that may be fetched from. Their addresses must be public ones."""
    allow_http: bool = False
    """Also fetch without TLS."""
    max_mib: Annotated[float, Field(gt=0)] = 64.0
    """Largest document, MiB (413)."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds for one document (504)."""
    max_redirects: Annotated[int, Field(ge=0)] = 3
    """Redirects that are followed; each is checked like the first address."""


class ScaleConfig(Settings):
    """How many replicas of a model run, and when some are added or ended."""

    min_replicas: Annotated[int, Field(ge=0)]
    """Replicas that always run. 0: the first request after a pause waits for a start."""
    max_replicas: Annotated[int, Field(ge=1)]
    """Most replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)]
    """Requests (for OCR: pages) per replica that the number of replicas is made for."""
    max_ongoing_requests: Annotated[int, Field(ge=0)] = 0
    """Requests (for OCR: pages) that one replica takes at a time; more wait. 0: what suits the
    engine."""
    max_queued_requests: Annotated[int, Field(ge=1)] = 256
    """Requests (for OCR: pages) that may wait for a replica; more get a 429."""
    upscale_delay_s: Annotated[float, Field(ge=0)] = 30.0
    """Seconds that the load must last before replicas are added. From none to one it is 0."""
    downscale_delay_s: Annotated[float, Field(ge=0)] = 300.0
    """Seconds that the load must be gone before replicas are ended."""
    look_back_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds over which the load is averaged."""
    drain_s: Annotated[float, Field(ge=0)] = 600.0
    """Seconds that a replica which is to end has for what it is answering."""
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
    """Replicas that always run. 0: the first request after a pause waits for a start."""
    max_replicas: Annotated[int, Field(ge=1), COMMON] = 2
    """Maximum replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)] = 1.0
    """Pages per replica that the number of replicas is made for."""


class ChatScaleConfig(ScaleConfig):
    """Replicas of the chat model."""

    min_replicas: Annotated[int, Field(ge=0), COMMON] = 1
    """Replicas that always run. 0: the first request after a pause waits for a start."""
    max_replicas: Annotated[int, Field(ge=1), COMMON] = 4
    """Maximum replicas."""
    target_ongoing_requests: Annotated[float, Field(gt=0)] = 32.0
    """Requests per replica that the number of replicas is made for."""


class IngressConfig(Settings):
    """The part that answers HTTP. It needs no GPU and always runs."""

    replicas: Annotated[int, Field(ge=1)] = 1
    """Ingress replicas."""
    num_cpus: Annotated[float, Field(ge=0)] = 0.0
    """CPUs that Ray reserves for one."""
    on_head: bool = True
    """Keep it on the head node, which is there while all workers are scaled away."""
    readers: Annotated[int, Field(ge=1)] = 2
    """Processes of one ingress replica that open documents and draw pages."""
    max_ongoing_requests: Annotated[int, Field(ge=1)] = 2000
    """Requests that one ingress replica holds at a time."""
    retries: Annotated[int, Field(ge=0)] = 2
    """Times that a page or an unstarted answer goes to another replica when its own dies."""
    events_per_s: Annotated[float, Field(gt=0)] = 2000.0
    """Pieces that the streams of one chat replica send in a second, all together. Under load
    tokens that come meanwhile are sent together; the first of an answer never waits."""
    heartbeat_s: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of silence in a stream after which a comment is sent, so that nobody hangs up."""


class OcrModelConfig(Settings):
    """How the OCR model appears in the interface."""

    name: str = ""
    """Its name in requests. Empty: deepseek-ocr for vllm, pp-ocrv6 for onnx, fake for fake. The
    model's full name on the hub is understood as well."""
    page_separator: str = "\n\n<!-- page {page} -->\n\n"
    """Stands between pages in a chat answer; {page} is the number of the page that follows."""

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
    """Serve OCR and chat behind an OpenAI-compatible interface."""

    REMOVED: ClassVar[dict[str, str]] = {
        "log": "log.text had no effect; the text of documents is never logged"
    }
    models: Annotated[tuple[ModelKind, ...], COMMON] = ("ocr",)
    """What is served: ocr, chat, or both."""
    task: TaskName = "markdown"
    """What the OCR model is asked for where a request does not say."""
    text_layer: Annotated[TextLayerMode, COMMON] = "auto"
    """Which pages take their text from the PDF's own text layer instead of the model: those whose
    layer can be trusted (auto), none (never), all that have one (always), or all, and a page
    without one fails (only)."""
    self_test: bool = True
    """Test the engine with a page of its own before the first page (vllm only)."""
    input: InputConfig = InputConfig()
    read: ReadConfig = ReadConfig()
    render: RenderConfig = RenderConfig()
    route: RouteConfig = RouteConfig()
    engine: EngineConfig = EngineConfig()
    ladder: LadderConfig = LadderConfig()
    chat: ChatConfig = ChatConfig()
    ocr: OcrModelConfig = OcrModelConfig()
    scale: ScaleSection = ScaleSection()
    ingress: IngressConfig = IngressConfig()
    http: HttpConfig = HttpConfig()
    auth: AuthConfig = AuthConfig()
    limits: LimitConfig = LimitConfig()
    fetch: FetchConfig = FetchConfig()
    ray: RayConfig = RayConfig()

    @field_validator("models")
    @classmethod
    def _some_model(cls, models: tuple[ModelKind, ...]) -> tuple[ModelKind, ...]:
        if not models or len(set(models)) != len(models):
            raise ValueError("name ocr, chat or both, each once")
        return models
