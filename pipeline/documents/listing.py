"""Finds the documents: files, folders, globs, prefixes, archives, and lists of them.

A listing is walked by the workers, never by the driver: `Listing.parts` cuts it into listings
that have no document in common, and each of them yields its documents one by one. Local folders
take memory with their largest folder, S3 prefixes take none. Only where inputs may name the same
document twice (several that overlap, globs, lists) are the documents of that part remembered,
at some 100 bytes each.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from urllib.parse import quote_from_bytes

from pipeline.config import InputConfig, StoreConfig
from pipeline.documents import input_list
from pipeline.errors import ConfigError, JobError, RecordedError
from pipeline.storage import archives, objects, uri
from pipeline.storage.remote_file import within
from pipeline.storage.uri import local_path as local_path  # re-exported: the way back from a URI
from pipeline.types import Document

_FILE_SCHEME = "file://"
_CHECK_S = 1.2
"""Seconds that a store gets to say that an input is not there, before Ray is started."""


@dataclass(slots=True)
class Listing:
    """What the inputs name.

    Attributes:
        inputs: Files, folders, globs, prefixes, archives, or @LIST with one of them a line.
        config: Which files are taken from folders.
        store: How stores are reached.
        attachments: Whether all attachments of PDFs are wanted: none is to be named by itself then.
        base: Folder that relative paths are meant from.
        left_out: Files of folders that were not taken, counted by their ending.
    """

    inputs: Sequence[str]
    config: InputConfig
    store: StoreConfig = field(default_factory=StoreConfig)
    attachments: bool = False
    base: str = field(default_factory=os.getcwd)
    left_out: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Look whether every input is there, without listing anything to its end.

        A store that does not answer within a second says nothing against an input.

        Raises:
            ConfigError: An input is not there or names nothing.
        """
        for text in self.inputs:
            self._check_attachment(text)
            if text.startswith("@"):
                with closing(self._lines(text)) as lines:
                    next(lines, None)
            elif uri.is_local(text):
                self._check_local(text)
            else:
                uri.check(text)
                self._check_store(text)

    def parts(self) -> list[Listing]:
        """Listings that have no document in common: those of inputs that do not overlap."""
        return [replace(self, inputs=group, left_out=Counter()) for group in self._groups()]

    def documents(self) -> Iterator[Document]:
        """Every document once, in a stable order, however often the inputs name it."""
        seen: set[bytes] | None = None if self._is_one_walk() else set()
        for text in self.inputs:
            for document in self._listed(text):
                if seen is not None:
                    key = hashlib.sha256(document.uri.encode()).digest()[:16]
                    if key in seen:
                        continue
                    seen.add(key)
                yield document

    def _is_one_walk(self) -> bool:
        """Whether nothing can come twice: one folder, prefix or file."""
        [first, *rest] = self.inputs
        return not (rest or first.startswith("@") or uri.has_magic(first))

    def _groups(self) -> Iterator[tuple[str, ...]]:
        ordered = sorted((self._reach(text), text) for text in dict.fromkeys(self.inputs))
        group: list[str] = []
        reach = ""
        for start, text in ordered:
            if group and not start.startswith(reach):
                yield tuple(group)
                group = []
            reach = reach if group else start
            group.append(text)
        if group:
            yield tuple(group)

    def _reach(self, text: str) -> str:
        """What the places of all documents of an input begin with."""
        if text.startswith("@"):
            return ""
        text = _container(text)
        text = uri.base(text) if uri.has_magic(text) else text
        place = os.path.abspath(self._path(text)) if uri.is_local(text) else text
        return f"{place.rstrip('/')}/"

    def _lines(self, text: str) -> Generator[str]:
        name = text[1:]
        place = self._path(name) if uri.is_local(name) else name
        try:
            yield from input_list.places(place, self.config.list_field, self.store)
        except ConfigError as error:
            raise ConfigError(str(error).replace(place, name)) from None

    def _listed(self, text: str) -> Iterator[Document]:
        if not text.startswith("@"):
            yield from self._found(text, is_named=True)
            return
        for line in self._lines(text):
            uri.check(line)
            self._check_attachment(line)
            yield from self._found(line, is_named=False)

    def _found(self, text: str, *, is_named: bool) -> Iterator[Document]:
        """The documents of one input; a line of a list on a store is looked up by no request."""
        member = None if self._is_there(text) else uri.split_member(text)
        if member is not None:
            yield from self._member(*member)
        elif self._outer(text):
            yield Document(_absolute(self._path(text)) if uri.is_local(text) else text, 0)
        elif uri.is_local(text):
            for path in self._paths(self._path(text)):
                place = _uri(os.path.abspath(path))
                yield from self._opened(Document(place, _size_bytes(path)))
        elif uri.is_web(text):
            yield from self._opened(Document(text, 0))
        else:
            for document in self._objects(text, is_named):
                yield from self._opened(document)

    def _outer(self, text: str) -> str:
        """The PDF that an input is an attachment of, "" for none."""
        return "" if self._is_there(text) else (uri.split_attachment(text) or ("",))[0]

    def _check_attachment(self, text: str) -> None:
        if self.attachments and (outer := self._outer(text)):
            message = f"{text}: --attachments takes all of {outer}"
            raise ConfigError(f"{message}; name that, or leave the flag out")

    def _is_there(self, text: str) -> bool:
        return uri.is_local(text) and os.path.lexists(self._path(text))

    def _member(self, archive: str, member: str) -> Iterator[Document]:
        """A member that is named, or with a slash at its end all that lie under it."""
        place = _absolute(self._path(archive)) if uri.is_local(archive) else archive
        if member and not member.endswith("/"):
            yield Document(uri.join_member(place, member), 0)
            return
        for document in self._members(Document(place, 0)):
            if document.uri.startswith(uri.join_member(place, member)):
                yield document

    def _opened(self, document: Document) -> Iterator[Document]:
        """The members of an archive, or the document itself."""
        if uri.is_archive(document.uri):
            yield from self._members(document)
        else:
            yield document

    def _members(self, archive: Document) -> Iterator[Document]:
        """Members with known endings; an archive that breaks is named itself and gets a row."""
        try:
            opened = archives.open_archive(archive.uri, self.store)
            with closing(opened), archives.reading(archive.uri):
                for name, size_bytes in opened.members():
                    if self._is_taken(name):
                        yield Document(uri.join_member(archive.uri, name), size_bytes)
        except RecordedError:
            yield archive

    def _paths(self, text: str) -> Iterator[str]:
        if os.path.isdir(text):
            yield from self._walk(text)
        elif _is_glob(text):
            for match in sorted(glob.iglob(text, recursive=True)):
                yield from self._walk(match) if os.path.isdir(match) else [match]
        else:
            yield text

    def _walk(self, folder: str) -> Iterator[str]:
        for here, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if self._is_taken(name):
                    yield os.path.join(here, name)

    def _objects(self, text: str, is_named: bool) -> Iterator[Document]:
        is_folder = text.endswith("/") or not uri.bucket_and_key(text)[1]
        size_bytes = None
        if not is_folder and (is_named or uri.has_magic(text)):
            size_bytes = objects.size_of(text, self.store)
        if size_bytes is not None:
            yield Document(text, size_bytes)
        elif uri.has_magic(text):
            yield from self._matches(text)
        elif is_folder or (is_named and objects.is_any(f"{text}/", self.store)):
            yield from self._under(f"{text.rstrip('/')}/")
        else:
            yield Document(text, 0)

    def _under(self, folder: str) -> Iterator[Document]:
        for found in objects.objects(folder, self.store):
            if self._is_taken(found.place.removeprefix(folder)):
                yield Document(found.place, found.size_bytes)

    def _matches(self, pattern: str) -> Iterator[Document]:
        matcher = uri.matcher(pattern)
        for found in objects.objects(uri.base(pattern), self.store):
            match = matcher.fullmatch(found.place)
            if match and (match["rest"] is None or self._is_taken(match["rest"])):
                yield Document(found.place, found.size_bytes)

    def _is_taken(self, path: str) -> bool:
        """Whether a file of a folder is a document by its ending; what is not, is counted."""
        name = PurePosixPath(path)
        suffix = name.suffix.lower()
        if suffix in self.config.suffixes and not any(part[0] == "." for part in name.parts):
            return True
        self.left_out[suffix or name.name] += 1
        return False

    def _path(self, text: str) -> str:
        return os.path.join(self.base, uri.local_path(text))

    def _check_local(self, text: str) -> None:
        uri.check(text)
        path = self._path(text)
        container = path if os.path.lexists(path) else _container(path)
        if _is_glob(path) and container == path:
            if next(glob.iglob(path, recursive=True), None) is None:
                raise ConfigError(
                    f"no file matches {text!r}; quote the pattern and check the folder"
                )
        elif not os.path.exists(container):
            raise ConfigError(f"no such file or folder: {text}")

    def _check_store(self, text: str) -> None:
        place = _container(text)
        if uri.is_web(place):
            return  # a row will say so
        prefix = uri.base(place) if uri.has_magic(place) else place
        if check_answers(prefix, self.store) is False:
            raise ConfigError(f"nothing at {text}; check the bucket and the key")


def check_answers(prefix: str, store: StoreConfig) -> bool | None:
    """Whether there is anything on a store under a prefix; None where it takes long to tell.

    Raises:
        ConfigError: The store is not there, or refuses.
    """
    hasty = store.model_copy(update={"tries": 1, "connect_s": min(1.0, store.connect_s)})
    try:
        return within(_CHECK_S, lambda: objects.is_any(prefix, hasty))
    except TimeoutError:
        return None
    except JobError as error:
        if objects.may_pass(error):
            return None
        raise ConfigError(f"{error}; check the bucket, the credentials and store.*") from None


def _container(text: str) -> str:
    """The archive or the PDF that an input lies in, or the input itself."""
    found = uri.split_member(text) or uri.split_attachment(text)
    return found[0] if found else text


def _absolute(path: str) -> str:
    return _uri(os.path.abspath(path))


def _uri(path: str) -> str:
    """The path itself, or a file URI where its name is no Unicode and no column could hold it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _FILE_SCHEME + quote_from_bytes(os.fsencode(path))
    return path


def _is_glob(text: str) -> bool:
    """Whether the text is a pattern; a file that is really named so is taken as itself."""
    return uri.has_magic(text) and not os.path.lexists(text)


def _size_bytes(path: str) -> int:
    """Size in bytes, 0 where the file is not there: its row will say so."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
