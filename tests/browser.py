"""A headless Chromium for tests of pages: visit one in a frame of some width, and hear what was seen."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

#: Put before a script that fills `seen`; it ends by telling the page around it.
BEFORE = "<script>const seen = {}; const press = key => document.dispatchEvent(new KeyboardEvent('keydown', "
BEFORE += "{ key, bubbles: true }));\n"
AFTER = "\nparent.name = JSON.stringify(seen);</script></body>"


def visit(folder, page, script, width):
    """Open a page in a frame `width` pixels wide, run a script after its own; return `seen` and the console's words.

    Headless windows cannot be as narrow as a phone, frames can.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    head, _, tail = page.rpartition("</body>")
    (folder / "inner.html").write_text(head + BEFORE + script + AFTER + tail, encoding="utf-8")
    outer = (f'<iframe src="inner.html" style="width:{width}px; height:900px"></iframe><pre></pre><script>'
             'onload = () => { document.querySelector("pre").textContent = window.name; }</script>')  # fmt: skip
    (folder / "outer.html").write_text(outer, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [browser, *options, profile, "--enable-logging=stderr", (folder / "outer.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    text = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)[1]
    assert text, f"the script did not come to its end: {said}"
    return json.loads(html.unescape(text)), said
