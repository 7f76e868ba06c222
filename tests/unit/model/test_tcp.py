# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of TCP: states, classes of segments, timers, and which pairs of states can be."""

from __future__ import annotations

from itertools import product

import pytest

from netlab.model.tcp import (
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
    both_named,
    named,
    why_unreachable,
)
from netlab.snapshot.parse import words

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


# --- states as people and tools write them

#: RFC 9293, netstat of BSD and macOS, netstat of Windows; what parsers read needs no list here.
WRITTEN = {
    State.SYN_RECV: ("SYN-RECEIVED", "SYN_RCVD", "SYN_RECEIVED", "syn received"),
    State.FIN_WAIT1: ("FIN-WAIT-1", "FIN_WAIT_1", "FIN WAIT 1", "finwait1"),
    State.FIN_WAIT2: ("FIN-WAIT-2", "FIN_WAIT_2", "fin-wait2"),
    State.TIME_WAIT: ("TIME-WAIT", "time_wait", "TIMEWAIT"),
    State.LISTEN: ("LISTENING", "listen"),
    State.CLOSED: ("CLOSED", "closed", "unconn", "Close"),
    State.ESTABLISHED: ("estab", "Established", "EST"),
}


def test_a_state_is_known_by_what_any_tool_prints() -> None:
    spelt = [
        *((state, text) for state, texts in WRITTEN.items() for text in texts),
        *((state, text) for text, state in (words.FILTERS | words.OF_NETSTAT).items()),
        *((state, text) for text, state in SHORT.items()),
        *((state, state.name) for state in State),
    ]
    understood = [(named(text), text) for _, text in spelt]
    assert understood == spelt


@pytest.mark.parametrize(
    "text", ["", "-", "FIN_WAIT", "FIN_WAIT3", "SYN", "TIME__WAIT", "CLOSED x"]
)
def test_what_is_no_state_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is no state: .* are {State(1)}, .*, CLOSING"):
        named(text)


@pytest.mark.parametrize(
    ("text", "close"),
    [("fin-wait", "FIN_WAIT1 or FIN_WAIT2"), ("ESTABLISH", "ESTABLISHED"), ("SYNSEND", "SYN_SENT")],
)
def test_what_comes_close_is_said(text: str, close: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {close}"):
        named(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("FW1/EST", (State.FIN_WAIT1, State.ESTABLISHED)),
        (" fin-wait-1 / estab ", (State.FIN_WAIT1, State.ESTABLISHED)),
        ("SYN_SENT     LISTEN", (State.SYN_SENT, State.LISTEN)),
        ("FIN WAIT 1  CLOSE WAIT", (State.FIN_WAIT1, State.CLOSE_WAIT)),
        ("FIN-WAIT-2", (State.FIN_WAIT2,)),
        ("FIN WAIT 2", (State.FIN_WAIT2,)),
    ],
)
def test_a_pair_is_two_states_however_it_was_copied(text: str, pair: tuple[State, ...]) -> None:
    assert both_named(text) == pair


@pytest.mark.parametrize("text", ["A/B/C", "/", "EST/", "EST/EST/EST"])
def test_what_is_no_pair_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        both_named(text)
