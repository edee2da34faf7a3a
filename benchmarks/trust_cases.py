"""What becomes of made pages that are easily read wrong, by the project's own job.

    python -m benchmarks.trust_cases                             # this version
    python -m benchmarks.trust_cases --tree OLD --save old.json  # that of another checkout
    python -m benchmarks.trust_cases --before old.json           # both in one table

The pages are those of `benchmarks.trust_pages`. The job is run with the command `jobs.ocr` alone,
in the checkout `--tree`, with the CPU engine and, for pages in other scripts, with Tesseract where
it is installed. A row is

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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any, Final

from benchmarks.trust_pages import ALL_ENGINES, Case, cases

_PACKAGES: Final = {"onnx": "rapidocr", "tesseract": "tesserocr"}
_DONE: Final = (0, 3)
"""Exit codes of a job that finished; 3 with failed pages. Earlier versions have 1 for both."""
_MARKUP: Final = re.compile(r"<[^>]+>|\||-{3,}|\*\*")
_MIN_WORDS: Final = 0.9
_MAX_PIECE: Final = 46


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
    words, found = Counter(case.words.split()), Counter(flat(text).split())
    has_words = (words & found).total() >= _MIN_WORDS * words.total()
    in_order = re.search(".*".join(case.holds), flat(text), re.DOTALL) is not None
    is_free = not any(re.search(pattern, text) for pattern in case.lacks)
    begins = [line.strip(" |#*-") for line in text.splitlines()]
    has_lines = all(any(line.startswith(each) for line in begins) for each in case.lines)
    return has_words and in_order and is_free and has_lines


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


def outcomes(tree: Path, only: str = "") -> dict[str, Outcome]:
    """What becomes of each page with each engine, by "point · page · engine".

    Args:
        tree: The checkout.
        only: Pattern of the names of the pages, "" for all.
    """
    found, made = {}, [case for case in cases() if re.search(only, case.name)]
    for engine in ALL_ENGINES:
        pages = [case for case in made if engine in case.engines]
        is_run = bool(pages) and find_spec(_PACKAGES[engine]) is not None
        rows = run_job(pages, engine, tree) if is_run else None
        for case in pages:
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
    options = parser.parse_args()
    begin = time.perf_counter()
    now = outcomes(options.tree, options.only)
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
    counts = Counter(one.verdict for one in now.values())
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
