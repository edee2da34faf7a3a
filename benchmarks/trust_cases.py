"""What becomes of made pages that are easily read wrong, by the project's own job.

    python -m benchmarks.trust_cases                             # this version
    python -m benchmarks.trust_cases --tree OLD --save old.json  # that of another checkout
    python -m benchmarks.trust_cases --before old.json           # both in one table
    python -m benchmarks.trust_cases --drawn 10 --seed 3         # pages drawn at random

The pages are those of `benchmarks.trust_pages`, or so many of each kind of
`benchmarks.trust_drawn`, of which the table has the counts. The job is run with the command
`jobs.ocr` alone, in the checkout `--tree`, with the CPU engine and, for pages in other scripts,
with Tesseract where it is installed. A row is

- right: it has the status, the text and the turn that the page should have;
- said: it is not right, and failed or has a warning;
- wrong: it is not right, and nothing says so.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any, Final

from benchmarks import trust_drawn
from benchmarks.trust_pages import ALL_ENGINES, Case, cases

_PACKAGES: Final = {"onnx": "rapidocr", "tesseract": "tesserocr"}
_DONE: Final = (0, 3)
"""Exit codes of a job that finished; 3 with failed pages. Earlier versions have 1 for both."""
_MARKUP: Final = re.compile(r"<[^>]+>|\||-{3,}|\*\*")
_MIN_ROWS: Final = 0.9
_DASHES: Final = str.maketrans("\u2212\u2013\u2014", "---")
_MAX_PIECE: Final = 46
_VERDICTS: Final = ("right", "said", "wrong")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a page.

    Attributes:
        verdict: "right", "said", "wrong", or "none" without a row.
        status: Of its row.
        source: Of its row.
        piece: The part of its text that tells.
        said: Its error, or its last warning.
    """

    verdict: str
    status: str = ""
    source: str = ""
    piece: str = ""
    said: str = ""


def flat(text: str) -> str:
    """The text without tags and bars of tables, white space as one space."""
    return " ".join(_MARKUP.sub(" ", text).split())


def is_right(case: Case, row: dict[str, Any]) -> bool:
    """Whether a row has all that the page demands."""
    text = row["text"] or ""
    if row["status"] != case.status or row["turned_deg"] != case.turned_deg:
        return False
    plain = flat(text).translate(_DASHES)
    words, found = Counter(case.words.translate(_DASHES).split()), Counter(plain.split())
    has_words = (words & found).total() >= case.least * words.total()
    has_rows = sum(row in plain for row in case.rows) >= _MIN_ROWS * len(case.rows)
    in_order = re.search(".*".join(case.holds), flat(text), re.DOTALL) is not None
    is_free = not any(re.search(pattern, text) for pattern in case.lacks)
    begins = [line.strip(" |#*-") for line in text.splitlines()]
    has_lines = all(any(line.startswith(each) for line in begins) for each in case.lines)
    return has_words and has_rows and in_order and is_free and has_lines


def outcome(case: Case, row: dict[str, Any] | None) -> Outcome:
    """What became of a page, by its row."""
    if row is None:
        return Outcome("none")
    said = row["error"] or (row["warnings"] or [""])[-1]
    verdict = "right" if is_right(case, row) else ("said" if said else "wrong")
    match = re.search(case.shows, flat(row["text"] or ""))
    piece = match[0] if match else flat(row["text"] or "")
    if case.turned_deg != row["turned_deg"]:
        piece = f"turned by {row['turned_deg']}, not {case.turned_deg}"
    return Outcome(verdict, row["status"], row["source"] or "", piece, said)


def run_job(pages: Sequence[Case], engine: str, tree: Path) -> dict[str, dict[str, Any]] | None:
    """Rows by the name of their page; None where that version lacks the engine."""
    import pyarrow.dataset as parquet

    with tempfile.TemporaryDirectory() as folder:
        inputs, output = Path(folder, "in"), Path(folder, "out")
        inputs.mkdir()
        for case in pages:
            (inputs / f"{case.name}.pdf").write_bytes(case.content)
        command = [sys.executable, "-m", "jobs.ocr", str(inputs), "--output", str(output)]
        done = subprocess.run(
            [*command, "--engine.kind", engine], cwd=tree, capture_output=True, text=True
        )
        if not (output / "receipt.json").exists():
            print(f"{engine}: exit code {done.returncode}, {done.stderr.strip()[-200:]}")
            return None
        columns = ["uri", "text", "status", "source", "warnings", "error", "turned_deg"]
        table = parquet.dataset(output / "pages", format="parquet").to_table(columns)
    return {PurePath(row["uri"]).stem: row for row in table.to_pylist()}


def outcomes(tree: Path, pages: Iterable[Case], only: str = "") -> dict[str, Outcome]:
    """What becomes of each page with each engine, by "point · page · engine".

    Args:
        tree: The checkout.
        pages: The pages.
        only: Pattern of the names of the pages, "" for all.
    """
    found, made = {}, [case for case in pages if re.search(only, case.name)]
    for engine in ALL_ENGINES:
        given = [case for case in made if engine in case.engines]
        is_run = bool(given) and find_spec(_PACKAGES[engine]) is not None
        rows = run_job(given, engine, tree) if is_run else None
        for case in given:
            row = None if rows is None else rows.get(case.name)
            found[f"{case.point} · {case.name} · {engine}"] = outcome(case, row)
    return found


def table(now: dict[str, Outcome], before: dict[str, Outcome] | None) -> Iterator[str]:
    """The rows of a table in Markdown."""
    heads = ["", "page", "engine"]
    heads += ["before", "now"] if before is not None else ["now"]
    yield "| " + " | ".join([*heads, "status, source", "text", "said"]) + " |"
    yield "|---" * (len(heads) + 3) + "|"
    for name, one in now.items():
        verdicts = [] if before is None else [_before(before.get(name))]
        cells = [*name.split(" · "), *verdicts, f"**{one.verdict}**"]
        cells += [", ".join(filter(None, (one.status, one.source)))]
        yield "| " + " | ".join([*cells, _cell(one.piece), _cell(one.said, 90)]) + " |"


def counts(now: dict[str, Outcome], before: dict[str, Outcome] | None) -> Iterator[str]:
    """Rows in Markdown: how many pages of each kind became what, where names are drawn ones."""
    sides = [now] if before is None else [before, now]
    heads = ["now"] if before is None else ["before", "now"]
    cells = [f"{head}: {verdict}" for head in heads for verdict in _VERDICTS]
    yield f"| | kind | {' | '.join(cells)} |\n" + "|---" * (2 + len(cells)) + "|"
    kinds = dict.fromkeys(map(_kind_of, now))
    for kind in kinds:
        found = [
            Counter(one.verdict for name, one in side.items() if _kind_of(name) == kind)
            for side in sides
        ]
        shown = [str(each[verdict]) for each in found for verdict in _VERDICTS]
        yield f"| {' | '.join([*kind, *shown])} |"


def _kind_of(name: str) -> tuple[str, str]:
    """Point and kind of a page drawn at random, by its name."""
    point, page, _ = name.split(" · ")
    return point, re.split(r" \d", page)[0]


def _before(one: Outcome | None) -> str:
    if one is None:
        return "-"
    return f"{one.verdict}: {_cell(one.piece)}" if one.verdict == "wrong" else one.verdict


def _cell(text: str, longest: int = _MAX_PIECE) -> str:
    plain = text.replace("|", "\\|").replace("\n", " ")
    return plain if len(plain) <= longest else plain[:longest] + "…"


def main() -> int:
    """Print the table. Exit code 1 where a row is wrong and nothing says so."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust_cases", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tree", type=Path, default=Path(), help="checkout whose job is run")
    parser.add_argument("--only", default="", help="pattern of the names of the pages")
    parser.add_argument("--save", type=Path, help="JSON file for the outcomes")
    parser.add_argument("--before", type=Path, help="outcomes of another version, from --save")
    parser.add_argument("--drawn", type=int, default=0, help="pages of each kind, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the pages drawn at random")
    options = parser.parse_args()
    begin = time.perf_counter()
    pages = trust_drawn.cases(options.drawn, options.seed) if options.drawn else cases()
    now = outcomes(options.tree, pages, options.only)
    if options.save:
        options.save.write_text(json.dumps({name: asdict(one) for name, one in now.items()}))
    before = None
    if options.before:
        saved = json.loads(options.before.read_text())
        before = {name: Outcome(**fields) for name, fields in saved.items()}
    packages = [name for name in ("rapidocr", "tesserocr", "pymupdf") if find_spec(name)]
    told = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {told}, {time.perf_counter() - begin:.0f} s\n")
    print("\n".join(table(now, before)))
    if options.drawn:
        print("\n" + "\n".join(counts(now, before)))
    total = Counter(one.verdict for one in now.values())
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in total.most_common()))
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
