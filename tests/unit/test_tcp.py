# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of TCP: states, classes of segments, timers, and which pairs of states can be."""

from __future__ import annotations

from itertools import product

import pytest

from netlab.tcp import (
    ACK,
    ANY,
    CONTROL,
    DATA,
    FIN,
    NAMEABLE,
    RETRANSMITTING,
    RST,
    SYN,
    Segment,
    State,
    Timer,
    why_unreachable,
)

#: Every pair that an exhaustive model of two endpoints reaches, and that the kernel confirmed:
#: one row for each state of the client. A dot cannot be reached.
GRID = """\
     CLO LIS SS  SR  EST FW1 FW2 CW  LA  CLG TW
CLO  D   D   D   D   D   D   D   D   D   D   D
SS   D   D   D   D   D   D   D   D   D   D   D
SR   D   D   D   X   D   D   .   X   X   X   .
EST  D   D   D   D   D   D   .   .   .   .   .
FW1  D   D   D   D   D   D   .   D   D   D   .
FW2  D   D   D   .   .   .   .   D   D   D   .
CW   D   D   D   X   .   D   D   .   .   .   .
LA   D   D   D   X   .   D   D   .   .   .   D
CLG  D   D   D   X   .   D   D   .   .   X   A
TW   D   D   D   .   .   .   .   .   D   A   A
"""
SHORT = {
    "CLO": State.CLOSED,
    "LIS": State.LISTEN,
    "SS": State.SYN_SENT,
    "SR": State.SYN_RECV,
    "EST": State.ESTABLISHED,
    "FW1": State.FIN_WAIT1,
    "FW2": State.FIN_WAIT2,
    "CW": State.CLOSE_WAIT,
    "LA": State.LAST_ACK,
    "CLG": State.CLOSING,
    "TW": State.TIME_WAIT,
}


def grid() -> dict[tuple[State, State], str]:
    """The cells of `GRID` by client and server."""
    heading, *rows = (line.split() for line in GRID.splitlines())
    return {
        (SHORT[row[0]], SHORT[server]): cell
        for row in rows
        for server, cell in zip(heading, row[1:], strict=True)
    }


# --- pairs


@pytest.mark.parametrize(("client", "server"), grid(), ids=str)
def test_a_pair_is_unreachable_where_the_grid_has_a_dot(client: State, server: State) -> None:
    assert (why_unreachable(client, server) is not None) == (grid()[client, server] == ".")


def test_seventy_nine_of_a_hundred_and_ten_pairs_are_reachable() -> None:
    reachable = [pair for pair in grid() if why_unreachable(*pair) is None]
    assert (len(reachable), len(grid())) == (79, 110)


def test_it_does_not_matter_who_is_called_the_client() -> None:
    for one, other in product(State, State):
        assert why_unreachable(one, other) == why_unreachable(other, one)


def test_two_listeners_have_no_connection() -> None:
    why = why_unreachable(State.LISTEN, State.LISTEN)
    assert why == "two listeners have no connection with each other"


def test_a_reason_names_a_state_of_the_pair() -> None:
    for pair in grid():
        why = why_unreachable(*pair)
        assert why is None or any(str(state) in why for state in pair) or pair[0] is pair[1]


# --- states


def test_states_carry_the_numbers_and_names_of_linux() -> None:
    assert [state.name for state in sorted(State)] == [
        "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSED",
        "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
    ]  # fmt: skip
    assert [int(state) for state in sorted(State)] == [*range(1, 12)]
    assert f"{State.SYN_RECV}" == "SYN_RECV"


def test_the_states_that_repeat_a_segment_wait_for_its_acknowledgment() -> None:
    assert {str(state) for state in RETRANSMITTING} == {
        "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "CLOSING", "LAST_ACK",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name"),
    [(0, "none"), (1, "retransmit"), (2, "keepalive"), (3, "time-wait"), (4, "probe")],
)
def test_timers_are_numbered_as_in_proc_and_written_as_in_scenarios(code: int, name: str) -> None:
    assert str(Timer(code)) == name


# --- segments

NO_ACK = FIN | SYN | RST  # the ACK bit is not looked at


@pytest.mark.parametrize(
    ("segment", "text", "compared", "bits", "payload"),
    [
        (SYN, "SYN", CONTROL, SYN, None),
        (SYN | ACK, "SYN|ACK", CONTROL, SYN | ACK, None),
        (ACK, "ACK", CONTROL, ACK, False),
        (DATA, "DATA", NO_ACK, ANY, True),
        (FIN, "FIN", NO_ACK, FIN, None),
        (FIN | ACK, "FIN|ACK", CONTROL, FIN | ACK, None),
        (RST, "RST", NO_ACK, RST, None),
        (RST | ACK, "RST|ACK", CONTROL, RST | ACK, None),
        (ANY, "ANY", ANY, ANY, None),
    ],
)
def test_a_class_of_segments_says_what_is_looked_at(
    segment: Segment, text: str, compared: Segment, bits: Segment, payload: bool | None
) -> None:
    assert segment in NAMEABLE
    assert str(segment) == text
    assert (segment.compared, segment.bits, segment.payload) == (compared, bits, payload)
    assert bits in compared


def test_there_is_no_other_class_of_segments_to_name() -> None:
    assert len({*NAMEABLE}) == len(NAMEABLE) == 9


def test_control_bits_are_those_of_the_header() -> None:
    assert [bit.value for bit in (FIN, SYN, RST, ACK)] == [0x01, 0x02, 0x04, 0x10]
    assert CONTROL.value == 0x17
