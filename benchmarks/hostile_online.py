"""What the service answers to hostile files: ``python -m benchmarks.hostile_online``.

Every file of a manifest is posted to `/v1/chat/completions` (as a data URI) and to `/v1/ocr` (as
a form), against the real routes and readers in this process with the fake engine. Printed are a
table of classes, and every answer that is neither 200 nor 4xx. Exit code 1 if there was a 5xx
other than 504, if the service is not well at the end, or if it leaves a process or a file behind.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.config import ReadConfig
from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import LimitConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Answer, Online, image, running

TYPES = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
}
"""What a file is called; other kinds go as PNG, so that a reader has to look at them."""
WIDTH = 120
_BOUNDARY = "a-line-that-stands-in-no-file-9c1b"
_FAILED, _LATE = 500, 504


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file at one endpoint.

    Attributes:
        cls: The file's class.
        name: The file's name.
        endpoint: "chat" or "ocr".
        status: HTTP status.
        code: The error's code, or the kinds of the failed pages, "" where there were none.
        seconds: Until the answer was there.
    """

    cls: str
    name: str
    endpoint: str
    status: int
    code: str
    seconds: float

    @property
    def is_wrong(self) -> bool:
        """Whether no hostile file may cause it."""
        return self.status >= _FAILED and self.status != _LATE


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile_online")
    parser.add_argument("--manifest", type=Path, default=Path("../shared/corpus/manifest.csv"))
    parser.add_argument("--wall-s", type=float, default=4.0, help="read.wall_s of the service")
    arguments = parser.parse_args(argv)
    config = ServeConfig.model_validate(
        {
            "engine": {"kind": "fake"},
            "chat": live_service.chat_config(),
            "read": ReadConfig(wall_s=arguments.wall_s),
            "limits": LimitConfig(request_s=60),
        }
    )
    begin = time.perf_counter()
    before = set(_children())
    with running(config, FakeEngine(HANDLERS["echo"])) as service:
        outcomes = list(_post_all(service, arguments.manifest))
        faults = [f"{o.name} at {o.endpoint}: {o.status}" for o in outcomes if o.is_wrong]
        faults += _unwell(service)
    faults += [f"left running: {child}" for child in set(_children()) - before]
    _print_classes(outcomes)
    _print_unusual(outcomes)
    print(f"{len(outcomes)} requests, {time.perf_counter() - begin:.0f} s")
    for fault in faults:
        print(f"WRONG {fault}")
    return 1 if faults else 0


def _post_all(service: Online, manifest: Path) -> Iterator[Outcome]:
    for cls, path in _files(manifest):
        content, kind = path.read_bytes(), TYPES.get(path.suffix.lower(), "image/png")
        for endpoint in ("chat", "ocr"):
            begin = time.perf_counter()
            if endpoint == "chat":
                answer = service.chat(image(content, kind))
            else:
                answer = _upload(service, content, path.name)
            seconds = time.perf_counter() - begin
            yield Outcome(cls, path.name, endpoint, answer.status, _code(answer), seconds)


def _files(manifest: Path) -> Iterator[tuple[str, Path]]:
    """Classes and paths of the hostile ones."""
    with manifest.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["set"] == "hostile":
                yield line["cls"], manifest.parent / line["file"]


def _upload(service: Online, content: bytes, name: str) -> Answer:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"'
    body = f"{head}\r\n\r\n".encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return service.post("/v1/ocr", body, {"Content-Type": kind})


def _code(answer: Answer) -> str:
    values: Any = answer.json
    if "error" in values:
        return str(values["error"]["code"])
    kinds = {page["error"]["kind"] for page in values.get("pages", ()) if page["error"]}
    return "+".join(sorted(kinds))


def _unwell(service: Online) -> Iterator[str]:
    """What is wrong with a service that is still to run."""
    if service.get("/health").status != 200:
        yield "no health"
    good = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    if service.chat(image(good)).status != 200:
        yield "it reads no image"
    if left := list(service.readers._folder.glob("tmp*")):
        yield f"{len(left)} files kept"


def _children() -> Iterator[psutil.Process]:
    for child in psutil.Process().children(recursive=True):
        if child.status() != psutil.STATUS_ZOMBIE:
            yield child


def _print_classes(outcomes: Sequence[Outcome]) -> None:
    by_class: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_class[outcome.cls].append(outcome)
    print(f"{'class':22} {'files':>5} {'slowest s':>9}  {'chat':38} ocr")
    for cls, members in by_class.items():
        chat, ocr = (_counted(members, endpoint) for endpoint in ("chat", "ocr"))
        slowest = max(member.seconds for member in members)
        print(f"{cls:22} {len(members) // 2:>5} {slowest:>9.1f}  {chat:38} {ocr}"[:WIDTH])
    chat, ocr = (_totals(outcomes, endpoint) for endpoint in ("chat", "ocr"))
    print(f"{'all':22} {len(outcomes) // 2:>5} {'':9}  {chat:38} {ocr}\n")


def _counted(members: Sequence[Outcome], endpoint: str) -> str:
    """Statuses with their codes, most frequent first."""
    counts = Counter(
        f"{member.status} {member.code}".strip()
        for member in members
        if member.endpoint == endpoint
    )
    return ", ".join(f"{count}x{what}" for what, count in counts.most_common())


def _totals(members: Sequence[Outcome], endpoint: str) -> str:
    counts = Counter(member.status for member in members if member.endpoint == endpoint)
    return ", ".join(f"{count}x{status}" for status, count in sorted(counts.items()))


def _print_unusual(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.status != 200 and not 400 <= outcome.status < _FAILED:
            print(f"{outcome.name} at {outcome.endpoint}: {outcome.status} {outcome.code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
