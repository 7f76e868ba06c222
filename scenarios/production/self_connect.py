# SPDX-License-Identifier: GPL-2.0-or-later
"""A client that has its own other end."""

from __future__ import annotations

from netlab import Lab, State, story

PORT = 40000


@story(source="tokio #3405, ktor #2237")
def socket_is_connected_with_itself(lab: Lab) -> None:
    """A client retries a local port where nobody listens, and one day the kernel picks that very
    port for it: its SYN meets itself, a simultaneous open with nobody else (RFC 9293, section
    3.5). Nothing is lost, no server is there, and it is connected; when it closes, its FIN meets
    itself, too.
    """
    lab.client.connect(PORT, source_port=PORT, to=lab.client)  # no one listens, and it succeeds
    lab.client.send("is anybody there?")
    assert lab.client.read(17) == b"is anybody there?"
    lab.expect(State.ESTABLISHED, State.CLOSED, hold=0.5)
    lab.client.close()
    lab.expect(State.TIME_WAIT, State.CLOSED)
