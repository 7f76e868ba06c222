# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the host under test discards a segment, as its kernel says it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from netlab.linux.procnet import Row
from netlab.observe.tracing import Traced, tracer

UNSAID = "NOT_SPECIFIED"


class Discards(contextlib.AbstractContextManager["Discards"]):
    """The segments that these sockets discard meanwhile: each one's reason (enum skb_drop_reason).

    Linux 6.11 and newer say which socket it was, where tracepoints can be read: else there is none.
    A small socket (TIME_WAIT, FIN_WAIT2 of an orphan) says nothing.
    """

    def __init__(self, sockets: Iterable[Row]) -> None:
        self.reasons: list[str] = []
        self._tracer = tracer()
        if self._tracer is not None:
            self._tracer.drain()
            for row in sockets:
                self._tracer.introduce(row.pointer, self._hear)

    def __exit__(self, *_: object) -> None:
        if self._tracer is not None:
            self._tracer.drain()
            self._tracer.unsubscribe(self._hear)

    def _hear(self, traced: Traced) -> None:
        if traced.tracepoint == "kfree_skb" and traced.reason != UNSAID:
            self.reasons.append(traced.reason)
