# SPDX-License-Identifier: GPL-2.0-or-later
"""A bisection with real kernels: each commit's build takes one of two from netlab's cache.

They differ in how a simultaneous open is answered ("tcp: Don't drop SYN+ACK for simultaneous
connect()"), so one must be older than Linux 6.11, without the fix, and one have it.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from netlab.kernels import cache
from netlab.kernels.compare import changes, order
from netlab.kernels.sources import fetch

from .. import programs
from ..unit.kernels.bisect.tree import git, grown

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone"),
    pytest.mark.needs("qemu-system-x86_64", "make"),
    pytest.mark.timeout(600),
]
PATIENCE = 500.0
SCENARIO = "simultaneous-open"
#: It passes on the newer kernels alone.
STRICT = """\
# The server, in SYN_RECV, takes the client's SYN-ACK for an acknowledgment, and sends no challenge.
source: RFC 9293, Figure 7
steps:
  - plug: [client, server]
  - client: {connect: {port: 5555, from: 5556}}
  - server: {connect: {port: 5556, from: 5555}}
  - reach: {client: SYN_SENT, server: SYN_SENT}
  - remove: all
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  counters: {server: {TCPSYNChallenge: 0}}
  cause: nothing is lost, the two SYNs only cross
"""


@pytest.fixture(scope="module")
def makefile() -> str:
    """Builds what the file `kind` says, from the oldest and the newest kernel in the cache."""
    kept = {}
    for path in cache.root().glob(f"kernels/debian/*/{fetch.KEPT}"):
        record = json.loads(path.read_text())
        kept[record["release"]] = path.parent
    releases = sorted(kept, key=order.display)
    if not releases or not releases[0].startswith("5.") or releases[-1].startswith("5."):
        programs.lacking(
            "an old or a new kernel is not in the cache: netlab matrix --small fetches both"
        )
    old, new = kept[releases[0]], kept[releases[-1]]
    return f"""\
include kind
old := {old}
new := {new}
all:
\t@test $(KIND) != broken || {{ echo "net/ipv4/tcp.c:1: error: it is broken"; exit 1; }}
\t@rm -rf boot lib
\t@test $(KIND) = dead || ln -s $($(KIND))/boot $($(KIND))/lib .
\t@test $(KIND) != dead || {{ mkdir boot; echo none > boot/vmlinuz-dead; }}
"""


def grow(tree: Path, makefile: str, *kinds: str) -> Path:
    grown(tree, kinds, Makefile=makefile, **{".gitignore": "boot\nlib\nmine.yaml\n"})
    return tree


def bisect(*words: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netlab", "bisect", *map(str, words), "--build", "make"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_commit_is_found_and_shown(tmp_path: Path, makefile: str) -> None:
    tree = grow(
        tmp_path, makefile, "old", "dead", "old", "old", "new", "broken", "new", "new"
    )  # fmt: skip
    said = bisect("--good", "HEAD~7", "--scenario", SCENARIO, tree)
    found = git(tree, "rev-parse", "--short", "HEAD~3")
    assert f"{found} tcp: change 5 is the first bad commit" in said
    before = said.index("before: ")
    after = said.index("after: ")
    assert before < after
    for ladder in (said[before:after], said[after:]):
        assert "├── SYN seq=0 " in ladder
    entry = said[said.index("- id: ") : said.rindex("\n\n")]
    (change,) = changes.parse(yaml.safe_load(entry))
    assert "TCPSYNChallenge" in change.effects[0].aspect
    assert git(tree, "status", "--branch", "--porcelain") == "## main"


def test_a_row_of_the_table_is_enough(tmp_path: Path, makefile: str) -> None:
    tree = grow(tmp_path, makefile, "old", "new")
    row = "syn-ack-repeated/SYN_RECV crossed"
    said = bisect("--good", "HEAD~1", "--row", row, tree)
    assert "tcp: change 2 is the first bad commit" in said
    assert said.count("answers ACK sack=next-1:next, is then ESTABLISHED") >= 2
    assert said.count("├── SYN|ACK seq=0 ack=1 ──") == 2
    assert f"row: {row}\n" in said


def test_git_bisects_by_itself(tmp_path: Path, makefile: str) -> None:
    tree = grow(tmp_path, makefile, "new", "new", "broken", "new", "old", "dead", "old")
    (tree / "mine.yaml").write_text(STRICT)
    git(tree, "bisect", "start", "HEAD", "HEAD~6")
    step = [sys.executable, "-m", "netlab", "bisect", "--step", "--scenario", "mine.yaml"]
    done = subprocess.run(
        ["git", "bisect", "run", *step, "--build", "make"],
        cwd=tree, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert git(tree, "log", "-1", "--format=%s", "refs/bisect/bad") == "tcp: change 5"
