"""Lists what is on a store, in constant memory: pages of keys, never the whole of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from pipeline.storage import filesystems, uri

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_TOO_MANY: Final = 429
_BROKEN: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """An object on a store.

    Attributes:
        place: Its scheme, bucket and key.
        size_bytes: Its size.
    """

    place: str
    size_bytes: int


def objects(prefix: str, config: StoreConfig) -> Iterator[Found]:
    """Every object whose place begins with `prefix`; the markers that end in a slash are none.

    S3 answers page by page, in the order of the keys. On Azure pyarrow lists one folder at a
    time, so memory goes with the largest folder; on Google's store it lists all that is in a
    folder and below it at once, some 200 bytes an object.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    try:
        yield from (_s3 if uri.scheme(prefix) == "s3" else _by_folder)(prefix, config)
    except JobError:
        raise
    except Exception as error:
        raise JobError(f"{prefix} cannot be listed: {error}") from error


def first(prefix: str, config: StoreConfig) -> Found | None:
    """One object whose place begins with `prefix`, None where there is none.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    return next(objects(prefix, config), None)


def is_any(prefix: str, config: StoreConfig) -> bool:
    """Whether there is an object, or a folder with some, whose place begins with `prefix`.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    from pyarrow.fs import FileType

    if uri.scheme(prefix) != "s3" and _info(prefix, config).type != FileType.NotFound:
        return True  # without a listing of what may be the whole bucket
    return first(prefix, config) is not None


def may_pass(error: JobError) -> bool:
    """Whether a listing failed because the store is busy: nothing that a person could change."""
    answer = getattr(error.__cause__, "response", None) or {}
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status == _TOO_MANY or status >= _BROKEN


def size_of(place: str, config: StoreConfig) -> int | None:
    """Size of an object in bytes, None where there is none at this place.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    if uri.scheme(place) != "s3":
        found = _info(place, config)
        return int(found.size) if found.is_file else None
    # A listing and no HEAD: it works with any key, and sorts the object itself before the rest.
    listed = first(place, config)
    return listed.size_bytes if listed and listed.place == place else None


def _info(place: str, config: StoreConfig) -> FileInfo:
    """What pyarrow says of an object or a folder."""
    filesystem, path = filesystems.filesystem(place, config)
    try:
        return filesystem.get_file_info(path.rstrip("/"))
    except OSError as error:
        raise JobError(f"{place} cannot be found: {error}") from error


def _s3(prefix: str, config: StoreConfig) -> Iterator[Found]:
    bucket, key = uri.bucket_and_key(prefix)
    for page in _s3_pages(bucket, key, config):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):
                yield Found(f"s3://{bucket}/{entry['Key']}", entry["Size"])


def _s3_pages(bucket: str, prefix: str, config: StoreConfig) -> Iterator[dict[str, Any]]:
    pages = filesystems.s3_client(config).get_paginator("list_objects_v2")
    yield from pages.paginate(Bucket=bucket, Prefix=prefix)


def _by_folder(prefix: str, config: StoreConfig) -> Iterator[Found]:
    scheme = uri.scheme(prefix)
    bucket, key = uri.bucket_and_key(prefix)
    wanted = f"{bucket}/{key}"
    filesystem, _ = filesystems.filesystem(prefix, config)
    # On Google's store folders are names that objects have in common, and pyarrow shows none
    # unless it lists what is in them (apache/arrow#35993).
    is_deep = scheme == "gs"
    waiting = [wanted[: wanted.rfind("/")]]
    while waiting:
        entries = _entries(filesystem, waiting.pop(), is_deep)
        if not is_deep:
            waiting += [entry.path for entry in reversed(entries) if not entry.is_file]
        for entry in entries:
            if entry.is_file and entry.path.startswith(wanted):
                yield Found(f"{scheme}://{entry.path}", int(entry.size))


def _entries(filesystem: FileSystem, folder: str, is_deep: bool) -> list[FileInfo]:
    """What is in a folder, by name."""
    from pyarrow.fs import FileSelector

    selector = FileSelector(folder, allow_not_found=True, recursive=is_deep)
    return sorted(filesystem.get_file_info(selector), key=_path)


def _path(entry: FileInfo) -> str:
    return str(entry.path)
