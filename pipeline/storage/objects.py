"""Lists objects on a store page by page, and tells whether there are any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError, JobError
from pipeline.storage import filesystems, uris
from pipeline.storage.remote_file import is_permanent, with_timeout

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_CHECK_S: Final = 1.2
"""Timeout of `check_reachable`, seconds: it runs before Ray is started."""
_TOO_MANY_REQUESTS: Final = 429
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object on a store.

    Attributes:
        uri: Its scheme, bucket and key.
        size_bytes: Its size in bytes.
    """

    uri: str
    size_bytes: int


def list_objects(prefix: str, config: StoreConfig) -> Iterator[ObjectInfo]:
    """Every object whose URI begins with `prefix`, except folder markers (keys ending in a slash).

    S3 lists in pages, in key order, in constant memory. On Azure pyarrow lists one folder at a
    time, so memory grows with the largest folder; on Google's store it lists a folder with all
    that is below it at once, about 200 bytes an object.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    try:
        yield from (_s3 if uris.scheme(prefix) == "s3" else _by_folder)(prefix, config)
    except JobError:
        raise
    except Exception as error:
        raise JobError(f"{prefix} cannot be listed: {error}") from error


def remove_markers(prefix: str, config: StoreConfig) -> None:
    """Delete the empty objects under a prefix that mark folders.

    pyarrow makes one on S3 for the folder of each object that it deletes.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    if uris.scheme(prefix) != "s3":
        return
    bucket, key = uris.bucket_and_key(prefix)
    client = filesystems.s3_client(config)
    try:
        for page in _s3_pages(bucket, key, config):
            for entry in page.get("Contents", ()):
                if entry["Key"].endswith("/") and not entry["Size"]:
                    client.delete_object(Bucket=bucket, Key=entry["Key"])
    except Exception as error:
        raise JobError(f"{prefix} cannot be removed: {error}") from error


def first_object(prefix: str, config: StoreConfig) -> ObjectInfo | None:
    """An object whose URI begins with `prefix`, None where there is none.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    return next(list_objects(prefix, config), None)


def exists_under(prefix: str, config: StoreConfig) -> bool:
    """Whether there is an object whose URI begins with `prefix`, or that is in a folder `prefix`.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    from pyarrow.fs import FileType

    if uris.scheme(prefix) != "s3" and _info(prefix, config).type != FileType.NotFound:
        return True  # cheaper than a listing, which may be of the whole bucket
    return first_object(prefix, config) is not None


def check_reachable(prefix: str, config: StoreConfig) -> bool | None:
    """Whether there is an object under a prefix; None where the store is slow or busy.

    Raises:
        ConfigError: The store cannot be reached, or refuses.
    """
    impatient = config.model_copy(update={"tries": 1, "connect_s": min(1.0, config.connect_s)})
    try:
        return with_timeout(_CHECK_S, lambda: exists_under(prefix, impatient))
    except TimeoutError:
        return None
    except JobError as error:
        if is_temporary(error):
            return None
        raise ConfigError(f"{error}; check the bucket, the credentials and store.*") from None


def is_temporary(error: JobError) -> bool:
    """Whether a listing failed because the store is busy (429 or 5xx), not because of the input."""
    status = _status(error)
    return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS


def is_refused(error: JobError) -> bool:
    """Whether the store answered that it will not do this (4xx), so that no retry changes it."""
    status = _status(error)
    if _CLIENT_ERRORS <= status < _SERVER_ERRORS:
        return status != _TOO_MANY_REQUESTS
    return is_permanent(str(error))


def _status(error: JobError) -> int:
    """The HTTP status that a listing on S3 failed with, 0 where there was no answer."""
    answer = getattr(error.__cause__, "response", None) or {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def size_bytes(uri: str, config: StoreConfig) -> int | None:
    """Size of an object in bytes, None where it does not exist.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    if uris.scheme(uri) != "s3":
        found = _info(uri, config)
        return int(found.size) if found.is_file else None
    # A listing, not HEAD: it works with any key, and returns the object itself first.
    listed = first_object(uri, config)
    return listed.size_bytes if listed and listed.uri == uri else None


def _info(uri: str, config: StoreConfig) -> FileInfo:
    """Pyarrow's information on an object or a folder."""
    filesystem, path = filesystems.filesystem(uri, config)
    try:
        return filesystem.get_file_info(path.rstrip("/"))
    except OSError as error:
        raise JobError(f"{uri} cannot be read: {error}") from error


def _s3(prefix: str, config: StoreConfig) -> Iterator[ObjectInfo]:
    bucket, key = uris.bucket_and_key(prefix)
    for page in _s3_pages(bucket, key, config):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):
                yield ObjectInfo(f"s3://{bucket}/{entry['Key']}", entry["Size"])


def _s3_pages(bucket: str, prefix: str, config: StoreConfig) -> Iterator[dict[str, Any]]:
    pages = filesystems.s3_client(config).get_paginator("list_objects_v2")
    yield from pages.paginate(Bucket=bucket, Prefix=prefix)


def _by_folder(prefix: str, config: StoreConfig) -> Iterator[ObjectInfo]:
    scheme = uris.scheme(prefix)
    bucket, key = uris.bucket_and_key(prefix)
    wanted = f"{bucket}/{key}"
    filesystem, _ = filesystems.filesystem(prefix, config)
    # On Google's store folders are only common prefixes of keys, and pyarrow does not list them
    # in a non-recursive listing (apache/arrow#35993).
    is_recursive = scheme == "gs"
    waiting = [wanted[: wanted.rfind("/")]]
    while waiting:
        entries = _entries(filesystem, waiting.pop(), is_recursive)
        if not is_recursive:
            waiting += [entry.path for entry in reversed(entries) if not entry.is_file]
        for entry in entries:
            if entry.is_file and entry.path.startswith(wanted):
                yield ObjectInfo(f"{scheme}://{entry.path}", int(entry.size))


def _entries(filesystem: FileSystem, folder: str, is_recursive: bool) -> list[FileInfo]:
    """The entries of a folder, sorted by path."""
    from pyarrow.fs import FileSelector

    selector = FileSelector(folder, allow_not_found=True, recursive=is_recursive)
    return sorted(filesystem.get_file_info(selector), key=_path)


def _path(entry: FileInfo) -> str:
    return str(entry.path)
