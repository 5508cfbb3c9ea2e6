"""Chromium as a reader's eye: driven through its DevTools pipe, without a driver's package.

``CHROMIUM`` is the program, or None where there is none, and ``AXE`` the path of axe-core's
``axe.min.js``, if ``BUZZ_TEST_AXE`` names it; tests that need one are defined only then.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = os.environ.get("BUZZ_TEST_AXE")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and what is shown is our own
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-features=LocalNetworkAccessChecks",  # a letter is shown with our own pictures
    # Nothing but this machine is ever asked for anything.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_ANSWER_WITHIN_S = 30


class Browser:
    """One tab, whose width, colour scheme and images a test chooses."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._number = 0
        self._read = b""
        self._session = ""
        self._events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.call("Page.enable")
        self.call("Network.enable")

    def show(self, url: str) -> None:
        """Load a page, and wait until everything in it is loaded."""
        self._events.clear()
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def write(self, html: str) -> None:
        """Show a page of these bytes."""
        self.show("data:text/html;base64," + base64.b64encode(html.encode()).decode())

    def look(
        self, *, width: int, dark: bool = False, script: bool = True, height: int = 800
    ) -> None:
        """Choose the width in CSS pixels and the colour scheme, without loading again."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = "dark" if dark else "light"
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def block(self, *patterns: str) -> None:
        """Load nothing whose address has one of these patterns."""
        self.call("Network.setBlockedURLs", urls=list(patterns))

    def ask(self, expression: str) -> Any:
        """Return what an expression of JavaScript is on the page; a promise is awaited.

        Raises:
            RuntimeError: it threw.
        """
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write the whole page, as wide as chosen, as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def wait(self, event: str) -> dict[str, Any]:
        """Return what comes with an event, when it happens."""
        while True:
            for found in self._events:
                if found["method"] == event:
                    self._events.remove(found)
                    return dict(found["params"])
            self._events.append(self._message())

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to one command of the DevTools protocol.

        Raises:
            RuntimeError: the browser refused it.
        """
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._to, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return dict(message["result"])
            if "method" in message:
                self._events.append(message)

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._back], [], [], deadline - time.monotonic())
            chunk = os.read(self._back, 1 << 20) if ready else b""
            if not chunk:
                raise RuntimeError("the browser says nothing more")
            self._read += chunk
        message, _, self._read = self._read.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Run a browser whose traces stay in this folder."""
    assert CHROMIUM is not None
    for_it, to = os.pipe()
    back, from_it = os.pipe()

    def places() -> None:  # the browser reads at 3 and writes at 4
        first, second = os.dup(for_it), os.dup(from_it)
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [CHROMIUM, *_ARGUMENTS, f"--user-data-dir={profile}"],
        preexec_fn=places,  # noqa: PLW1509  (four system calls, no lock)
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )
    os.close(for_it)
    os.close(from_it)
    try:
        browser = Browser(to, back)
        yield browser
        browser.call("Browser.close")
    finally:
        os.close(to)
        os.close(back)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
