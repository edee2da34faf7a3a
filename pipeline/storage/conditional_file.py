"""A small file with compare-and-swap semantics: on a local file system, or on S3.

The base of `pipeline.job.lock`: the file is created only where there is none, and replaced only
if it is unchanged since it was read.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline.config import StoreConfig
from pipeline.storage import filesystems, uris
from pipeline.storage.paths import AnyPath, StorePath

_CLAIM_S: Final = 90.0
"""Seconds after which a claim left by a process that died while replacing is removed."""
_NO_SUCH: Final = ("NoSuchKey", "404", "NotFound")
_CHANGED: Final = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's state when it was read.

    Attributes:
        content: Its bytes.
        age_s: Seconds since it was last written or touched.
        tag: Identifies this version (an ETag on S3).
    """

    content: bytes
    age_s: float
    tag: str


class ConditionalFile(Protocol):
    """A file that may or may not exist, with conditional writes."""

    @property
    def name(self) -> str:
        """Its path or URI, for messages."""

    def read(self) -> FileState | None:
        """Read the file; None where it does not exist.

        Raises:
            OSError: It cannot be read.
        """

    def create(self, content: bytes) -> bool:
        """Create the file, with content that no other process writes; False where it exists.

        Raises:
            OSError: It cannot be written.
        """

    def replace(self, state: FileState, content: bytes) -> bool:
        """Overwrite the file; False where it has changed since `state` was read.

        Raises:
            OSError: It cannot be written.
        """

    def touch(self, state: FileState) -> None:
        """Reset `age_s` to 0, if the file is unchanged since `state` was read.

        Raises:
            OSError: It cannot be written.
        """

    def remove(self, state: FileState) -> None:
        """Delete the file, if it is unchanged since `state` was read.

        Raises:
            OSError: It cannot be deleted.
        """


def open_conditional(folder: AnyPath, name: str) -> ConditionalFile | None:
    """The conditional file of this name in a folder; None where the store has no such writes."""
    if isinstance(folder, Path):
        return LocalConditionalFile(folder / name)
    if uris.scheme(folder.uri) == "s3" and not folder.config.anonymous:
        return S3ConditionalFile(folder / name)
    return None


class LocalConditionalFile:
    """A local file, created by a hard link, which fails where the name exists."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()  # it is read by processes with other working folders, too
        self.name = str(path)

    def read(self) -> FileState | None:
        """Read it, see `ConditionalFile`."""
        try:
            age_s = time.time() - self._path.stat().st_mtime
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return FileState(content, age_s, hashlib.sha256(content).hexdigest()[:32])

    def create(self, content: bytes) -> bool:
        """Create it, see `ConditionalFile`."""
        temporary = self._temporary(content)
        try:
            os.link(temporary, self._path)  # atomic: no reader sees a partial file
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        return True

    def replace(self, state: FileState, content: bytes) -> bool:
        """Overwrite it, see `ConditionalFile`."""
        with self._claim(state) as is_ours:
            if not is_ours or not self._is_unchanged(state):
                return False
            self._temporary(content).replace(self._path)
        return True

    def touch(self, state: FileState) -> None:
        """Reset its age, see `ConditionalFile`."""
        if self._is_unchanged(state):
            os.utime(self._path)

    def remove(self, state: FileState) -> None:
        """Delete it, see `ConditionalFile`."""
        if self._is_unchanged(state):
            self._path.unlink()

    def _is_unchanged(self, state: FileState) -> bool:
        now = self.read()
        return now is not None and now.content == state.content

    def _temporary(self, content: bytes) -> Path:
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.tmp")
        try:
            temporary.write_bytes(content)
        except OSError:  # a full disk, on which a service tries again and again
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    @contextmanager
    def _claim(self, state: FileState) -> Iterator[bool]:
        """Claim the right to replace a version of the file; yields whether this process has it."""
        claim = self._path.with_name(f".{self._path.name}.{state.tag}.claim")
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - claim.stat().st_mtime > _CLAIM_S:
                    claim.unlink()  # its owner died
            yield False
            return
        try:
            yield True
        finally:
            claim.unlink(missing_ok=True)


class S3ConditionalFile:
    """An S3 object that is written with `If-None-Match` and `If-Match`.

    S3 has conditional writes since 2024, as have current releases of MinIO and Ceph. A store that
    silently ignores the headers would admit two jobs; each would find the other's lock when it
    next reads the file.
    """

    def __init__(self, path: StorePath) -> None:
        self._bucket, self._key = uris.bucket_and_key(path.uri)
        self._config: StoreConfig = path.config
        self.name = path.uri

    def read(self) -> FileState | None:
        """Read it, see `ConditionalFile`."""
        try:
            answer = self._request("get_object")
        except FileNotFoundError:
            return None
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        now = parsedate_to_datetime(headers["date"])  # the store's clock: the local one may differ
        age_s = (now - answer["LastModified"]).total_seconds()
        return FileState(answer["Body"].read(), max(0.0, age_s), answer["ETag"])

    def create(self, content: bytes) -> bool:
        """Create it, see `ConditionalFile`."""
        return self._condition_held(
            content, lambda: self._request("put_object", Body=content, IfNoneMatch="*")
        )

    def replace(self, state: FileState, content: bytes) -> bool:
        """Overwrite it, see `ConditionalFile`."""
        return self._condition_held(
            content, lambda: self._request("put_object", Body=content, IfMatch=state.tag)
        )

    def touch(self, state: FileState) -> None:
        """Reset its age, see `ConditionalFile`."""
        now = self._unchanged(state)
        if now is not None:
            # Different bytes change the ETag, so that nobody can replace the version read before.
            text = now.content.rstrip(b"\n")
            self.replace(now, text if text != now.content else text + b"\n")

    def remove(self, state: FileState) -> None:
        """Delete it, see `ConditionalFile`."""
        # Few stores have conditional DELETE: compare, then delete.
        if self._unchanged(state):
            self._request("delete_object")

    def _unchanged(self, state: FileState) -> FileState | None:
        now = self.read()
        is_unchanged = now is not None and now.content.rstrip(b"\n") == state.content.rstrip(b"\n")
        return now if is_unchanged else None

    def _condition_held(self, content: bytes, put: Callable[[], object]) -> bool:
        try:
            put()
        except FileNotFoundError:
            return False
        except FileExistsError:
            # The client tries again where an answer is lost: the object may be our own.
            now = self.read()
            return now is not None and now.content == content
        return True

    def _request(self, what: str, **more: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = filesystems.s3_client(self._config)
            return getattr(client, what)(Bucket=self._bucket, Key=self._key, **more)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _CHANGED:
                raise FileExistsError(self.name) from None
            if code in _NO_SUCH:
                raise FileNotFoundError(self.name) from None
            raise OSError(f"{self.name}: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"{self.name}: {error}") from error
