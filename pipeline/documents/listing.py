"""Lists the documents of the inputs: files, folders, globs, prefixes, archives, and lists of them.

The workers walk a listing, not the driver: `Listing.parts` splits it into disjoint listings, each
of which yields its documents one by one. The memory of a local walk grows with the largest folder,
that of an S3 prefix is constant. Only where inputs may name a document twice (overlapping inputs,
globs, lists) are the documents of that part kept in a set, about 100 bytes each.
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
from typing import Final
from urllib.parse import quote_from_bytes

from pipeline.config import InputConfig, StoreConfig
from pipeline.documents import input_list
from pipeline.errors import ConfigError, RecordedError
from pipeline.storage import archives, objects, uris
from pipeline.types import Document

HIDDEN_FILE: Final = "hidden file"
HIDDEN_FOLDER: Final = "hidden folder"
LINKED_FOLDER: Final = "linked folder"
_FILE_SCHEME = "file://"


@dataclass(slots=True)
class Listing:
    """The documents that the inputs name.

    Attributes:
        inputs: Files, folders, globs, prefixes, archives, or @LIST with one of them a line.
        config: Which files of folders are documents.
        store: Connection settings of the stores.
        attachments: Whether all attachments of PDFs are processed; then an input may not name one.
        base: Base folder of relative paths.
        left_out: Number of files in folders that are not documents, by file extension; and of what
            is passed over: `HIDDEN_FILE`, `HIDDEN_FOLDER`, `LINKED_FOLDER`.
    """

    inputs: Sequence[str]
    config: InputConfig
    store: StoreConfig = field(default_factory=StoreConfig)
    attachments: bool = False
    base: str = field(default_factory=os.getcwd)
    left_out: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Check that every input exists, without listing any completely.

        An input on a store that is slow or busy passes.

        Raises:
            ConfigError: An input does not exist or matches nothing.
        """
        for text in self.inputs:
            self._check_attachment(text)
            if text.startswith("@"):
                with closing(self._lines(text)) as lines:
                    next(lines, None)
            elif uris.is_local(text):
                self._check_local(text)
            else:
                uris.check(text)
                self._check_store(text)

    def parts(self) -> list[Listing]:
        """Disjoint listings: one for each group of inputs that overlap."""
        return [replace(self, inputs=group, left_out=Counter()) for group in self._groups()]

    def documents(self) -> Iterator[Document]:
        """Every document once, in a stable order, even where several inputs name it."""
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
        """Whether no document can occur twice: there is one folder, prefix or file."""
        [first, *rest] = self.inputs
        return not (rest or first.startswith("@") or uris.has_magic(first))

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
        """The common prefix of the URIs of an input's documents."""
        if text.startswith("@"):
            return ""
        text = _container(text)
        text = uris.base(text) if uris.has_magic(text) else text
        uri = os.path.abspath(self._path(text)) if uris.is_local(text) else text
        return f"{uri.rstrip('/')}/"

    def _lines(self, text: str) -> Generator[str]:
        name = text[1:]
        uri = self._path(name) if uris.is_local(name) else name
        try:
            yield from input_list.read_uris(uri, self.config.list_field, self.store)
        except ConfigError as error:
            raise ConfigError(str(error).replace(uri, name)) from None

    def _listed(self, text: str) -> Iterator[Document]:
        if not text.startswith("@"):
            yield from self._documents_of(text, is_named=True)
            return
        for line in self._lines(text):
            uris.check(line)
            self._check_attachment(line)
            yield from self._documents_of(line, is_named=False)

    def _documents_of(self, text: str, *, is_named: bool) -> Iterator[Document]:
        """The documents of one input; a line of a list that is on a store costs no request."""
        member = None if self._is_there(text) else uris.split_member(text)
        if member is not None:
            yield from self._member(member[0], uris.member_name(text, member[0]))
        elif self._outer(text):
            yield Document(_absolute(self._path(text)) if uris.is_local(text) else text, 0)
        elif uris.is_local(text):
            for path in self._paths(self._path(text)):
                uri = _to_uri(os.path.abspath(path))
                yield from self._expanded(Document(uri, _size_bytes(path)))
        elif uris.is_web(text):
            yield from self._expanded(Document(text, 0))
        else:
            for document in self._objects(text, is_named):
                yield from self._expanded(document)

    def _outer(self, text: str) -> str:
        """The PDF that an input is an attachment of, "" for none."""
        return "" if self._is_there(text) else (uris.split_attachment(text) or ("",))[0]

    def _check_attachment(self, text: str) -> None:
        if self.attachments and (outer := self._outer(text)):
            message = f"{text}: --attachments takes all of {outer}"
            raise ConfigError(f"{message}; name that, or leave the flag out")

    def _is_there(self, text: str) -> bool:
        return uris.is_local(text) and os.path.lexists(self._path(text))

    def _member(self, archive: str, member: str) -> Iterator[Document]:
        """A named member; with a trailing slash, all members below it."""
        uri = _absolute(self._path(archive)) if uris.is_local(archive) else archive
        if member and not member.endswith("/"):
            yield Document(uris.join_member(uri, member), 0)
        else:
            yield from self._members(Document(uri, 0), member)

    def _expanded(self, document: Document) -> Iterator[Document]:
        """The members of a document that is an archive, else the document itself."""
        if uris.is_archive(document.uri):
            yield from self._members(document)
        else:
            yield document

    def _members(self, archive: Document, folder: str = "") -> Iterator[Document]:
        """The members below a folder that are documents.

        Where the archive is damaged, then the archive itself, and a folder that it does not have:
        they get a row.
        """
        is_there = not folder
        try:
            opened = archives.open_archive(archive.uri, self.store)
            with closing(opened), archives.archive_errors(archive.uri):
                for name, size_bytes in opened.members():
                    if not name.startswith(folder):
                        continue
                    is_there = True
                    if self._is_document(name):
                        yield Document(uris.join_member(archive.uri, name), size_bytes)
        except RecordedError:
            yield archive
        else:
            if not is_there:
                yield Document(uris.join_member(archive.uri, folder), 0)

    def _paths(self, text: str) -> Iterator[str]:
        if os.path.isdir(text):
            yield from self._walk(text)
        elif _is_glob(text):
            matches = sorted(glob.iglob(text, recursive=True))
            for match in matches:
                yield from self._walk(match) if os.path.isdir(match) else [match]
            if not matches:  # a line of a list, perhaps a name: it gets a row
                yield text
        else:
            yield text

    def _walk(self, folder: str) -> Iterator[str]:
        """The documents below a folder, and the folders that cannot be listed: they get a row."""
        refused: list[OSError] = []
        for here, folders, names in os.walk(folder, onerror=refused.append):
            folders[:] = sorted(name for name in folders if self._is_entered(here, name))
            for name in sorted(names):
                if self._is_document(name):
                    yield os.path.join(here, name)
        yield from sorted(error.filename for error in refused)

    def _is_entered(self, here: str, name: str) -> bool:
        """Whether a folder of a folder is looked into; others are counted."""
        if name.startswith("."):
            self.left_out[HIDDEN_FOLDER] += 1
            return False
        if os.path.islink(os.path.join(here, name)):  # it may lead back to where it is
            self.left_out[LINKED_FOLDER] += 1
            return False
        return True

    def _objects(self, text: str, is_named: bool) -> Iterator[Document]:
        is_folder = text.endswith("/") or not uris.bucket_and_key(text)[1]
        size_bytes = None
        if not is_folder and (is_named or uris.has_magic(text)):
            size_bytes = objects.size_bytes(text, self.store)
        if size_bytes is not None:
            yield Document(text, size_bytes)
        elif uris.has_magic(text):
            yield from self._matches(text, is_named)
        elif is_folder or (is_named and objects.exists_under(f"{text}/", self.store)):
            yield from self._under(f"{text.rstrip('/')}/")
        else:
            yield Document(text, 0)

    def _under(self, folder: str) -> Iterator[Document]:
        for found in objects.list_objects(folder, self.store):
            if self._is_document(found.uri.removeprefix(folder)):
                yield Document(found.uri, found.size_bytes)

    def _matches(self, pattern: str, is_named: bool) -> Iterator[Document]:
        matcher = uris.matcher(pattern)
        has_match = False
        for found in objects.list_objects(uris.base(pattern), self.store):
            match = matcher.fullmatch(found.uri)
            has_match = has_match or match is not None
            if match and (match["rest"] is None or self._is_document(match["rest"])):
                yield Document(found.uri, found.size_bytes)
        if not has_match and is_named:
            raise ConfigError(f"no object matches {pattern!r}; check the bucket and the pattern")
        if not has_match:
            yield Document(pattern, 0)

    def _is_document(self, path: str) -> bool:
        """Whether a file of a folder is a document by its extension; others are counted."""
        name = PurePosixPath(path)
        suffix = name.suffix.lower()
        if suffix not in self.config.suffixes:
            self.left_out[suffix or name.name] += 1
            return False
        if any(part[0] == "." for part in name.parts):
            self.left_out[HIDDEN_FILE] += 1
            return False
        return True

    def _path(self, text: str) -> str:
        return os.path.join(self.base, uris.local_path(text))

    def _check_local(self, text: str) -> None:
        uris.check(text)
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
        uri = _container(text)
        if uris.is_web(uri):
            return  # no request here: an error becomes the document's row
        prefix = uris.base(uri) if uris.has_magic(uri) else uri
        if objects.check_reachable(prefix, self.store) is False:
            raise ConfigError(f"nothing at {text}; check the bucket and the key")


def _container(text: str) -> str:
    """The archive or the PDF that contains an input, or the input itself."""
    found = uris.split_member(text) or uris.split_attachment(text)
    return found[0] if found else text


def _absolute(path: str) -> str:
    return _to_uri(os.path.abspath(path))


def _to_uri(path: str) -> str:
    """The path itself; a file URI where it is not valid Unicode, which no column could hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _FILE_SCHEME + quote_from_bytes(os.fsencode(path))
    return path


def _is_glob(text: str) -> bool:
    """Whether the text is a glob pattern and not the name of an existing file."""
    return uris.has_magic(text) and not os.path.lexists(text)


def _size_bytes(path: str) -> int:
    """Size in bytes; 0 where the file does not exist, which becomes its error row."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
