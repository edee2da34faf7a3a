"""Faults that a job meets, and what becomes of its pages.

Each scenario runs `python -m jobs.ocr` as a user does, brings its fault about, lets the job end or
runs the same command again, and counts. Small in the tests, larger in `benchmarks/faults.py`.

What is simulated: the engine is the fake one with a delay for each page. A second machine is a
second raylet on this one, with its own workers and object store. Memory that runs out in a worker
is a SIGKILL from within while it takes memory, which is all that a process sees of the kernel's
OOM killer; in the reader it is real, against the limit `read.memory_mib`. A full disk is a small
tmpfs.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline.storage import paths
from pipeline.storage.paths import AnyPath
from tests.support import job_process
from tests.support import sample_documents as documents
from tests.support.job_process import Head, Started
from tests.support.object_stores import Fault, S3Server

END_S = 240.0
"""Seconds after which a job that does not end by itself has failed."""
STOP_S = 30.0
"""Seconds that a job which is asked to stop may take."""
_DELAY_MS = 600
_SETTINGS = (
    *("--engine.kind", "fake", "--text-layer", "never", "--parquet.flush-s", "0.3"),
    *("--engine.fake.delay-ms", _DELAY_MS, "--engine.pages-in-flight", 4),
    *("--engine.workers", 1, "--stages.pages-per-task", 2, "--stages.local-engine-pages", 0),
)
_OWN_RAY = ("--ray.cpus", 2)


@dataclass
class Outcome:
    """What became of the pages of one or more jobs.

    Attributes:
        fault: What was brought about.
        tried: How often.
        pages: Pages that the plans have.
        rows: Rows in the outputs.
        duplicates: Rows whose page has another row.
        lost: Pages without a row.
        errors: Rows by their `error_kind`.
        extra_s: Seconds more than the same jobs took undisturbed.
        notes: What else is worth telling.
    """

    fault: str
    tried: int = 0
    pages: int = 0
    rows: int = 0
    duplicates: int = 0
    lost: int = 0
    errors: Counter[str | None] = field(default_factory=Counter)
    extra_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the fault was brought about and every page has its row, once."""
        return self.tried > 0 < self.pages == self.rows and not (self.duplicates or self.lost)

    def count(self, output: AnyPath, expected: int) -> None:
        """Add what an output holds.

        Args:
            output: Of a job that has ended.
            expected: Pages of its documents, as far as they open.
        """
        planned = _column(output / "_plan", "page_id")
        written = _column(output / "pages", "page_id")
        self.pages += expected
        self.rows += len(written)
        self.duplicates += len(written) - len(set(written))
        self.lost += len(set(planned) - set(written)) + max(0, expected - len(planned))
        self.errors.update(_column(output / "pages", "error_kind"))


def _column(place: AnyPath, name: str) -> list[str | None]:
    found = [paths.parquet(shard).read(columns=[name])[name] for shard in paths.shards(place)]
    return [value for column in found for value in column.to_pylist()]


@dataclass(frozen=True)
class Site:
    """Documents, and room for outputs.

    Attributes:
        place: For everything.
        pages: Pages of the documents.
        undisturbed_s: Seconds that a job takes on them with a Ray of its own.
    """

    place: Path
    pages: int
    undisturbed_s: float

    @classmethod
    def lay_out(cls, place: Path, pages: int) -> Site:
        """Write documents with so many pages and run a job on them."""
        site = cls(place, pages, 0.0)
        site.documents.mkdir()
        for number, start in enumerate(range(0, pages, 8)):
            name = site.documents / f"{number:03}.pdf"
            content = documents.text_pdf(min(8, pages - start))
            name.write_bytes(documents.marked(content, number))
        begin = time.monotonic()
        site.finish(place / "undisturbed")
        return cls(place, pages, time.monotonic() - begin)

    @property
    def documents(self) -> Path:
        """Where the documents are."""
        return self.place / "in"

    def output(self, name: str) -> Path:
        """A place where nothing is yet."""
        number = len(list(self.place.iterdir()))
        return self.place / f"{number:03}-{name}"

    def command(self, output: Path, *more: object, own_ray: bool = True) -> list[str]:
        """The job."""
        settings = (*_SETTINGS, *(_OWN_RAY if own_ray else ()), *more)
        places = ("-m", "jobs.ocr", self.documents, "--output", output)
        return [sys.executable, *map(str, (*places, *settings))]

    def finish(self, output: Path, *more: object, code: int = 0) -> str:
        """Run the job to its end, on a Ray of its own.

        Returns:
            What it says on standard error.
        """
        done = _ended(job_process.start(self.command(output, *more)))
        assert done.returncode == code, done.stderr
        return done.stderr


def _ended(started: Started) -> subprocess.CompletedProcess[str]:
    """Wait for the job; it must end by itself, and leave no process behind."""
    try:
        said, errors = started.process.communicate(timeout=END_S)
        _until(lambda: not started.left(), "its processes to end")
    finally:
        for process in started.left():
            process.kill()
    code = started.process.returncode
    return subprocess.CompletedProcess(started.process.args, code, said, errors)


def _until(holds: Callable[[], object], what: str, timeout_s: float = END_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.1)


def _shards(output: Path) -> int:
    """Shards of rows that are whole."""
    return len(list((output / "pages").glob("*.parquet")))


def _under_way(output: Path, started: Started, shards: int = 1) -> None:
    """Wait until some pages are written and others are not."""

    def is_under_way() -> bool:
        if started.process.poll() is not None:
            raise AssertionError(f"ended too soon: {started.process.communicate()}")
        return _shards(output) >= shards

    _until(is_under_way, "the first shards")


def driver_killed(site: Site, rounds: int, kills: int, rng: random.Random) -> Outcome:
    """SIGKILL to the driver at random moments, so many times a job; then the same command.

    A moment is told by the shards that are there, and a second: by the clock alone most would fall
    into Ray's start, which takes longer than the pages.
    """
    outcome = Outcome("driver killed (SIGKILL)")
    most = _shards(site.place / "undisturbed")
    for _ in range(rounds):
        output, begin = site.output("driver"), time.monotonic()
        for _ in range(kills):
            moment = _shards(output) + rng.randrange(max(1, most // kills - 1))
            started = job_process.start(site.command(output))
            _until(
                lambda s=started, o=output, m=moment: _has_ended(s) or _shards(o) >= m, "the moment"
            )
            time.sleep(rng.uniform(0, 1))
            outcome.tried += started.process.poll() is None
            started.process.kill()
            _ended(started)
            outcome.notes.append(f"killed at {_shards(output)} of {most} shards")
        site.finish(output)
        outcome.extra_s += time.monotonic() - begin - site.undisturbed_s
        outcome.count(output, site.pages)
    return outcome


def workers_killed(site: Site, stages: Sequence[str], rounds: int, rng: random.Random) -> Outcome:
    """SIGKILL to two workers while the job runs, of these stages.

    Not to more: a page that is alone on workers that die again and again is condemned.
    """
    outcome = Outcome(f"{' and '.join(dict.fromkeys(stages))} worker killed (SIGKILL)")
    for _ in range(rounds):
        output, begin = site.output("workers"), time.monotonic()
        started = job_process.start(site.command(output))
        for stage in stages:
            _until(lambda s=stage, j=started: _workers(j, s) or _has_ended(j), "a worker")
            with suppress(psutil.NoSuchProcess, IndexError):  # what draws may be done before
                rng.choice(_workers(started, stage)).kill()
                outcome.tried += 1
            time.sleep(rng.uniform(0.2, 1.5))
        done = _ended(started)
        assert done.returncode == 0, done.stderr
        outcome.extra_s += time.monotonic() - begin - site.undisturbed_s
        outcome.count(output, site.pages)
    return outcome


def settling_workers_killed(site: Site, kills: int, rng: random.Random) -> Outcome:
    """SIGKILL to render workers while they settle pages from their text layers.

    Rows of a task may have been taken when its worker dies: Ray runs the task again.
    """
    outcome = Outcome("render worker killed (SIGKILL) while pages are settled")
    output, begin = site.output("settling"), time.monotonic()
    more = ("--text-layer", "auto", "--stages.pages-per-task", 1, "--stages.max-lone-deaths", 9)
    more = (*more, "--stages.local-pages", 0)
    started = job_process.start(site.command(output, *more))
    for _ in range(kills):
        _until(lambda: _workers(started, "Render") or _has_ended(started), "a worker")
        with suppress(psutil.NoSuchProcess, IndexError):
            rng.choice(_workers(started, "Render")).kill()
            outcome.tried += 1
        time.sleep(rng.uniform(0.1, 0.6))
    done = _ended(started)
    assert done.returncode == 0, done.stderr
    outcome.extra_s += time.monotonic() - begin
    outcome.count(output, site.pages)
    return outcome


def settling_driver_stopped(site: Site, number: signal.Signals) -> Outcome:
    """A signal to the driver while it settles pages itself, without Ray; then the same command."""
    outcome = Outcome(f"driver stopped ({number.name}) while it settles pages")
    output, begin = site.output("local"), time.monotonic()
    # One reader: with more the pages may be done before the signal comes.
    more = ("--text-layer", "auto", "--stages.pages-per-task", 1, "--stages.render-workers", 1)
    started = job_process.start(site.command(output, *more))
    _under_way(output, started)
    assert not _raylets(started)
    started.process.send_signal(number)
    done = _ended(started)
    assert done.returncode == (130 if number is signal.SIGINT else -number), done.stderr
    _until(lambda: not started.left(), "the end of its readers")
    outcome.tried = 1
    kept = len(_column(output / "pages", "page_id"))
    outcome.notes.append(f"stopped at {kept} of {site.pages} rows")
    assert 0 < kept < site.pages
    assert f"{site.pages - kept} to do, {kept} done before" in site.finish(output, *more)
    outcome.extra_s += time.monotonic() - begin
    outcome.count(output, site.pages)
    return outcome


def _workers(started: Started, stage: str) -> list[psutil.Process]:
    """Those that have started; what draws, while it draws: it is done long before the job."""
    title = f"MapBatches({stage})" + (").submit" if stage == "Render" else "")
    named = [(one, _title(one)) for one in started.left()]
    return [one for one, name in named if title in name and "__init__" not in name]


def _title(process: psutil.Process) -> str:
    try:
        return "".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""  # it has just ended


def _has_ended(started: Started) -> bool:
    return started.process.poll() is not None


@contextmanager
def _second_node(head: Head) -> Iterator[Started]:
    """A node that joins a head, with as many CPUs; its raylet runs until it is killed.

    `ray.cluster_utils.Cluster` does the same and writes its address where every other Ray of the
    machine looks for one; this does not.
    """
    command = ["ray", "start", f"--address={head.address}", "--num-cpus=2", "--block"]
    # Another address: of two nodes with one, a driver may take the one that is to be lost.
    command += ["--node-ip-address=127.0.0.2", "--disable-usage-stats"]
    ports = [f"--dashboard-agent-listen-port={job_process.free_port()}"]
    started = job_process.start([*command, *ports], **job_process.TOKEN)
    try:
        _until(lambda: _raylets(started), "the second node")
        yield started
    finally:
        for process in started.left():
            process.kill()
        started.process.communicate()


def _raylets(started: Started) -> list[psutil.Process]:
    return [one for one in started.left() if one.name() == "raylet"]


def node_lost(site: Site, rounds: int) -> Outcome:
    """SIGKILL to the raylet of a second node, whose workers and objects go with it."""
    outcome = Outcome("raylet of a second node killed (SIGKILL)")
    for _ in range(rounds):
        output, begin = site.output("node"), time.monotonic()
        with job_process.running_head() as head, _second_node(head) as node:
            _until(lambda head=head: _nodes(head) == 2, "two nodes")
            more = ("--engine.workers", 4, "--stages.stall-s", 30)
            command = site.command(output, *more, own_ray=False)
            started = job_process.start(command, **head.environment)
            _under_way(output, started)
            [raylet] = _raylets(node)
            raylet.kill()
            outcome.tried += 1
            done = _ended(started)
            assert done.returncode == 0, done.stderr
            outcome.notes += [line for line in done.stderr.splitlines() if "again" in line]
        outcome.extra_s += time.monotonic() - begin - site.undisturbed_s
        outcome.count(output, site.pages)
    return outcome


def _nodes(head: Head) -> int:
    code = f"import ray; ray.init({head.address!r}, log_to_driver=False); print(len(ray.nodes()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=job_process.environment(**head.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return int(done.stdout)


def poisoned(site: Site, pages: int, poison: Sequence[int]) -> Outcome:
    """Pages that kill the engine's process each time, as if they took all memory."""
    outcome, place = Outcome("page that kills its engine"), site.output("poison")
    place.mkdir()
    poison_site = Site(place, pages, site.undisturbed_s)
    poison_site.documents.mkdir()
    sheets = [
        documents.Page(
            documents.text_content(documents.text_lines(number)),
            documents.LETTER[::-1] if number in poison else documents.LETTER,
        )
        for number in range(1, pages + 1)
    ]
    (poison_site.documents / "poison.pdf").write_bytes(documents.pdf(sheets))
    begin, output = time.monotonic(), place / "out"
    poison_site.finish(output, "--engine.fake.handler", "dies", code=3)
    outcome.tried = len(poison)
    outcome.extra_s = time.monotonic() - begin - site.undisturbed_s
    outcome.count(output, pages)
    return outcome


def out_of_memory(site: Site) -> Outcome:
    """A page that the reader has too little memory for."""
    outcome, place = Outcome("reader over its memory limit"), site.output("memory")
    place.mkdir()
    full_site = Site(place, 9, site.undisturbed_s)
    full_site.documents.mkdir()
    (full_site.documents / "good.pdf").write_bytes(documents.text_pdf(8))
    (full_site.documents / "large.pdf").write_bytes(documents.stacked_groups_pdf())
    begin, output = time.monotonic(), place / "out"
    full_site.finish(output, "--read.memory-mib", 256, code=3)
    outcome.tried = 1
    outcome.extra_s = time.monotonic() - begin - site.undisturbed_s
    outcome.count(output, 9)
    return outcome


def terminated(site: Site, rounds: int) -> Outcome:
    """SIGTERM to the driver, as before a machine is taken away; then the same command."""
    outcome = Outcome("driver told to end (SIGTERM)")
    slowest_s = 0.0
    for _ in range(rounds):
        output, begin = site.output("term"), time.monotonic()
        started = job_process.start(site.command(output))
        _under_way(output, started)
        asked = time.monotonic()
        started.process.send_signal(signal.SIGTERM)
        _, errors = started.process.communicate(timeout=STOP_S)
        slowest_s = max(slowest_s, time.monotonic() - asked)
        assert started.process.returncode == 130, errors
        assert started.left() == []
        outcome.tried += 1
        kept = len(_column(output / "pages", "page_id"))  # whole, or they could not be read
        assert f"{site.pages - kept} to do, {kept} done before" in site.finish(output)
        outcome.extra_s += time.monotonic() - begin - site.undisturbed_s
        outcome.count(output, site.pages)
    outcome.notes.append(f"ended within {slowest_s:.0f} s")
    return outcome


@contextmanager
def small_disk(place: Path, kib: int) -> Iterator[Path]:
    """A file system of its own, of so many KiB.

    Raises:
        PermissionError: This user may not mount one.
    """
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def disk_full(site: Site, rounds: int) -> Outcome:
    """No space on the output after the first shards; then, with space again, the same command."""
    outcome = Outcome("disk of the output full")
    for _ in range(rounds):
        with small_disk(site.output("disk"), 2048) as disk:
            output, begin = disk / "out", time.monotonic()
            started = job_process.start(site.command(output))
            _under_way(output, started)
            _fill(disk / "filler")
            done = _ended(started)
            assert done.returncode == 1, done.stderr
            assert "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr
            outcome.tried += 1
            (disk / "filler").unlink()
            kept = len(_column(output / "pages", "page_id"))
            assert f"{kept} done before" in site.finish(output)
            outcome.extra_s += time.monotonic() - begin - site.undisturbed_s
            outcome.count(output, site.pages)
    return outcome


def store_faults(site: Site, server: S3Server) -> Outcome:
    """A store that is busy, breaks off, is slow and loses a document between plan and run."""
    outcome = Outcome("store: 503, reset in mid-body, slow, a key that vanishes")
    for name in ("busy", "reset", "slow", "gone"):
        server.put(f"in/{name}.pdf", documents.marked(documents.text_pdf(4), name))
    server.faults += [
        Fault("busy", "busy.pdf", times=3, method="HEAD GET"),
        Fault("reset", "reset.pdf", times=2),
        Fault("slow", "slow.pdf", times=1),
        Fault("gone", "gone.pdf", after=2, method="HEAD GET"),
        Fault("busy", "pages/part-", times=2, method="PUT"),
    ]
    output, begin = f"s3://{server.bucket}/out", time.monotonic()
    places = [f"s3://{server.bucket}/in/", "--output", output]
    more = ["--store.s3-endpoint", server.endpoint, "--store.pause-s", "0.05", "--store.read-s", 5]
    command = [sys.executable, "-m", "jobs.ocr", *map(str, (*places, *_SETTINGS, *_OWN_RAY, *more))]
    done = _ended(job_process.start(command))
    assert done.returncode == 3, done.stderr
    outcome.tried = 5
    outcome.extra_s = time.monotonic() - begin - site.undisturbed_s
    outcome.count(paths.output_path(output, server.config()), 16)
    return outcome


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            os.fsync(file.fileno())
