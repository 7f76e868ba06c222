# SPDX-License-Identifier: GPL-2.0-or-later
"""A real browser loads a page with twelve pictures: how many connections it takes, in which states.
(Where Chromium is not installed, these tests are skipped: it is large.)
"""

import shutil
from pathlib import Path

import pytest

from netlab import Lab, Program

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
PICTURES = [f"{number}.svg" for number in range(12)]
#: Else the browser may ask for /favicon.ico at the end, or be closed before it does.
NO_ICON = '<link rel="icon" href="data:,">'
SWITCHES = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def load(lab: Lab, folder: Path, version: str) -> Program:
    """Has the browser load a page from a server that speaks this version of HTTP."""
    pictures = "".join(f'<img src="{name}">' for name in PICTURES)
    (folder / "index.html").write_text(NO_ICON + pictures)
    for name in PICTURES:
        (folder / name).write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    serve = f"python3 -m http.server --bind :: --protocol {version} 8000 --directory"
    lab.server.start([*serve.split(), str(folder)], ready=8000)
    lab.wire.delay("30ms")
    own = f"--user-data-dir={folder / 'browser'}"
    return lab.client.run([str(CHROMIUM), *SWITCHES, own, "--dump-dom", "http://server:8000/"])


def test_a_browser_takes_six_connections_at_once_and_no_more(lab: Lab, tmp_path: Path) -> None:
    browser = load(lab, tmp_path, "HTTP/1.1")
    six = lab.wait(lambda: len(lab.client.sockets(port=8000, state="ESTABLISHED")) == 6, 60)
    assert six, "they were never open at the same time"
    assert browser.wait(60) == 0
    assert len(lab.flows(port=8000)) == 6
    lab.expect_no_sockets(at=lab.client)  # but for those in TIME_WAIT


def test_without_keep_alive_it_takes_one_for_each_file(lab: Lab, tmp_path: Path) -> None:
    assert load(lab, tmp_path, "HTTP/1.0").wait(60) == 0
    lab.expect_no_sockets(at=lab.server)
    waiting = lab.server.sockets(state="TIME_WAIT")  # the server closes first
    assert len(waiting) >= 1 + len(PICTURES)  # more, where one takes it so long that it tries again
