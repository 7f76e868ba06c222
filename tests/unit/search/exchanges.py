# SPDX-License-Identifier: GPL-2.0-or-later
"""Exchanges and trials that were not played."""

from __future__ import annotations

from typing import Any

from netlab.model.tcp import State
from netlab.model.vocabulary import Pair
from netlab.programs.exchange import Crossings, Sent
from netlab.search.cases import Case
from netlab.search.trial import CaseTrial
from tests.unit.test_pump import exchange


def packets(connections: int = 1) -> tuple[Sent, ...]:
    """A handshake, a request, its answer and a FIN: 7 packets a connection."""
    seen = Crossings()
    frames = [each for port in range(connections) for each in exchange(0, 0, 40000 + port)]
    return tuple(sent for way, frame in frames if (sent := seen.take(frame, way)) is not None)


def trial(case: Case = (), **differs: Any) -> CaseTrial:
    """A trial in which all went well, but for what differs."""
    usual: dict[str, Any] = {
        "case": case,
        "code": 0,
        "output": "hello\n",
        "errors": "",
        "seconds": 0.1,
        "met": (1,) * len(case),
        "packets": packets(),
        "failed": None,
        "pair": Pair(State.CLOSED, State.LISTEN),
        "lost": 0.0,
    }
    return CaseTrial(**{**usual, **differs})
