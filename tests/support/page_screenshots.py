"""Makes the pictures of the service's page anew: `python -m tests.support.page_screenshots URL TO`.

The service at URL has to run and to need no key.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import pymupdf
from PIL import Image

from tests.support import structured_pages
from tests.support.chromium import Tab
from tests.support.job_process import ROOT
from tests.support.page_in_browser import done, opened, read

COLOURS = 256
DESKTOP, PHONE = (1280, 760), (375, 760)
SAMPLES = ("article.pdf", "invoice.pdf", "notice.jpg", "fax.tiff")


def document() -> bytes:
    """A page with all that a page can have, and the samples after it."""
    with pymupdf.open("pdf", structured_pages.page()) as made:
        for name in SAMPLES:
            with pymupdf.open(ROOT / "samples" / name) as sample:
                made.insert_pdf(pymupdf.open("pdf", sample.convert_to_pdf()))
        content: bytes = made.tobytes(garbage=3, deflate=True)
        return content


async def save(tab: Tab, path: Path) -> None:
    """Write what is to be seen."""
    await asyncio.sleep(0.5)  # until pictures are decoded and colours have changed
    with Image.open(io.BytesIO(await tab.screenshot())) as shot:
        few = shot.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
        few.save(path, optimize=True)


async def take(url: str, to: Path) -> None:
    """Take the pictures of a service's page."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(url, Path(folder), *DESKTOP) as tab:
            await save(tab, to / "page-start.png")
            await read(tab, document(), "letters.pdf", Path(folder))
            await done(tab)
            await tab.move('#overlay [data-block="4"]')
            await save(tab, to / "page-desktop.png")
            await tab.press("d")
            await save(tab, to / "page-dark.png")
            await tab.press("d")
            await tab.resize(*PHONE, is_phone=True)
            await tab.value("light(0, false)")
            await save(tab, to / "page-phone.png")


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1].rstrip("/"), Path(sys.argv[2])))
