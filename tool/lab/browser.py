# SPDX-License-Identifier: MIT
"""Chromium without a screen, over its DevTools pipe."""

import base64
import json
import os
import select
import subprocess
import time

PATIENCE = 60  # seconds, for any one answer
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--disable-background-networking",
         "--disable-extensions", "--disable-component-update",
         "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe"]


class Browser:
    """Messages are JSON, each ended by a zero."""

    def __init__(self, program, profile, out):
        """@out: directory for pictures"""
        self.pictures = out
        there, self.out = os.pipe()
        self.into, back = os.pipe()
        self.log = open(os.path.join(profile, "chromium.log"), "wb")
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{there} 4>&{back}', "sh", program,
             *FLAGS, f"--user-data-dir={profile}/profile", "about:blank"],
            pass_fds=(there, back), stdout=self.log, stderr=self.log)
        os.close(there)
        os.close(back)
        self.buffer, self.events, self.id, self.session = b"", [], 0, None

    def message(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                raise TimeoutError("chromium does not answer")
            more = os.read(self.into, 1 << 20)
            if not more:
                raise EOFError("chromium has ended")
            self.buffer += more
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, **params):
        self.id += 1
        request = {"id": self.id, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            m = self.message(until)
            if m.get("id") == self.id:
                if "error" in m:
                    raise RuntimeError(f"{method}: {m['error']}")
                return m["result"]
            self.events.append(m)

    def open(self):
        target = self.call("Target.createTarget", url="about:blank")
        self.session = self.call("Target.attachToTarget", flatten=True,
                                 targetId=target["targetId"])["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression,
                      returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(f"{expression}: {r['exceptionDetails']}")
        return r["result"].get("value")

    def wait(self, expression, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.js(expression):
                return True
            time.sleep(0.2)
        return False

    def size(self, width, height, mobile):
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, value):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": value}])
        return self.js("getComputedStyle(document.body).backgroundColor")

    def picture(self, name):
        png = base64.b64decode(self.call(
            "Page.captureScreenshot", captureBeyondViewport=True)["data"])
        path = os.path.join(self.pictures, name)
        with open(path, "wb") as f:
            f.write(png)
        return path, len(png)

    def requests(self):
        """What it has asked for."""
        return [e["params"]["request"]["url"] for e in self.events
                if e["method"] == "Network.requestWillBeSent"]

    def errors(self):
        return [e["params"] for e in self.events
                if e["method"] in ("Runtime.exceptionThrown",
                                   "Network.loadingFailed") or
                (e["method"] == "Log.entryAdded" and
                 e["params"]["entry"]["level"] == "error")]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
