"""The rows of `benchmarks.gpu`: what is measured, with which settings, on how many pages."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["pages", "small", "text", "prefill"]
"""Letter pages; pages of 640 px (the global view alone); text of 911 tokens without a picture;
Letter pages with an answer of one token."""

_ONE_THREAD: Mapping[str, str] = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a loaded engine is given.

    Attributes:
        kind: What the requests are.
        tokens: Tokens of each answer, or `drawn` for lengths spread as those of real pages.
        pages: How many requests.
        repeats: How many times.
    """

    kind: Kind = "pages"
    tokens: str = "1000"
    pages: int = 256
    repeats: int = 3

    @classmethod
    def parse(cls, text: str) -> Load:
        """Read `kind,tokens,pages,repeats`; what is left out has its default.

        Raises:
            ValueError: The kind is unknown, or a number is none.
        """
        kind, tokens, pages, repeats = [*text.split(","), *[""] * 3][:4]
        kinds: dict[str, Kind] = {k: k for k in ("pages", "small", "text", "prefill")}
        if kind not in kinds:
            raise ValueError(f"{kind!r} is none of {sorted(kinds)}")
        return cls(kinds[kind], tokens or "1000", int(pages or 256), int(repeats or 3))

    def __str__(self) -> str:
        return f"{self.kind},{self.tokens},{self.pages},{self.repeats}"


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration.

    Attributes:
        name: As in the table.
        side: `bare` is `vllm.LLM`, `engine` the job's engine alone, `job` PDF in, Parquet out.
        loads: What it is given; a job takes only the first.
        settings: Settings of `engine.vllm` that differ from the common ones.
        environment: Environment variables that differ from the caller's.
    """

    name: str
    side: Literal["bare", "engine", "job"]
    loads: tuple[Load, ...] = (Load(),)
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: _ONE_THREAD)


_PARTS = ("ngram", "encoder", "graphs", "compiled", "steps", "outputs")


def _only(*parts: str) -> dict[str, str]:
    """Settings with some parts of the plugin on and the others off."""
    return {f"plugin_{part}": str(part in parts).lower() for part in _PARTS}


def _but(part: str) -> Row:
    """All parts but one, in the job's engine: what the part gains where the others are on."""
    return Row(f"all parts but {part}", "engine", settings=_only(*(set(_PARTS) - {part})))


_MANY = {"max_num_seqs": "512"}
_FP8 = {"quantization": "fp8_per_tensor"}
_MANY_LOADS = (
    Load(pages=1024),
    Load(tokens="drawn", pages=1024),
    Load(tokens="300", pages=1024),
    Load(tokens="2000", pages=512),
    Load("small", pages=512),
    Load("text", pages=1024),
    Load("prefill", pages=1024),
)
_JOB = (Load(pages=1024),)
_TWO_ENGINES = {
    "num_gpus": "0.5",
    "gpu_memory_utilization": "0.45",
    "max_num_seqs": "224",
    "max_num_batched_tokens": "4096",
}
_BARE_LOADS = (Load(), Load(tokens="300"), Load(tokens="2000"))
ROWS = (
    Row("bare", "bare", _BARE_LOADS, environment={}),
    Row("bare, one thread", "bare"),
    Row("plugin off", "engine", settings={"plugin": "off"}),
    Row("ngram alone", "engine", settings=_only("ngram")),
    Row("encoder alone", "engine", settings=_only("encoder")),
    Row("encoder and graphs", "engine", settings=_only("encoder", "graphs")),
    Row("encoder, graphs, compiled", "engine", settings=_only("encoder", "graphs", "compiled")),
    Row("steps alone", "engine", settings=_only("steps")),
    Row("steps and outputs", "engine", settings=_only("steps", "outputs")),
    *(_but(part) for part in ("ngram", "encoder", "graphs", "compiled", "steps", "outputs")),
    Row("all parts", "engine", (Load(), Load(pages=512))),
    Row("all parts, 512 seats", "engine", _MANY_LOADS, _MANY),
    Row("job, 512 seats", "job", _JOB, _MANY),
    Row("job, 512 seats, tiles on CPU workers", "job", _JOB, _MANY | {"plugin_tiles": "true"}),
    Row("job, 512 seats, fp8 weights", "job", _JOB, _MANY | _FP8),
    Row("job, 512 seats, fp8 keys and values", "job", _JOB, _MANY | {"kv_cache_dtype": "fp8"}),
    Row("job, two engines a GPU", "job", _JOB, _TWO_ENGINES),
    Row(
        "all parts, 512 seats, fp8 keys and values",
        "engine",
        (Load(pages=1024), Load(tokens="2000", pages=512)),
        _MANY | {"kv_cache_dtype": "fp8"},
    ),
    Row("OCR-2, plugin off", "engine", settings={"family": "deepseek-ocr-2", "plugin": "off"}),
    Row("OCR-2, all parts", "engine", settings={"family": "deepseek-ocr-2"}),
)
"""In the order in which they are run. The first is what the others are compared with."""


def named(names: list[str]) -> list[Row]:
    """Rows by their names, all of them without a name.

    Raises:
        ValueError: There is no row of a name.
    """
    known = {row.name: row for row in ROWS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no rows {unknown}; there are {list(known)}")
    return [known[name] for name in names] or list(ROWS)


def row_parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every program of a row has."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="results, added to")
    parser.add_argument("--name", required=True, help="name of the row")
    parser.add_argument("--work", default="/tmp/rayscribe-gpu")
    parser.add_argument(
        "--load", action="append", type=Load.parse, help="kind,tokens,pages,repeats; several"
    )
    return parser


def weights_parser(doc: str | None) -> argparse.ArgumentParser:
    """Those of `row_parser`, and the kind of weights."""
    parser = row_parser(doc)
    parser.add_argument("--weights", default="random", choices=("random", "dummy"))
    return parser
