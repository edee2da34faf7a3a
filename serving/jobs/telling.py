"""Tells the hosts of jobs that these have ended. It is work of its own, after a job's end."""

from __future__ import annotations

from pipeline.storage.paths import AnyPath
from serving.config import JobConfig
from serving.jobs import records, responses
from serving.jobs.folders import write_model
from serving.jobs.records import JobRecord, JobState, Telling
from serving.jobs.repeat import in_thread
from serving.jobs.store import Key
from serving.jobs.webhook import Webhook


async def tell(
    webhook: Webhook, config: JobConfig, folder: AnyPath, key: Key, job: tuple[JobRecord, JobState]
) -> None:
    """Tell a host, and write into the state whether it was told.

    Args:
        webhook: Sends messages.
        config: How long a job is kept.
        folder: Of the job.
        key: Its identity.
        job: What was requested, and how it ended.

    Raises:
        OSError: The state cannot be written; the host is told again.
    """
    record, state = job
    answer = responses.job(key, record, state, config.kept_s).model_dump(mode="json")
    message = {"type": f"ocr.job.{state.status}", "data": answer}
    is_told = await webhook.tell(record.webhook_url, key.id, message)
    told = {"webhook": Telling.TOLD if is_told else Telling.GIVEN_UP}
    await in_thread(write_model, folder / records.STATE, state.model_copy(update=told))


def give_up(folder: AnyPath, state: JobState) -> None:
    """Write into the state of a job that has ended that its host is told no more. Blocks.

    Raises:
        OSError: It cannot be written.
    """
    given_up = state.model_copy(update={"webhook": Telling.GIVEN_UP})
    write_model(folder / records.STATE, given_up)
