"""What becomes of the pages when something breaks: ``python -m benchmarks.faults``.

The scenarios of `tests/integration/batch/scenarios.py`, more often and with more pages. Printed is
a Markdown table: the fault, how often it was brought about, pages planned, rows written,
duplicates, lost pages, rows with an error, and the mean extra time of a job against the same job
undisturbed (with the second run, where the same command is run again). Exit code 1 if a page was
lost or done twice.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.integration.batch import scenarios
from tests.integration.batch.scenarios import Outcome, Site
from tests.support import job_process, object_stores

_HEAD = ("fault", "times", "pages", "rows", "duplicates", "lost", "error rows", "extra s", "notes")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--pages", type=int, default=40, help="pages of a job")
    parser.add_argument("--rounds", type=int, default=10, help="times the driver is killed")
    parser.add_argument("--seed", type=int, default=6, help="of the random moments")
    parser.add_argument("--only", nargs="+", help="parts of the names of the faults to run")
    arguments = parser.parse_args(argv)
    os.environ |= job_process.TOKEN | object_stores.CREDENTIALS
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        site = Site.lay_out(Path(place), arguments.pages)
        print(f"A job of {site.pages} pages takes {site.undisturbed_s:.0f} s undisturbed.\n")
        print(_line(_HEAD), _line(["---"] * len(_HEAD)), sep="\n", flush=True)
        wanted = _faults(site, arguments.rounds, random.Random(arguments.seed))
        only = arguments.only or list(wanted)
        found = [_shown(run(), site) for name, run in wanted.items() if name in only]
    return 0 if all(outcome.is_whole for outcome in found) else 1


def _faults(site: Site, rounds: int, rng: random.Random) -> dict[str, Callable[[], Outcome]]:
    fewer = max(1, rounds // 3)
    poison = [site.pages // 3, site.pages // 2]
    return {
        "driver": lambda: scenarios.driver_killed(site, rounds, 1, rng),
        "render": lambda: scenarios.workers_killed(site, ["Render"] * 2, fewer, rng),
        "engine": lambda: scenarios.workers_killed(site, ["Recognise"] * 2, fewer, rng),
        "node": lambda: scenarios.node_lost(site, fewer),
        "poison": lambda: scenarios.poisoned(site, site.pages, poison),
        "memory": lambda: scenarios.out_of_memory(site),
        "disk": lambda: scenarios.disk_full(site, fewer),
        "store": lambda: _store(site),
        "term": lambda: scenarios.terminated(site, fewer),
    }


def _store(site: Site) -> Outcome:
    with object_stores.running_s3() as server:
        return scenarios.store_faults(site, server.fresh())


def _shown(outcome: Outcome, site: Site) -> Outcome:
    errors = ", ".join(f"{n} {kind}" for kind, n in outcome.errors.items() if kind)
    jobs_run = max(1, outcome.pages // site.pages)
    columns = [outcome.fault, outcome.tried, outcome.pages, outcome.rows, outcome.duplicates]
    columns += [outcome.lost, errors or 0, f"{outcome.extra_s / jobs_run:.0f}"]
    print(_line([*columns, "; ".join(dict.fromkeys(outcome.notes))]), flush=True)
    return outcome


def _line(columns: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, columns))} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
