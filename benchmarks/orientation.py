"""Which pages are turned, and whether rightly.

    python -m benchmarks.orientation FILE_OR_FOLDER... [--pages 3] [--askew 1.5] [--upright-only]
    python -m benchmarks.orientation --made 160 --seed 7

Every page is taken to lie as it should, turned in all four ways, and given to the detector where
its projection profile is suspicious. The table has the true turn in its rows and the answer in its
columns. Precision is the right share of the pages that are turned at all, recall the right share of
those that have to be; the filter's recall is the share of those that are suspicious, the detector's
the right share of these. With `--askew` each page is rotated by so many degrees first and gets a
scanner's noise. `--made` takes pages of `benchmarks.orientation_pages` instead of files.

Times are CPU times of this process, of all threads. Pages that lie wrongly in their files are
mistakes of the table, and are named under it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np

from benchmarks.orientation_pages import scanned, sheets
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import RecordedError
from pipeline.imaging.projection import projection_profile
from pipeline.imaging.rotation import TURNS, turn_pixels
from pipeline.recognition.orientation import OrientationDetector
from pipeline.types import Pixels


def drawn(reader: SandboxClient, paths: list[Path], most: int) -> Iterator[tuple[str, Pixels]]:
    """The first pages of every document that opens, each document once."""
    files = [path for root in paths for path in (sorted(root.rglob("*.*")) or [root])]
    seen: set[str] = set()
    for path in files:
        try:
            document = reader.inspect(str(path.resolve()))
            if document.doc_id in seen:
                continue
            seen.add(document.doc_id)
            for page in range(1, min(most, len(document.pages)) + 1):
                image = reader.render(str(path.resolve()), page)
                yield f"{path.name} p{page}", image.pixels
        except RecordedError:
            continue


class Answer(NamedTuple):
    """What became of a page in one direction.

    Attributes:
        true: The turn that it needs.
        given: The turn that it got.
        is_suspicious: Whether it was given to the detector.
        profile_ms: CPU time of the projection profile.
        detector_ms: CPU time of the detector.
    """

    true: int
    given: int
    is_suspicious: bool
    profile_ms: float
    detector_ms: float


def answer(detector: OrientationDetector, lying: Pixels, true: int) -> Answer:
    """Decide about a page as the pipeline does."""
    begin = time.process_time()
    is_suspicious = projection_profile(lying).may_need_turn
    middle = time.process_time()
    given = detector.turn(lying) if is_suspicious else 0
    end = time.process_time()
    return Answer(true, given, is_suspicious, 1000 * (middle - begin), 1000 * (end - middle))


def askew(pages: Iterator[tuple[str, Pixels]], deg: float) -> Iterator[tuple[str, Pixels]]:
    """The pages as a careless scanner sees them; unchanged where there is no angle."""
    for name, pixels in pages:
        random = np.random.default_rng(0)
        yield name, scanned(pixels, deg, 12 if deg else 0, random)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--pages", type=int, default=3, help="pages of every document")
    parser.add_argument("--askew", type=float, default=0.0, help="degrees, and noise")
    parser.add_argument("--upright-only", action="store_true", help="leave the pages as they lie")
    parser.add_argument("--made", type=int, default=0, help="so many made pages, and no files")
    parser.add_argument("--seed", type=int, default=0, help="of the made pages")
    options = parser.parse_args()
    if not options.made and not options.paths:
        parser.error("no pages: name files or folders, or give --made N for made pages")
    detector = OrientationDetector()
    detector.turn(np.zeros((100, 100, 3), np.uint8))  # loads the classifier
    detector.turn(np.zeros((100, 400, 3), np.uint8))  # too long for it: loads what reads
    answers: list[Answer] = []
    wrong: list[str] = []
    with SandboxClient() as reader:
        made = ((sheet.name, sheet.pixels) for sheet in sheets(options.made, options.seed))
        files = askew(drawn(reader, options.paths, options.pages), options.askew)
        for name, page in made if options.made else files:
            for true in (0,) if options.upright_only else TURNS:
                answers.append(answer(detector, turn_pixels(page, -true % 360), true))
                if answers[-1].given not in (true, 0):
                    wrong.append(f"{name}: has to be turned by {true}, not {answers[-1].given}")
    if not answers:
        parser.error("no document under the given paths could be opened")
    report(answers)
    print(*wrong, sep="\n")
    return 0


def report(answers: list[Answer]) -> None:
    """Print the confusion table, its rates and the costs."""
    table = Counter((one.true, one.given) for one in answers)
    print("has to be turned   turned by " + "".join(f"{deg:8}" for deg in TURNS))
    for true in TURNS:
        print(f"{true:16}             " + "".join(f"{table[true, deg]:8}" for deg in TURNS))
    turned = [one for one in answers if one.given]
    lying = [one for one in answers if one.true]
    found = [one for one in lying if one.is_suspicious]
    right = sum(one.given == one.true for one in lying)
    upright = sum(table[0, deg] for deg in TURNS)
    print(f"upright pages left alone: {table[0, 0]} of {upright}", end="; ")
    print(f"precision {right / max(1, len(turned)):.4f}, recall {right / max(1, len(lying)):.4f}")
    print(f"recall of the filter {len(found) / max(1, len(lying)):.4f}", end=", ")
    print(f"of the detector {right / max(1, len(found)):.4f}")
    report_costs(answers)


def report_costs(answers: list[Answer]) -> None:
    """Print the CPU times of the filter and the detector."""
    profile = mean(one.profile_ms for one in answers)
    print(f"profile: {len(answers)} pages, mean {profile:.1f} CPU ms")
    for kind, suspicious in (
        ("suspicious", [one.detector_ms for one in answers if one.is_suspicious]),
        ("suspicious upright", [x.detector_ms for x in answers if x.is_suspicious and not x.true]),
    ):
        if suspicious:
            print(f"{kind}: {len(suspicious)} pages, detector", end=" ")
            print(f"median {median(suspicious):.1f}, mean {mean(suspicious):.1f} CPU ms")


if __name__ == "__main__":
    sys.exit(main())
