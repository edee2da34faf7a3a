"""The text layer of PDFs as truth: of the output's own documents, or of a folder of PDFs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from pipeline.config import InputConfig, StoreConfig
from pipeline.documents.look import LookOptions
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import PageError, RecordedError
from pipeline.evaluation.truth import Truth
from pipeline.storage.document_cache import DocumentCache

Note = Callable[[str], object]
"""Takes a sentence on a document whose layer is not there."""

_OPTIONS = LookOptions(min_trust=0.0, pictures="warn")
"""Layers are taken whatever the trust in them; pictures are not read."""


def layers_of_folder(place: Path, note: Note) -> Iterator[Truth]:
    """The pages of a PDF, or of all PDFs of a folder, that have a text layer.

    Args:
        place: The file or folder.
        note: Told of PDFs that cannot be read.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.pdf"))
    root = place.parent if place.is_file() else place
    with SandboxClient() as reader:
        for path in files:
            name = path.relative_to(root).as_posix()
            yield from _layers(reader, name, partial(str, path), note)


def layers_of_documents(uris: Iterable[str], store: StoreConfig, note: Note) -> Iterator[Truth]:
    """The pages of documents that have a text layer.

    Args:
        uris: The documents, local or on a store.
        store: How stores are reached.
        note: Told of documents that cannot be read.
    """
    documents = DocumentCache(store, InputConfig(), cache_mib=0)
    try:
        with SandboxClient() as reader:
            for uri in uris:
                yield from _layers(reader, uri, partial(documents.path, uri), note)
    finally:
        documents.close()


def _layers(
    reader: SandboxClient, name: str, place: Callable[[], str], note: Note
) -> Iterator[Truth]:
    try:
        path = place()
        info = reader.inspect(path)
    except RecordedError as error:
        note(f"{name}: {error}")
        return
    if info.media_type != "application/pdf":
        return
    numbers = range(1, len(info.pages) + 1)
    for page, view in zip(numbers, reader.look_many(path, numbers, _OPTIONS), strict=True):
        if isinstance(view, PageError):
            note(f"{name}, page {page}: {view}")
        elif view.settled is not None and view.settled.text:
            yield Truth(name, page, view.settled.text)
