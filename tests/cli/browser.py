# SPDX-License-Identifier: GPL-2.0-or-later
"""A browser without a window, which is asked what it shows of a page."""

from __future__ import annotations

import html
import json
import re
import subprocess
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from ..programs import need

#: Seconds that a browser may take on a machine whose cores are all busy with something else.
PATIENCE = 100.0
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--allow-file-access-from-files",  # so that a page may measure another
    "--enable-logging=stderr", "--v=0",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # there is no network
)  # fmt: skip

#: A page that opens another in a frame so wide, has a function look at it, and keeps the answer.
#: A window of chromium's is never narrower than 500 pixels, but a frame may be.
PROBE = """\
<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe src="{source}" {sandbox} style="width:{width}px;height:900px;border:0"></iframe>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument;
  const look = {look};
  document.body.dataset.answer = JSON.stringify(look(page, page.defaultView));
}});
</script>
"""


class Seen(NamedTuple):
    """What a look at a page brought, and what the browser complained of."""

    answer: Any
    complaints: list[str]


def look(
    page: Path,
    function: str,
    folder: Path,
    width: int = 1000,
    scripts: bool = True,
    dark: bool = False,
) -> Seen:
    """What a function in JavaScript returns of a page, shown so many pixels wide."""
    probe = folder / "probe.html"
    sandbox = "" if scripts else 'sandbox="allow-same-origin"'
    probe.write_text(
        PROBE.format(source=page.as_uri(), sandbox=sandbox, width=width, look=function)
    )
    shade = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = _run(folder, *shade, "--dump-dom", probe.as_uri())
    answer = re.search(r'data-answer="([^"]*)"', done.stdout)
    assert answer, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(json.loads(html.unescape(answer[1])), complaints)


def print_to(paper: Path, page: Path, folder: Path) -> None:
    """The page as a PDF file, which lists its headings."""
    switches = ("--no-pdf-header-footer", "--generate-pdf-document-outline")
    _run(folder, *switches, f"--print-to-pdf={paper}", page.as_uri())


class Heading(NamedTuple):
    """Where a heading stands on paper, and what its sheet has."""

    height: float  # points above the sheet's lower edge
    letters: int  # on the whole sheet


def headings(paper: Path) -> list[Heading]:
    """The headings of what `print_to` printed, as its outline tells."""
    data = paper.read_bytes()
    objects = {int(m[1]): m[2] for m in re.finditer(rb"(?s)(\d+) 0 obj\n(.*?)\nendobj", data)}

    def letters(sheet: int) -> int:
        content = re.search(rb"/Contents (\d+) 0 R", objects[sheet])
        assert content
        stream = re.search(rb"(?s)stream\r?\n(.*)\r?\nendstream", objects[int(content[1])])
        assert stream
        return len(re.findall(rb"\bT[jJ]\b", zlib.decompress(stream[1])))

    found = re.findall(rb"/Dest \[(\d+) 0 R /XYZ \S+ (\S+) 0\]", data)
    return [Heading(float(height), letters(int(sheet))) for sheet, height in found]


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("chromium"), *SWITCHES, f"--user-data-dir={folder / 'browser'}", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
