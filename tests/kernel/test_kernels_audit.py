# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab audit --virtual: what hangs ends when the audit in real time has said, and no other does.

A real kernel boots here, as in `test_kernels_warp`; `scripts/audit_ends.py` compares all faults.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import guests

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone"),
    pytest.mark.needs("qemu-system-x86_64"),
    pytest.mark.timeout(400),  # for a machine whose cores are all taken
]
PATIENCE = 300.0  # seconds
CLIENT = """
import socket
with socket.create_connection(("{server}", {port})) as peer:
    peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while peer.recv(65536):
        pass
"""


def audited(*options: str) -> dict[str, dict[str, Any]]:
    """Cells by their faults: a client that nothing but TCP ends."""
    words = [sys.executable, "-m", "netlab", "audit", "--json", *options]
    for fault in ("syn-lost", "request-lost", "silent-server"):
        words += ["--fault", fault]
    done = subprocess.run(
        [*words, "--", sys.executable, "-c", CLIENT],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    cells = [json.loads(line) for line in done.stdout.splitlines()]
    return {cell["fault"]: cell for cell in cells}


def test_what_hangs_ends_when_it_was_said_to_end(tmp_path: Path) -> None:
    kernel = guests.cached()
    said = audited("--cap", "3s")
    where = ("--kernel", f"{kernel.image}:{kernel.modules}", "--report", str(tmp_path))
    came = audited("--virtual", *where)
    for fault in ("syn-lost", "request-lost"):
        predicted, play = said[fault]["play"]["until"]["seconds"], came[fault]["play"]
        assert play["ended"]
        assert play["seconds"] == pytest.approx(predicted, rel=0.02), fault
    assert said["silent-server"]["play"]["until"]["seconds"] is None
    assert not came["silent-server"]["play"]["ended"]
    assert came["silent-server"]["command"].startswith(
        "netlab audit --fault silent-server --virtual --kernel "
    )
    _, *articles = (tmp_path / "audit.html").read_text().split("<article ")
    assert ["├── SYN seq=0" in each for each in articles] == [True] * 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--virtual", "--cures"], "leave out --as-server, --server and --cures"),
        (["--kernel", "debian:sid"], "--kernel and --with are for --virtual"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], problem: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netlab", "audit", *words, "--", "true"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in " ".join(done.stderr.split())
