"""Which pages are turned, and whether rightly.

    python -m benchmarks.orientation FILE_OR_FOLDER... [--pages 3] [--askew 1.5] [--upright-only]

Every page is taken to lie as it should, turned in all four ways, and given to the compass. The
table has the true turn in its rows and the answer in its columns. Precision is the right share of
the pages that are turned at all, recall the right share of those that have to be. With `--askew`
each page is rotated by so many degrees first and gets a scanner's noise.

Pages that lie wrongly in their files are mistakes of the table, and are named under it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

import numpy as np
from PIL import Image

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


def scanned(pixels: Pixels, deg: float) -> Pixels:
    """The page as a careless scanner sees it."""
    if not deg:
        return pixels
    white = (255, 255, 255)
    askew = Image.fromarray(pixels).rotate(deg, Image.Resampling.BICUBIC, fillcolor=white)
    noise = np.random.default_rng(0).normal(0, 12, pixels.shape)
    return np.clip(np.asarray(askew) + noise, 0, 255).astype(np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=3, help="pages of every document")
    parser.add_argument("--askew", type=float, default=0.0, help="degrees, and noise")
    parser.add_argument("--upright-only", action="store_true", help="leave the pages as they lie")
    options = parser.parse_args()
    table: dict[int, Counter[int]] = defaultdict(Counter)
    wrong: list[str] = []
    times: dict[bool, list[float]] = {True: [], False: []}
    compass = OrientationDetector()
    compass.turn(np.zeros((100, 100, 3), np.uint8))  # loads the models
    with SandboxClient() as reader:
        for name, pixels in drawn(reader, options.paths, options.pages):
            page = scanned(pixels, options.askew)
            for true in (0,) if options.upright_only else TURNS:
                lying = turn_pixels(page, -true % 360)
                begin = time.perf_counter()
                may_need_turn = projection_profile(lying).may_need_turn
                answer = compass.turn(lying) if may_need_turn else 0
                times[may_need_turn].append(time.perf_counter() - begin)
                table[true][answer] += 1
                if answer != true and (true == 0 or answer != 0):
                    wrong.append(f"{name}: has to be turned by {true}, was turned by {answer}")
    report(table, times)
    print(*wrong, sep="\n")
    return 0


def report(table: dict[int, Counter[int]], times: dict[bool, list[float]]) -> None:
    """Print the confusion table."""
    print("has to be turned   turned by " + "".join(f"{deg:8}" for deg in TURNS))
    for true in table:
        print(f"{true:16}             " + "".join(f"{table[true][deg]:8}" for deg in TURNS))
    turned = sum(count for row in table.values() for deg, count in row.items() if deg)
    right = sum(table[deg][deg] for deg in TURNS[1:])
    lying = sum(sum(table[deg].values()) for deg in TURNS[1:] if deg in table)
    upright = sum(table[0].values())
    print(f"upright pages left alone: {table[0][0]} of {upright}", end="; ")
    print(f"precision {right / max(1, turned):.4f}, recall {right / max(1, lying):.4f}")
    for suspicious, seconds in times.items():
        if seconds:
            kind = "suspicious" if suspicious else "unsuspicious"
            ms = [1000 * second for second in seconds]
            print(f"{kind}: {len(ms)} pages, median {median(ms):.0f} ms, mean {mean(ms):.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
