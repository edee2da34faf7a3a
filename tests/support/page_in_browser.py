"""The service's page in a browser, and engines that show what it does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.engines.fake import echo
from pipeline.types import Generation, Request
from tests.support import chromium
from tests.support.chromium import Tab

LIMIT_S = 60.0
"""For what a busy machine makes slow: readers start, pages are drawn."""


class HeldEngine:
    """Answers at once, but for pages of `held_px` width: those when it is let go."""

    def __init__(self, held_px: int) -> None:
        self._held_px, self.is_free = held_px, False

    async def generate(self, request: Request) -> Generation:
        """Answer, or wait."""
        while request.page_width_px == self._held_px and not self.is_free:
            await asyncio.sleep(0.02)
        return echo(request)


@asynccontextmanager
async def opened(
    url: str, folder: Path, width: int = 1200, height: int = 800
) -> AsyncIterator[Tab]:
    """The page of a service, when it has asked for what it has to know.

    Args:
        url: The service.
        folder: A folder for the browser's files, which may be there.
        width: Of the window, pixels.
        height: The same.
    """
    profile = folder / f"browser-{len(list(folder.glob('browser-*')))}"
    async with chromium.opened(f"{url}/", profile, width, height) as tab:
        await tab.resize(width, height, is_phone=width < 500)
        await tab.until("document.getElementById('model')?.textContent !== ''", LIMIT_S)
        await tab.until("document.getElementById('service').dataset.state !== undefined", LIMIT_S)
        yield tab


async def read(tab: Tab, content: bytes, name: str, folder: Path) -> None:
    """Pick a document, without waiting for its pages."""
    (folder / name).write_bytes(content)
    await tab.choose("#file", folder / name)
    await tab.until(f"doc.name === {json.dumps(name)}")


async def done(tab: Tab) -> None:
    """Wait until a document is read."""
    await tab.until("doc.name && !doc.running", LIMIT_S)


async def hand_over(tab: Tab, kind: str, content: bytes, name: str) -> None:
    """Drop or paste a file: the event that the browser would make, `drop` or `paste`."""
    encoded = base64.b64encode(content).decode()
    await tab.value(
        f"""(() => {{
          const bytes = Uint8Array.from(atob("{encoded}"), (sign) => sign.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], {json.dumps(name)}));
          const event = "{kind}" === "drop"
            ? new DragEvent("drop", {{ dataTransfer: data, bubbles: true, cancelable: true }})
            : new ClipboardEvent("paste", {{ clipboardData: data, bubbles: true }});
          document.body.dispatchEvent(event);
        }})()"""
    )


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something outside the browser is true."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.05)


async def said(tab: Tab, name: str) -> str:
    """The text of an element."""
    return str(await tab.value(f"document.getElementById({json.dumps(name)}).innerText"))


async def faults(tab: Tab) -> list[str]:
    """Exceptions in the page, and what its policy has kept from running."""
    await tab.value("1")  # what was sent until now
    words = ("exception", "content security policy", "refused to")
    return [found for found in tab.problems if any(word in found.lower() for word in words)]
