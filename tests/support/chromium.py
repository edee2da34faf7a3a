"""Debian's chromium, headless, driven through its debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
_TRIES = 200
_PAUSE_S = 0.05


class Tab:
    """A page of the browser.

    Args:
        socket: The connection to it.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.problems: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; errors of the page are kept in `problems`."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads(await self._socket.receive_str(timeout=30))
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(json.dumps(message["params"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    async def value(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str, limit_s: float = 10.0) -> None:
        """Wait until an expression is true."""
        for _ in range(round(limit_s / _PAUSE_S)):
            if await self.value(f"Boolean({expression})"):
                return
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError(f"never true: {expression}")

    async def press(self, key: str, code: int = 0) -> None:
        """Press a key; `code` is its number on Windows, which moves the focus with Tab (9)."""
        text = {"text": key} if len(key) == 1 else {}
        await self.call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text
        )
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def move(self, selector: str) -> None:
        """Move the mouse to the middle of an element."""
        place = await self.value(
            f"(({{left, top, width, height}}) => [left + width / 2, top + height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])

    async def click(self, selector: str) -> None:
        """Click an element."""
        await self.value(f"document.querySelector({json.dumps(selector)}).click()")

    async def choose(self, selector: str, *files: Path) -> None:
        """Put files into a field for files, as its dialog does."""
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        field = await self.call("DOM.querySelector", nodeId=root, selector=selector)
        names = [str(file) for file in files]
        await self.call("DOM.setFileInputFiles", nodeId=field["nodeId"], files=names)

    async def resize(self, width: int, height: int, *, is_phone: bool = False) -> None:
        """Show the page in a window of another size, in pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def prefer(self, scheme: str) -> None:
        """Say that the reader prefers `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self) -> bytes:
        """What is to be seen, as PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])


@asynccontextmanager
async def opened(
    url: str, profile: Path, width: int = 1200, height: int = 800
) -> AsyncIterator[Tab]:
    """A page in a browser of its own.

    Args:
        url: What it shows.
        profile: A new folder for the browser's files.
        width: Of its window, pixels.
        height: The same.
    """
    assert CHROMIUM
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{await _port(profile)}/json/list"
        async with aiohttp.ClientSession() as session:
            async with session.get(address) as answer:
                (found, *_) = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(found["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Runtime", "Log", "Page"):
                    await tab.call(f"{domain}.enable")
                await tab.call("Page.navigate", url=url)
                yield tab
                await tab.call("Browser.close")
    finally:
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _port(profile: Path) -> int:
    for _ in range(_TRIES):
        file = profile / "DevToolsActivePort"
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(_PAUSE_S)
    raise AssertionError("chromium does not start")
