# SPDX-License-Identifier: GPL-2.0-or-later
"""pyroute2's encoders come without the rest of it, and leave it as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

ALONE = """
import sys
from netlab.linux import nftables, rtnetlink
rtnetlink.up(7)
nftables._listing("table")
print(*(name for name in sys.modules if name.partition(".")[0] in ("pyroute2", "asyncio")))
import pyroute2
print(pyroute2.IPRoute.__module__, pyroute2.netlink.rtnl.ifinfmsg.__name__)
from pyroute2.netlink.nfnetlink import nftsocket
print(nftsocket.NFTSocket.__mro__[1].__module__, "asyncio" in sys.modules)
"""
BOTH = """
import {first}
import {second}
from netlab.linux import nftables, rtnetlink
print(rtnetlink.mtu(7, 1280).data.hex(), nftables._listing("table").data.hex())
"""


def said(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_nothing_of_it_stays_and_it_can_be_had_whole() -> None:
    assert said(ALONE) == [
        "",
        "pyroute2.iproute.linux pyroute2.netlink.rtnl.ifinfmsg",
        "pyroute2.netlink.nlsocket True",
    ]


def test_messages_are_the_same_whoever_has_imported_it_first() -> None:
    orders = [("pyroute2", "netlab.linux.rtnetlink"), ("netlab.linux.rtnetlink", "pyroute2")]
    one, other = (said(BOTH.format(first=first, second=second)) for first, second in orders)
    assert one == other
    assert len(one[0].split()) == 2


def test_where_it_is_not_installed_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from netlab.linux import messages

    monkeypatch.setattr(messages, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "pyroute2", raising=False)
    with pytest.raises(ImportError, match="netlab needs pyroute2"):
        messages.encoders("rtnl.rtmsg")
