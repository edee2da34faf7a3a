"""Scores of an output: ``rayscribe evaluate OUTPUT --truth PLACE``.

Compares the text of each page with what the page says: words (F1), characters (CER), words in
order (WER), order of lines (Kendall's tau), tables (TEDS). Means are over pages; their 95 %
intervals are from a bootstrap that draws documents.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import ConfigError
from pipeline.exit_codes import BAD_PAGES, COMPLETE, exit_code
from pipeline.output.export.names import common_folder
from pipeline.output.reader_command import no_pages, parser_of
from pipeline.output.shards import pages_folder
from pipeline.storage.flags import add_store_flags, store_of

if TYPE_CHECKING:
    from pipeline.evaluation.output_texts import OutputTexts
    from pipeline.evaluation.page_tests import Outcome
    from pipeline.evaluation.scores import PageScore
    from pipeline.evaluation.truth import Truth

PROG = "python -m jobs.evaluate"
_OWN_LAYERS: Final = "text-layer"
_EPILOG = """\
truth:
  text          NAME.pNNNN.txt (one page, from 0), or NAME.txt with form feeds
  markdown      NAME.pNNNN.md, or NAME.md with the anchors of an export
  text-layer    a PDF or a folder of PDFs; --truth text-layer: the output's own
  olmocr-bench  JSONL of tests, a file or a folder (types present, absent, order,
                table, math, baseline, format, footnote; others are counted as not
                run, and formulas are compared as LaTeX, not as pictures)
  omnidocbench  the JSON of annotations
A document is found by its name, with or without folders and ending.

exit codes: 0 all pages with truth have a row with status ok or blank; 3 some have
not, and count as they are; 1 not finished; 2 wrong usage. Documents that are not in
the output are counted, and change no code.
"""


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Evaluate, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    arguments = _parser(prog).parse_args(argv)
    return exit_code(lambda: _run(arguments), prog, "evaluate")


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = parser_of(prog, __doc__, _EPILOG)
    parser.add_argument("--truth", required=True, metavar="PLACE", help="a file, a folder, below")
    parser.add_argument("--form", metavar="NAME", help="the form of the truth (default: by suffix)")
    parser.add_argument("--recipe", default="", metavar="HASH", help="beginning of a recipe_hash")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all scores here")
    parser.add_argument("--against", type=Path, metavar="FILE", help="an earlier --json: compare")
    parser.add_argument(
        "--documents", type=int, default=20, metavar="N", help="lines for the worst (default: 20)"
    )
    add_store_flags(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from pipeline.evaluation.output_texts import OutputTexts
    from pipeline.evaluation.truth import FORMS, form_of

    place = Path(arguments.truth)
    is_own = arguments.truth == _OWN_LAYERS and not place.exists()
    form = arguments.form or (_OWN_LAYERS if is_own else form_of(place))
    if form not in FORMS:
        raise ConfigError(f"unknown form {form!r}; choose from {', '.join(FORMS)}")
    texts = OutputTexts(pages_folder(arguments.output, store_of(arguments)), arguments.recipe)
    if not len(texts):
        raise ConfigError(no_pages(arguments.output))
    if form == "olmocr-bench":
        return _run_tests(arguments, texts, place)
    return _run_scores(arguments, texts, _truths(arguments, form, texts, None if is_own else place))


def _truths(
    arguments: argparse.Namespace, form: str, texts: OutputTexts, place: Path | None
) -> Iterator[Truth]:
    from pipeline.evaluation import layers, omnidocbench
    from pipeline.evaluation.truth import FILE_FORMS

    if place is None:
        yield from layers.layers_of_documents(texts.uris(), store_of(arguments), _say)
    elif form == _OWN_LAYERS:
        yield from layers.layers_of_folder(place, _say)
    elif form == "omnidocbench":
        yield from omnidocbench.load(place)
    else:
        yield from FILE_FORMS[form](place)


def _run_scores(arguments: argparse.Namespace, texts: OutputTexts, truths: Iterator[Truth]) -> int:
    from pipeline.evaluation import summary
    from pipeline.evaluation.scores import MEASURES, PageScore, page_scores

    missing: set[str] = set()
    known = _of_output(_without_copies(arguments, truths, texts), texts, missing)
    scores = list(page_scores(known, texts))
    _check_found(scores, texts)
    worst, folder = _worst(scores, arguments.documents), common_folder(texts.uris())
    lines = list(summary.table("document", scores, MEASURES, documents=worst, folder=folder))
    means = summary.means(scores, MEASURES)
    content = {"means": means, "pages": [asdict(score) for score in scores]}
    before = _earlier(arguments, "pages")
    if before is not None:
        old = [PageScore(**page) for page in before]
        lines += summary.comparison("pages", old, scores, MEASURES, _page_key)
    lines += _missing_line(len(missing))
    return _finish(arguments, lines, content, Counter(score.status for score in scores))


def _run_tests(arguments: argparse.Namespace, texts: OutputTexts, place: Path) -> int:
    from pipeline.evaluation import olmocr_bench
    from pipeline.evaluation.page_tests import Outcome, outcome_table, outcomes, pass_rates

    tests = olmocr_bench.load(place)
    results = list(outcomes(tests, texts))
    _check_found(results, texts)
    lines = list(outcome_table(results))
    others = Counter(test.kind for test in tests if olmocr_bench.passes(test, "") is None)
    lines += [f"not run: {count} tests of the type {kind}" for kind, count in others.items()]
    if any(result.kind == "math" for result in results):
        lines.append("math is a lower bound: formulas are compared as LaTeX, not as pictures")
    lines += _missing_line(len({test.pdf for test in tests if texts.find(test.pdf) is None}))
    content = pass_rates(results) | {"tests": [asdict(result) for result in results]}
    before = _earlier(arguments, "tests")
    if before is not None:
        lines += _changes([Outcome(**test) for test in before], results)
    pages = {(result.document, result.page): result.status for result in results}
    return _finish(arguments, lines, content, Counter(pages.values()))


def _finish(
    arguments: argparse.Namespace, lines: Sequence[str], content: object, statuses: Counter[str]
) -> int:
    from pipeline.evaluation.summary import write_json

    print("\n".join(lines))
    bad = {name: count for name, count in statuses.items() if name not in ("ok", "blank")}
    if bad:
        said = ", ".join(f"{count} {name or 'without a row'}" for name, count in bad.items())
        print(f"pages that count as they are: {said}")
    if arguments.json:
        write_json(content, arguments.json)
    return BAD_PAGES if bad else COMPLETE


def _without_copies(
    arguments: argparse.Namespace, truths: Iterator[Truth], texts: OutputTexts
) -> Iterator[Truth]:
    """Leave out pages whose text was taken from the layer that would be its truth."""
    left_out = 0
    for truth in truths:
        own = arguments.truth == _OWN_LAYERS and truth.page is not None
        if own and texts.page(truth.name, truth.page or 0).source in ("text_layer", "mixed"):
            left_out += 1
            continue
        yield truth
    if left_out:
        _say(f"{left_out} pages are left out: their text is that of the text layer")


def _of_output(truths: Iterator[Truth], texts: OutputTexts, missing: set[str]) -> Iterator[Truth]:
    """Leave out documents that the output has not, and add their names to a set."""
    for truth in truths:
        if texts.find(truth.name) is None:
            missing.add(truth.name)
        else:
            yield truth


def _missing_line(documents: int) -> list[str]:
    return [f"{documents} of the documents are not in the output"] if documents else []


def _check_found(scores: Sequence[PageScore] | Sequence[Outcome], texts: OutputTexts) -> None:
    if not scores:
        example = texts.uris()[0]
        raise ConfigError(f"no truth for any document of the output, such as {example}")


def _worst(scores: Sequence[PageScore], count: int) -> list[str]:
    """The documents with the most character errors, worst first."""
    totals: dict[str, list[float]] = {}
    for score in scores:
        totals.setdefault(score.document, []).append(score.cer)
    ranked = sorted(totals, key=lambda name: -sum(totals[name]) / len(totals[name]))
    return ranked[: max(0, count)]


def _earlier(arguments: argparse.Namespace, key: str) -> list[dict[str, Any]] | None:
    import json

    if arguments.against is None:
        return None
    try:
        return list(json.loads(arguments.against.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"--against {arguments.against}: no result of this command: {error!r}"
        raise ConfigError(message) from None


def _changes(before: Sequence[Outcome], after: Sequence[Outcome]) -> Iterator[str]:
    old = {(test.suite, test.document, test.id): test for test in before}
    pairs = [(old.get((test.suite, test.document, test.id)), test) for test in after]
    for word, passed in (
        ("pass now and did not before", True),
        ("fail now and passed before", False),
    ):
        changed = [b for a, b in pairs if a and a.passed is not passed and b.passed is passed]
        yield f"{len(changed)} tests {word}"
        yield from (f"  {test.suite} {test.id}" for test in changed[:10])


def _page_key(score: PageScore) -> tuple[str, int]:
    return score.document, score.page


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
