"""A small file that only one of many can make: on a local file system, or on S3.

Everything that `pipeline.job.lock` needs to be sure of is here: to make the file only where there
is none, and to put another in its place only if it is still the one that was looked at.
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
from pipeline.storage import filesystems, uri
from pipeline.storage.paths import Place, StorePath

_CLAIM_S: Final = 90.0
"""Seconds after which whoever was replacing a file is taken for dead."""
_NO_SUCH: Final = ("NoSuchKey", "404", "NotFound")
_CHANGED: Final = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


@dataclass(frozen=True, slots=True)
class Found:
    """The file as it was when it was looked at.

    Attributes:
        content: Its bytes.
        silent_s: Seconds since it was last written or touched.
        tag: Tells this state from others.
    """

    content: bytes
    silent_s: float
    tag: str


class Slot(Protocol):
    """A place for one such file."""

    @property
    def name(self) -> str:
        """Where it is, for messages."""

    def look(self) -> Found | None:
        """The file, None where there is none.

        Raises:
            OSError: It cannot be read.
        """

    def create(self, content: bytes) -> bool:
        """Make the file; False where there is one already.

        Raises:
            OSError: It cannot be written.
        """

    def replace(self, found: Found, content: bytes) -> bool:
        """Put other bytes into the file; False where it is not as it was found any more.

        Raises:
            OSError: It cannot be written.
        """

    def touch(self, found: Found) -> None:
        """Make `silent_s` 0, if the file still holds what was found.

        Raises:
            OSError: It cannot be written.
        """

    def remove(self, found: Found) -> None:
        """Delete the file, if it still holds what was found.

        Raises:
            OSError: It cannot be deleted.
        """


def slot(folder: Place, name: str) -> Slot | None:
    """The slot for a file in a folder; None where there can be none."""
    if isinstance(folder, Path):
        return FileSlot(folder / name)
    if uri.scheme(folder.place) == "s3" and not folder.config.anonymous:
        return S3Slot(folder / name)
    return None


class FileSlot:
    """A file that is made by a hard link, which fails where the name is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def look(self) -> Found | None:
        """The file, as `Slot` says."""
        try:
            silent_s = time.time() - self._path.stat().st_mtime
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return Found(content, silent_s, hashlib.sha256(content).hexdigest()[:32])

    def create(self, content: bytes) -> bool:
        """Make it, as `Slot` says."""
        hidden = self._hidden(content)
        try:
            os.link(hidden, self._path)  # and it is never seen half written
        except FileExistsError:
            return False
        finally:
            hidden.unlink()
        return True

    def replace(self, found: Found, content: bytes) -> bool:
        """Put other bytes into it, as `Slot` says."""
        with self._claim(found) as is_ours:
            if not is_ours or not self._is_same(found):
                return False
            self._hidden(content).replace(self._path)
        return True

    def touch(self, found: Found) -> None:
        """Show a sign of life, as `Slot` says."""
        if self._is_same(found):
            os.utime(self._path)

    def remove(self, found: Found) -> None:
        """Delete it, as `Slot` says."""
        if self._is_same(found):
            self._path.unlink()

    def _is_same(self, found: Found) -> bool:
        now = self.look()
        return now is not None and now.content == found.content

    def _hidden(self, content: bytes) -> Path:
        hidden = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.tmp")
        hidden.write_bytes(content)
        return hidden

    @contextmanager
    def _claim(self, found: Found) -> Iterator[bool]:
        """The right to replace one state of the file: of many who want it, one has it at a time."""
        claim = self._path.with_name(f".{self._path.name}.{found.tag}.claim")
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - claim.stat().st_mtime > _CLAIM_S:
                    claim.unlink()  # whoever had it died with it
            yield False
            return
        try:
            yield True
        finally:
            claim.unlink(missing_ok=True)


class S3Slot:
    """An object that is written on conditions (`If-None-Match`, `If-Match`).

    S3 has them since 2024, and so have the current releases of MinIO, Ceph and others. A store
    that does not know them and does not say so would let two jobs in; each would then find the
    other's lock at its next look.
    """

    def __init__(self, path: StorePath) -> None:
        self._bucket, self._key = uri.bucket_and_key(path.place)
        self._config: StoreConfig = path.config
        self.name = path.place

    def look(self) -> Found | None:
        """The file, as `Slot` says."""
        try:
            answer = self._ask("get_object")
        except FileNotFoundError:
            return None
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        now = parsedate_to_datetime(headers["date"])  # the store's clock, not ours
        silent_s = (now - answer["LastModified"]).total_seconds()
        return Found(answer["Body"].read(), max(0.0, silent_s), answer["ETag"])

    def create(self, content: bytes) -> bool:
        """Make it, as `Slot` says."""
        return self._did(lambda: self._ask("put_object", Body=content, IfNoneMatch="*"))

    def replace(self, found: Found, content: bytes) -> bool:
        """Put other bytes into it, as `Slot` says."""
        return self._did(lambda: self._ask("put_object", Body=content, IfMatch=found.tag))

    def touch(self, found: Found) -> None:
        """Show a sign of life, as `Slot` says."""
        now = self._same(found)
        if now is not None:
            # Other bytes, so that its tag changes: who looked before must not replace it now.
            text = now.content.rstrip(b"\n")
            self.replace(now, text if text != now.content else text + b"\n")

    def remove(self, found: Found) -> None:
        """Delete it, as `Slot` says."""
        # Conditions on DELETE are rarer than on PUT: look, then delete.
        if self._same(found):
            self._ask("delete_object")

    def _same(self, found: Found) -> Found | None:
        now = self.look()
        is_same = now is not None and now.content.rstrip(b"\n") == found.content.rstrip(b"\n")
        return now if is_same else None

    def _did(self, put: Callable[[], object]) -> bool:
        try:
            put()
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    def _ask(self, what: str, **more: Any) -> Any:
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
