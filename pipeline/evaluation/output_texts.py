"""The pages of an output that truth is about: found by the names of their documents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from pipeline.errors import ConfigError
from pipeline.output.row_index import RowIndex
from pipeline.storage.paths import AnyPath

_COLUMNS: Final = ("text", "status", "source", "text_score")


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What an output has of a page, or of a whole document.

    Attributes:
        text: Its text, "" where it has none or no row.
        status: The row's status, "" without a row; of a document that of the worst page.
        source: Where the text is from, "" for none and for documents.
        text_score: The page's own estimate, None where it has none and for documents.
    """

    text: str = ""
    status: str = ""
    source: str = ""
    text_score: float | None = None


class OutputTexts:
    """The texts of an output, by document and page.

    Args:
        pages: The folder of the output's shards.
        recipe: Beginning of the `recipe_hash` of the rows that count, "" for the only one.

    Raises:
        ConfigError: Rows of several recipes, or none of this one.
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """

    def __init__(self, pages: AnyPath, recipe: str = "") -> None:
        self._index = RowIndex(pages)
        self.recipe = _recipe(self._index, recipe)
        self._rows: dict[str, dict[int, int]] = defaultdict(dict)
        for number, row in enumerate(self._index.table.to_pylist()):
            if row["recipe_hash"] == self.recipe:
                self._rows[row["uri"]][row["page"]] = number
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for uri in self._rows:
            self._by_stem[_stem(uri)].append(uri)

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def uris(self) -> list[str]:
        """The documents, sorted."""
        return sorted(self._rows)

    def find(self, name: str) -> str | None:
        """The URI of the document that a truth names, None for none.

        Args:
            name: Its URI or path, or the end of one, with or without its ending.

        Raises:
            ConfigError: Several documents have that name.
        """
        if name in self._rows:
            return name
        ends = _without_suffix(name)
        candidates = {
            uri
            for stem in (_stem(name), PurePosixPath(name).name)
            for uri in self._by_stem.get(stem, ())
            if any(_ends_with(path, name) for path in (uri, _without_suffix(uri)))
            or (ends != name and _ends_with(_without_suffix(uri), ends))
        }
        exact = {uri for uri in candidates if _ends_with(uri, name)}
        found = sorted(exact or candidates)
        if len(found) > 1:
            message = f"the truth of {name} may be that of {found[0]} or {found[1]}"
            raise ConfigError(f"{message}: put its file into a folder of the same name")
        return found[0] if found else None

    def page(self, uri: str, page: int) -> ReadPage:
        """What there is of a page.

        Raises:
            DocumentError: A shard cannot be fetched.
        """
        number = self._rows[uri].get(page)
        if number is None:
            return ReadPage()
        row = self._index.read([number], _COLUMNS)[0]
        return ReadPage(
            row["text"] or "", row["status"] or "", row["source"] or "", row["text_score"]
        )

    def document(self, uri: str) -> ReadPage:
        """All pages of a document as one text.

        Raises:
            DocumentError: A shard cannot be fetched.
        """
        numbers = [number for page, number in sorted(self._rows[uri].items()) if page]
        rows = self._index.read(numbers, ("text", "status"))
        statuses = {row["status"] for row in rows}
        worst = next((one for one in _WORST_FIRST if one in statuses), "")
        return ReadPage("\n\n".join(row["text"] or "" for row in rows), worst)


_WORST_FIRST: Final = ("failed", "truncated", "ok", "blank")


def _recipe(index: RowIndex, wanted: str) -> str:
    known = sorted(set(index.table["recipe_hash"].to_pylist()))
    chosen = [recipe for recipe in known if recipe.startswith(wanted)]
    if len(chosen) == 1 or not known:
        return chosen[0] if chosen else ""
    if wanted and not chosen:
        raise ConfigError(f"--recipe {wanted}: the output has {', '.join(known)}")
    raise ConfigError(f"rows of {len(chosen)} recipes; choose with --recipe: {', '.join(chosen)}")


def _stem(uri: str) -> str:
    return PurePosixPath(_without_suffix(uri)).name


def _without_suffix(uri: str) -> str:
    suffix = PurePosixPath(uri).suffix
    return uri.removesuffix(suffix) if suffix else uri


def _ends_with(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name.lstrip('/')}")
