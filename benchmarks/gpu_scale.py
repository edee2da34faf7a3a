"""A simulation of the job on many GPUs of one host: how many CPU cores keep them fed.

    python -m benchmarks.gpu_scale --cpu-ms 12.3 --pages-per-s 15.5 --host-cores 3.5

Nothing runs here but arithmetic: a page's CPU time before the engine and the rate of an engine were
measured on one GPU (`benchmarks/results/`), and the simulation asks what follows from them. Cores
make pages ready one by one, each engine reads at its own rate and holds a fixed number of pages;
a core waits while every engine is full. What it leaves out: memory bandwidth of the host, storage,
and whatever else many processes share; jobs on two GPUs made 95 to 105 % of twice one.
"""

from __future__ import annotations

import argparse
import heapq
import random
from dataclasses import dataclass

_PAGES_PER_GPU = 2000


@dataclass(frozen=True, slots=True)
class Times:
    """Measured times of a page.

    Attributes:
        cpu_ms: CPU time of all stages before the engine, one core.
        engine_ms: Time of a page on the GPU in steady state: one over its pages/s.
        host_cores: Cores that an engine's own processes keep busy.
    """

    cpu_ms: float
    engine_ms: float
    host_cores: float


def simulate(gpus: int, cores: int, times: Times, ahead: int = 576, seed: int = 0) -> float:
    """Pages per second of a host.

    Cores draw and prepare pages for whichever engine has least in front of it; each engine holds
    at most `ahead` pages, and a core waits while all are full.

    Args:
        gpus: Engines, one a GPU.
        cores: Cores of the host.
        times: Of a page.
        ahead: Pages that an engine holds, seats included.
        seed: Of the spread of CPU times (exponential: pages differ much).
    """
    workers = int(cores - gpus * times.host_cores)
    if workers < 1:
        return 0.0
    rng = random.Random(seed)
    free = [0.0] * workers
    done: list[list[float]] = [[] for _ in range(gpus)]
    for _ in range(_PAGES_PER_GPU * gpus):
        begin = heapq.heappop(free)
        ends = [pages[-ahead] if len(pages) >= ahead else 0.0 for pages in done]
        target = min(range(gpus), key=lambda g: (ends[g], len(done[g])))
        ready = max(begin + rng.expovariate(1 / times.cpu_ms), ends[target])
        heapq.heappush(free, ready)
        last = done[target][-1] if done[target] else 0.0
        done[target].append(max(ready, last) + times.engine_ms)
    return 1000 * _PAGES_PER_GPU * gpus / max(pages[-1] for pages in done if pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--cores", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--cpu-ms", type=float, required=True, help="of a page before the engine")
    parser.add_argument("--pages-per-s", type=float, required=True, help="of an engine, fed")
    parser.add_argument("--host-cores", type=float, required=True, help="of an engine's processes")
    options = parser.parse_args()
    times = Times(options.cpu_ms, 1000 / options.pages_per_s, options.host_cores)
    print(f"| GPUs | {' | '.join(f'{cores} cores' for cores in options.cores)} |")
    print(f"| ---: |{' ---: |' * len(options.cores)}")
    for gpus in options.gpus:
        rates = [simulate(gpus, cores, times) for cores in options.cores]
        print(f"| {gpus} | {' | '.join(f'{rate:.0f}' for rate in rates)} |")


if __name__ == "__main__":
    main()
