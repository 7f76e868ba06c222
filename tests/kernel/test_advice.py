# SPDX-License-Identifier: GPL-2.0-or-later
"""What causes tell somebody to type and to look at is there: tcpdump and ss take their filters, and
the kernel has the counters and the sysctls.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from netlab.diagnosis import causes
from netlab.linux.nstat import Counters

from ..programs import need

CAUSES = causes.parse(causes.HOME.read_text())
SYSCTLS = Path("/proc/sys/net")
CAPTURED = re.compile(r"tcpdump[^';]*'([^']+)'")
LISTED = re.compile(r"\bss (-\w+(?: state [\w-]+)?) '([^']+)'")


def advice() -> Iterator[str]:
    """Every sentence of every cause that says what to do, about a port."""
    for cause in CAUSES:
        for text in (
            cause.confirm, cause.fix, cause.next, *(case.confirm for case in cause.seen),
        ):  # fmt: skip
            typed = text.replace("{port}", "443").replace("{there}", "dport")
            yield typed.replace("{side}", "sport")


ADVICE = [*advice()]


def refused(command: Sequence[str]) -> str:
    """What a program says against its words; "" where it takes them."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode else ""


def filters_refused(texts: Sequence[str]) -> list[str]:
    """The filters of tcpdump and ss that these do not take."""
    captured = [found for text in texts for found in CAPTURED.findall(text)]
    listed = [found for text in texts for found in LISTED.findall(text)]
    return [
        *(each for each in captured if refused([need("tcpdump"), "-y", "EN10MB", "-d", each])),
        *(each for how, each in listed if refused([need("ss"), *how.split(), each])),
    ]


def lacking(texts: Sequence[str]) -> list[str]:
    """The counters and sysctls that this kernel does not have."""
    counters = Counters()
    counted = {*counters.read()}
    counters.close()
    names = {path.name for path in SYSCTLS.rglob("tcp_*")}
    said = " ".join(texts)
    told = re.findall(r"\bTcp(?:Ext)?[A-Z]\w+", said)
    return [
        *(name for name in told if name.removeprefix("TcpExt") not in counted),
        *(name for name in re.findall(r"(?<![\w.])tcp_[a-z]\w+", said) if name not in names),
        *(
            name
            for name in re.findall(r"\bnet\.([a-z\d_.]*\w)", said)
            if not (SYSCTLS / name.replace(".", "/")).exists()
        ),
    ]


@pytest.mark.needs("tcpdump", "ss")
def test_filters_can_be_typed() -> None:
    assert len([found for text in ADVICE for found in CAPTURED.findall(text)]) > 5
    assert len([found for text in ADVICE for found in LISTED.findall(text)]) > 3
    assert filters_refused(ADVICE) == []


def test_counters_and_sysctls_are_the_kernels() -> None:
    assert lacking(ADVICE) == []


@pytest.mark.needs("tcpdump", "ss")
def test_what_is_not_there_is_seen() -> None:
    wrong = [
        "tcpdump -ni any 'tcp[tcpflag] == 1' on both hosts",
        "ss -tan 'sport : 443'; set net.ipv4.tcp_gone",
        "nstat -az TcpExtGone rises (tcp_gone)",
    ]
    assert filters_refused(wrong) == ["tcp[tcpflag] == 1", "sport : 443"]
    assert lacking(wrong) == ["TcpExtGone", "tcp_gone", "ipv4.tcp_gone"]
