"""A headless Chromium for tests of pages: open one, press keys, point, ask; and hear what the console says.

Chromium is told what to do in its DevTools protocol: JSON, each message ended by a zero byte, through its file
descriptors 3 and 4. So keys and pointer are real, and phones are as narrow as phones.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

import pytest

#: Codes of the keys that tests press, and what they type.
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
}
#: Seconds after which something does not happen any more.
PATIENCE = 200


class Browser:
    """A running Chromium; skips the test if there is none."""

    def __init__(self, profile):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            pytest.skip("no Chromium here (Debian: apt-get install chromium)")
        # From 10 on, so that 3 and 4 are free.
        hears, self._to, self._from, says = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (*os.pipe(), *os.pipe()))
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        shell = ["bash", "-c", f'exec "$@" 3<&{hears} 4>&{says}', "bash"]
        self._process = subprocess.Popen(
            [*shell, program, *options, f"--user-data-dir={profile}"],
            pass_fds=(hears, says),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(hears)
        os.close(says)
        self._heard, self._number, self.events = b"", 0, []

    def close(self):
        """End it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, session, **parameters):
        """Return the answer to a message."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._hear()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def wait(self, method, session):
        """Return what is told of an event, soon or already."""
        while True:
            for event in self.events:
                if (event["method"], event.get("sessionId")) == (method, session):
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._hear())

    def _hear(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._heard:
            assert select.select([self._from], [], [], max(0, end - time.monotonic()))[0], "Chromium does not answer"
            more = os.read(self._from, 1 << 16)
            assert more, "Chromium has ended"
            self._heard += more
        message, _, self._heard = self._heard.partition(b"\0")
        return json.loads(message)

    def open(self, page, width, height=900):
        """Return a tab with a file in it; less than 600 pixels are a phone, with a touch screen's way of layout."""
        return self.visit(page.as_uri(), width, height)

    def visit(self, address, width, height=900):
        """Return a tab with what is at an address."""
        target = self.call("Target.createTarget", None, url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", None, targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        tab.call("Page.enable")
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        tab.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        tab.call("Page.navigate", url=address)
        self.wait("Page.loadEventFired", session)
        return tab


class Tab:
    """A page in a tab, or in a frame of one."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session
        for domain in ("Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Return the answer to a message."""
        return self._browser.call(method, self._session, **parameters)

    def ask(self, script):
        """Return the value of a script; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys):
        """Press and release keys."""
        for key in keys:
            code, text = KEYS[key]
            shared = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 0}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
            self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def point(self, selector):
        """Scroll to an element and move the pointer to its middle."""
        x, y = self.ask(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{ block: "center" }});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def frame(self):
        """Return the page in the frame of this page; each frame once."""
        return Tab(self._browser, self._browser.wait("Target.attachedToTarget", self._session)["sessionId"])

    def picture(self, path):
        """Write what can be seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    @property
    def said(self):
        """What the console shows of this page so far."""
        self.ask("1")
        told = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [e for e in self._browser.events if e.get("sessionId") == self._session and e["method"] in told]
