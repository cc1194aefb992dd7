"""Chromium without a window, driven by its own protocol over a pair of pipes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
OTHER_HOST = "other.test"
"""A name by which this machine is no loopback for a browser: over plain HTTP it trusts it less."""


class Page:
    """One page, and what it said and asked for."""

    def __init__(self, send: int, receive: int) -> None:
        """Take the pipes' ends: commands go to `send`, answers and events come from `receive`."""
        self._send, self._receive = send, receive
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session = ""
        self.complaints: list[str] = []
        """Errors on the console and uncaught ones."""
        self.requests: list[str] = []
        """Addresses that were asked for."""

    def start(self) -> None:
        """Attach to a new page."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self._call(f"{domain}.enable")

    def go(self, url: str) -> None:
        """Open an address, and wait until its scripts have been run."""
        self.ask("globalThis.isBefore = true")
        self._call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && !globalThis.isBefore")

    def ask(self, expression: str) -> Any:
        """Return the value of an expression, awaited."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 60) -> Any:
        """Return the value of an expression as soon as it is neither false nor empty."""
        end = time.monotonic() + seconds
        while not (found := self.ask(expression)):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.05)
        return found

    def drop(self, folder: Path) -> None:
        """Drop a folder on the page."""
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=20, y=20, data=data)

    def prefer(self, scheme: str) -> None:
        """Have the page believe that its reader likes ``light`` or ``dark``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer.get("method", ""), answer.get("params", {}))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._receive, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        text, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url')}")
        elif event == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.complaints.append(json.dumps(params["args"]))


@contextmanager
def running_chromium(profile: Path) -> Iterator[Page]:
    """Yield a page of a Chromium that keeps its files in `profile` and reaches loopback only."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    (commands, send), (receive, answers) = os.pipe(), os.pipe()
    # The protocol wants descriptors 3 and 4; bash puts them there.
    script = f'exec "$@" 3<&{commands} 4>&{answers}'
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-pipe",
        "--window-size=1200,1400",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    process = subprocess.Popen(  # noqa: S603 - our own command
        ["/bin/bash", "-c", script, "chromium", program, *options],
        pass_fds=(commands, answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands)
    os.close(answers)
    try:
        page = Page(send, receive)
        page.start()
        yield page
    finally:
        os.close(send)
        os.close(receive)
        process.terminate()
        process.wait(timeout=30)
