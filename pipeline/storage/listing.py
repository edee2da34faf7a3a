"""Lists what is on a store, in constant memory: pages of keys, never the whole of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from pipeline.storage import connect, uri

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

    S3 answers page by page, in the order of the keys. On the other stores pyarrow lists one
    folder at a time, so memory goes with the largest folder.

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
        parent = place[: place.rfind("/") + 1]
        filesystem, _ = connect.filesystem(parent, config)
        return _file_size(filesystem, place)
    # A listing and no HEAD: it works with any key, and sorts the object itself before the rest.
    found = first(place, config)
    return found.size_bytes if found and found.place == place else None


def _file_size(filesystem: FileSystem, place: str) -> int | None:
    try:
        found = filesystem.get_file_info("/".join(uri.bucket_and_key(place)))
    except OSError as error:
        raise JobError(f"{place} cannot be found: {error}") from error
    return int(found.size) if found.is_file else None


def _s3(prefix: str, config: StoreConfig) -> Iterator[Found]:
    bucket, key = uri.bucket_and_key(prefix)
    for page in _s3_pages(bucket, key, config):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):
                yield Found(f"s3://{bucket}/{entry['Key']}", entry["Size"])


def _s3_pages(bucket: str, prefix: str, config: StoreConfig) -> Iterator[dict[str, Any]]:
    pages = connect.s3_client(config).get_paginator("list_objects_v2")
    yield from pages.paginate(Bucket=bucket, Prefix=prefix)


def _by_folder(prefix: str, config: StoreConfig) -> Iterator[Found]:
    scheme = uri.scheme(prefix)
    bucket, key = uri.bucket_and_key(prefix)
    wanted = f"{bucket}/{key}"
    filesystem, _ = connect.filesystem(prefix, config)
    waiting = [wanted[: wanted.rfind("/")]]
    while waiting:
        for entry in reversed(_children(filesystem, waiting.pop(), waiting)):
            if entry.is_file and entry.path.startswith(wanted):
                yield Found(f"{scheme}://{entry.path}", int(entry.size))


def _children(filesystem: FileSystem, folder: str, waiting: list[str]) -> list[FileInfo]:
    """What is in a folder, last name first; its folders are put where they wait."""
    from pyarrow.fs import FileSelector, FileType

    selector = FileSelector(folder, allow_not_found=True)
    entries = sorted(filesystem.get_file_info(selector), key=_path, reverse=True)
    waiting += [entry.path for entry in entries if entry.type == FileType.Directory]
    return entries


def _path(entry: FileInfo) -> str:
    return str(entry.path)
