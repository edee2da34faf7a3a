"""What is kept of jobs, files and batches. The API's answers are in `serving.jobs.responses`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.page_range import PageSelection

STATE: Final = "state.json"
DOCUMENT: Final = "document"
SOURCE: Final = "source"
PASSWORD: Final = "password"  # noqa: S105 - the name of a file
CONTENT: Final = "content"
CANCEL: Final = "cancel"


class Kept(BaseModel):
    """The base of all that is written to the store."""

    model_config = ConfigDict(frozen=True)


class JobStatus(StrEnum):
    """What becomes of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is done."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


class Problem(Kept):
    """Why a job failed.

    Attributes:
        code: What is wrong, as a word for programs.
        message: What is wrong.
    """

    code: str
    message: str


class Telling(StrEnum):
    """What becomes of the message to `JobRecord.webhook_url`."""

    PENDING = "pending"
    TOLD = "told"
    GIVEN_UP = "given_up"


class JobRecord(Kept):
    """A job as it was requested.

    The document, or its URI, and the password are files of their own, which are removed at its end.

    Attributes:
        model: The model's name in the request.
        filename: Name of the document, "" where it has none. It stands in the column `uri`.
        ranges: The pages that are wanted, as in `PageSelection`.
        task: The task, "" where none is named.
        prompt: The task in words.
        recipe_hash: Identity of the recipe when the job was made. Its rows are identified by it, so
            that a service with another recipe goes on and does not begin anew.
        webhook_url: Who is told of the end, "" for nobody.
    """

    model: str = ""
    filename: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    task: str = ""
    prompt: str = ""
    recipe_hash: str = ""
    webhook_url: str = ""

    @property
    def pages(self) -> PageSelection:
        """The pages that are wanted."""
        return PageSelection(self.ranges)


class JobState(Kept):
    """How far a job is. Times are Unix time in seconds.

    Attributes:
        status: What becomes of it.
        started_at: When it was begun, 0 where it was not.
        ended_at: When it ended, 0 where it has not.
        media_type: What the document is, "" where it was not opened.
        page_count: Pages of the document.
        total: Pages that are wanted.
        done: Pages among them that have a row.
        failed: Pages among these that could not be read.
        pages_per_s: Since this or another process went on with it; 0 where it is not known.
        waited_s: Seconds since the last page while the model was asked again and again.
        problem: Why it failed.
        webhook: What becomes of the message about its end, None where there is none.
    """

    status: JobStatus = JobStatus.QUEUED
    started_at: float = 0.0
    ended_at: float = 0.0
    media_type: str = ""
    page_count: int = 0
    total: int = 0
    done: int = 0
    failed: int = 0
    pages_per_s: float = 0.0
    waited_s: float = 0.0
    problem: Problem | None = None
    webhook: Telling | None = None


class FileRecord(Kept):
    """A file.

    Attributes:
        filename: Its name.
        purpose: OpenAI's `batch` or `batch_output`.
        size_bytes: Its size.
    """

    filename: str
    purpose: str
    size_bytes: int


class BatchRecord(Kept):
    """A batch as it was requested.

    Attributes:
        input_file_id: The file with its lines.
        endpoint: What answers them.
        completion_window: As the request names it.
        metadata: The caller's.
        expires_at: When it must have ended, Unix time in seconds.
    """

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    expires_at: float


class LineProblem(Kept):
    """What is wrong with a line of a batch.

    Attributes:
        code: What is wrong, as a word for programs.
        message: What is wrong.
        param: The field, None where it is none.
        line: Number of the line, from 1; None where it is none.
    """

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class BatchStatus(StrEnum):
    """What becomes of a batch, by OpenAI's names."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is done."""
        return self in _ENDED


_ENDED: Final = frozenset(
    {BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}
)


class BatchState(Kept):
    """How far a batch is. Times are Unix time in seconds, 0 where something has not happened.

    Attributes:
        status: What becomes of it.
        at: When each status was reached, by its name.
        total: Lines.
        completed: Lines that were answered.
        failed: Lines whose answer is an error.
        output_file_id: The file with the answers, "" where there is none.
        error_file_id: The file with the errors, "" where there is none.
        problems: Why no line was answered.
    """

    status: BatchStatus = BatchStatus.VALIDATING
    at: dict[str, float] = Field(default_factory=dict)
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file_id: str = ""
    error_file_id: str = ""
    problems: tuple[LineProblem, ...] = ()

    def reached(self, status: BatchStatus, now: float, **more: Any) -> BatchState:
        """The state when a status is reached.

        Args:
            status: The status.
            now: Unix time in seconds.
            more: Other fields that change.
        """
        at = {status.value: now} | self.at  # the first time counts, where a restart repeats it
        return self.model_copy(update={"status": status, "at": at, **more})
