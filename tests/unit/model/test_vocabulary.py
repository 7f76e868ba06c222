# SPDX-License-Identifier: GPL-2.0-or-later
"""What several states of one end claim."""

from __future__ import annotations

import pytest

from netlab.model.tcp import State
from netlab.model.vocabulary import OVER, ExpectedPair, Side

s = State


@pytest.mark.parametrize(
    ("server", "each"),
    [
        ((s.SYN_RECV,), False),
        ((s.SYN_RECV, s.LISTEN), True),  # a request comes and goes
        ((s.TIME_WAIT, s.LISTEN), False),  # the connection is over: one of them is enough
        (tuple(OVER), False),
        ((s.TIME_WAIT, s.LISTEN, s.CLOSE_WAIT), True),
    ],
)
def test_each_of_several_states_must_be_seen_unless_the_connection_is_over(
    server: tuple[State, ...], each: bool
) -> None:
    claim = ExpectedPair((s.CLOSED,), server)
    assert claim.flickers is each
    assert claim.flickering(Side.SERVER) == (server if each else ())
    assert claim.flickering(Side.CLIENT) == ()
