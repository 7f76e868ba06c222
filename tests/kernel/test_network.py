# SPDX-License-Identifier: GPL-2.0-or-later
"""Healthy connections on a line with delay and loss, small: the line, and who is accused on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path as File

import pytest

from netlab.linux import privileges
from netlab.linux.privileges import in_user_namespace

from ..score import onlookers, page, services
from ..score.network import Path
from ..score.onlookers import SNAPSHOT, TIMED, Round
from .tools import left_over, marked, program, wait

LINE = Path(rtt=0.04, loss=0.01)
#: More than of the whole: of so few, one that is unlucky is met in all questions.
MOST_ACCUSED = 5.0
STUCK = """\
State     Recv-Q Send-Q Local Address:Port Peer Address:Port
SYN-SENT  0      1      10.66.0.1:50000    10.66.0.2:7002 timer:(on,7sec,5) ino:7 sk:1
"""


@pytest.fixture(scope="module")
def rounds() -> list[Round]:
    """One round of looks at one line."""
    for name in ("ss", "netstat"):
        program(name)
    privileges.prepare()
    return onlookers.watch([LINE], 1, seed=3)


def test_the_line_takes_time_and_loses_packets(rounds: list[Round]) -> None:
    texts = [look["ss -tanoei"] for seen in rounds for look in seen.views["client"]]
    trips = [float(found) for text in texts for found in re.findall(r" minrtt:([\d.]+)", text)]
    assert len(trips) > 100
    assert min(trips) >= LINE.rtt * 1000
    assert any(re.search(r" retrans:\d+/[1-9]", text) for text in texts)


def test_healthy_connections_are_let_alone(rounds: list[Round]) -> None:
    verdicts = onlookers.judge(rounds)
    said = "\n".join(page.accusations(verdicts))
    assert verdicts.of(TIMED).questions >= 1000
    assert verdicts.of(TIMED).per_mille <= MOST_ACCUSED, said
    assert verdicts.of(TIMED).surest <= 0.95, said


def test_whoever_is_stuck_among_them_is_counted(rounds: list[Round]) -> None:
    (seen,) = rounds
    views = {
        side: [
            {**look, "ss -tanoei": STUCK if side == "client" else look["ss -tanoei"]}
            for look in looks
        ]
        for side, looks in seen.views.items()
    }
    before = onlookers.judge([Round(LINE, views)], ["ss -tanoei"]).accusations
    assert "SYN_SENT" in {each.states.split("/")[0] for each in before}


def test_what_was_kept_is_judged_alike(rounds: list[Round], tmp_path: File) -> None:
    onlookers.keep(rounds, tmp_path)
    before, after = (
        onlookers.judge(some, [SNAPSHOT]) for some in (rounds, onlookers.load(tmp_path))
    )
    assert before.asked == after.asked
    assert len(before.accusations) == len(after.accusations)


@pytest.mark.needs("setpriv", "unshare")
@pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="whoever is contained changes users"
)
def test_a_service_ends_with_whoever_runs_it() -> None:
    """Also one that changes users, of which the kernel forgets that it should."""
    script = "cat hello; exec setpriv --reuid 65534 sleep 600"
    command = [*services.MORTAL, *services.contained({"hello": "there\n"}, script)]
    starter = f"import subprocess; subprocess.run({command!r})"
    mark = f"contained-{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-c", starter], stdout=subprocess.PIPE, env={**os.environ, "MARK": mark}
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"there\n"
        assert wait(lambda: marked(mark) or None)
        process.kill()
    assert left_over(mark) == []
