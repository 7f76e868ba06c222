# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows that a small terminal broke in an address, and what somebody wrote behind rows."""

from __future__ import annotations

import contextlib

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, Timer
from netlab.snapshot.parse import read
from netlab.snapshot.parse.broken import without_remark
from netlab.snapshot.records import Sample, Socket

HEADING = "$ ss -tano\nState      Recv-Q Send-Q Local Address:Port   Peer Address:Port\n"
ROW = "ESTAB      0      7       192.0.2.30:8080   198.51.100.5:51000"
COUNTED = ("CLOSE-WAIT", "ESTAB")
REMARKS = [
    "<-- this one", "<=== here!", "# why?", "// stuck", "(!)", "...", "[...]", "<snip>", "\u2026",
    "<1>", "[12]", "\u2460", "*",
]  # fmt: skip


def sample(text: str) -> Sample:
    (one,) = read(text, "pasted")
    (found,) = one.samples
    return found


def only(text: str) -> Socket:
    (found,) = sample(text).sockets
    return found


def ends(socket: Socket) -> tuple[object, object]:
    return socket.local, socket.remote


@pytest.mark.parametrize(("between", "seen"), [("// stuck", 3), ("it hangs", 3), ("...", 0)])
def test_what_ss_indents_stands_behind_its_row_whatever_somebody_wrote_between(
    between: str, seen: int
) -> None:
    text = f"{HEADING}{ROW}\n{between}\n\t cubic wscale:7,7 rto:204 cwnd:3 bytes_acked:1\n"
    assert only(text).info.get("cwnd", 0) == seen


STAMPED = "05-01 10:00:00.000  1234 I diag : "


def test_what_is_around_a_listing_does_not_matter_to_the_pieces_of_its_rows() -> None:
    rows = "".join(
        f"{STAMPED}2024-05-01T10:00:01Z {ROW}\n{STAMPED}timer:(on,1sec,8)\n" for _ in "ab"
    )
    found = sample(f"bash\nCopy code\n{rows.replace('51000', '51001', 1)}Copy\nRaw\nView raw\n")
    assert [socket.retransmits for socket in found.sockets] == [8, 8]


@pytest.mark.parametrize("before", ["web[01]: ", "app | "])
def test_an_address_that_begins_a_piece_of_a_row_does_not_stand_before_it(before: str) -> None:
    pieces = [*ROW.split()[:3], "192.0.2.30:8080", "198.51.100.5:51000"]
    assert ends(only("".join(f"{before}{piece:60}\n" for piece in pieces))) == (
        ("192.0.2.30", 8080), ("198.51.100.5", 51_000),
    )  # fmt: skip


@pytest.mark.parametrize("before", ["web01.txt:+", "    "])
def test_pieces_of_rows_have_the_same_before_them_as_rows_but_for_the_time(before: str) -> None:
    row = f'{ROW}  users:(("web",pid=7,fd=3))'
    pieces = [f"{STAMPED}{row[:68]}", row[68:]]
    text = "".join(f"{before}{piece}\n" for piece in pieces)
    found = sample(f"see\n::\n{text}{text.replace('51000', '51001')}deleted\n").sockets
    assert {one.owner for one in found} == {'users:(("web",pid=7,fd=3))'}


def test_a_time_after_an_at_sign_is_no_prompt() -> None:
    pieces = ["$ ss -tan", *ROW.split()[:1], "0 7 192.0.2.30:8080 198.51.", "100.5:51000", "", ""]
    text = "".join(f"May 1, 2024 @ 10:00:0{n}.12{n}\t{piece}\n" for n, piece in enumerate(pieces))
    assert ends(only(text)) == (("192.0.2.30", 8080), ("198.51.100.5", 51_000))


@pytest.mark.parametrize("mark", ["**", "__"])
def test_what_is_set_off_with_what_stands_before_it_ends_with_the_same_mark(mark: str) -> None:
    text = "".join(
        f"{n}. {mark}[10:00:0{n}] {state} {n}{mark}\n" for n, state in enumerate(COUNTED)
    )
    assert sample(text).counts == {State.CLOSE_WAIT: 0, State.ESTABLISHED: 1}


@pytest.mark.parametrize("word", ["(edited)", "--", "<3", "->", "(see above)", "(1)", ":)"])
def test_what_only_looks_like_a_word_of_ss_is_no_part_of_a_row(word: str) -> None:
    """But a process that was broken at a blank is."""
    with pytest.raises(ScenarioError, match="timer and its process are both missing"):
        read(f"$ ss -tanop\nFIN-WAIT-2 0 0 192.0.2.30:8080 198.51.100.5:51000\n{word}\n", "pasted")
    assert only(f'{HEADING}{ROW} users:(("my\napp",pid=7,fd=3))\n').owner.endswith("fd=3))")


@pytest.mark.parametrize("indent", ["\t", "    ", "\u00a0 "])
def test_blanks_before_each_line_are_before_the_pieces_of_rows_too(indent: str) -> None:
    pieces = ["2024-05-01T10:00:01.5Z " + ROW + "  users", ':(("web",pid=7,fd=3))']
    text = "".join(f"{indent}{piece}\n" for piece in [*pieces, *pieces])
    assert {socket.owner for socket in sample(text.replace("51000", "51001", 1)).sockets} == {
        'users:(("web",pid=7,fd=3))'
    }


def test_a_number_between_dashes_is_neither_a_process_nor_a_user_of_the_row_before() -> None:
    row = "tcp 0 0 192.0.2.30:8080 198.51.100.5:51000 ESTABLISHED\n"
    assert only(f"{row}- 3 -\n").inode is None
    assert only(f"{row}  -   on (1.00/2/0)\n").retransmits == 2


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_behind_the_first_piece_of_a_row_of_netstat_is_none_of_it(remark: str) -> None:
    socket = only(
        f"tcp 0 248 192.0.2.30:8080 198.51.100.5:51000   {remark}\n"
        "       ESTABLISHED probe (33.48/0/8)\n"
    )
    assert (socket.state, socket.timer, socket.probes) == (State.ESTABLISHED, Timer.PROBE, 8)


def test_the_state_of_netstat_may_follow_the_last_letter_of_a_port() -> None:
    rows = "tcp 0 0 0a1b2c3d4e5f:53451 database.service.example:postgresq\nl ESTABLISHED\n" * 2
    (socket, _) = sample(rows.replace("53451", "53453", 1)).sockets
    assert socket.remote == ("database.service.example", 5432)


@pytest.mark.parametrize("first", range(24, len(ROW)))
def test_a_row_is_whole_again_wherever_its_ends_were_broken(first: int) -> None:
    """Not within the queues: half a number before a number is not to be told from two of them."""
    found = only(f"{HEADING}{ROW[:first]}\n{ROW[first:]}   timer:(on,14sec,8)\n")
    assert ends(found) == (("192.0.2.30", 8080), ("198.51.100.5", 51000))
    assert (found.timer, found.retransmits) == (Timer.RETRANSMIT, 8)


@pytest.mark.parametrize("blank", [" ", "  ", "\t"])
def test_a_port_is_whole_again_whatever_blank_is_behind_it(blank: str) -> None:
    found = only(f'{HEADING}{ROW[:-2]}\n{ROW[-2:]}{blank}users:(("x",pid=7,fd=3))\n')
    assert (found.remote, found.owner) == (("198.51.100.5", 51000), 'users:(("x",pid=7,fd=3))')


@pytest.mark.parametrize("width", range(9, 60))
def test_and_where_they_were_broken_several_times_no_row_is_another(width: int) -> None:
    wide = "ESTAB          0      7              192.0.2.229:8080            198.51.100.5:51000"
    text = "\n".join(wide[at : at + width] for at in range(0, len(wide), width))
    whole = (("192.0.2.229", 8080), ("198.51.100.5", 51000))
    with contextlib.suppress(ScenarioError):
        assert [ends(one) for one in sample(f"{HEADING}{text}\n").sockets] == [whole]


def test_a_row_of_wide_columns_that_was_broken_at_each_of_them_is_read() -> None:
    text = """\
$ ss -ltn
tcp                              LISTEN
      90001                             90000
                                          0.0.0.0:443
                                                       0.0.0.
0:*
"""
    found = only(text)
    assert (found.state, found.local, found.rx_queue) == (State.LISTEN, ("*", 443), 90001)


@pytest.mark.parametrize(("first", "second"), [
    ("34602 0  192.0.2.6:36955  192.0.", "2.3:8082  users:((\"lb\",pid=3,fd=5))"),
    ("34602 0  192.0.2.6:36955  192.0.2.3:", "8082  users:((\"lb\",pid=3,fd=5))"),
    ("tcp 34602 0  192.0.2.6:36955  192.0.2.3", ":8082"),
])  # fmt: skip
def test_a_row_without_a_state_may_be_broken_in_its_peers_address(first: str, second: str) -> None:
    text = f"$ ss -tp state close-wait\nRecv-Q Send-Q Local Address:Port\n{first}\n{second}\n"
    found = only(text)
    assert ends(found) == (("192.0.2.6", 36955), ("192.0.2.3", 8082))
    assert (found.state, found.rx_queue) == (State.CLOSE_WAIT, 34602)


@pytest.mark.parametrize("remark", REMARKS)
def test_what_was_written_behind_a_row_ends_it_nowhere(remark: str) -> None:
    assert without_remark(f"{ROW}   {remark}") == ROW
    end = 'users:(("broker",pid=77,fd=10))'
    for at in (len(ROW) - 2, len(ROW) - 8):
        found = only(f"{HEADING}{ROW[:at]}   {remark}\n{ROW[at:]}  {end}\n")
        assert found.remote == ("198.51.100.5", 51000)
        assert "broker" in found.owner
    found = only(f"{HEADING}{ROW}  t   {remark}\nimer:(persist,768ms,3) ino:6036 sk:e <->\n")
    assert (found.timer, found.probes) == (Timer.PROBE, 3)


@pytest.mark.parametrize("behind", [
    " timer:(on,14sec,8) ino:6036 sk:e <->", "  ino:6036 sk:e -->", "  ino:1 sk:e  <--", "  <->",
])  # fmt: skip
def test_what_ss_prints_behind_a_row_is_no_remark(behind: str) -> None:
    assert without_remark(f"{ROW}{behind}") == f"{ROW}{behind}"


@pytest.mark.parametrize("remark", ["", "   <-- this one"])
def test_a_number_in_a_sentence_is_no_part_of_a_port(remark: str) -> None:
    text = f"{HEADING}{ROW[:-2]}{remark}\n12 of them are like this\n"
    assert only(text).remote == ("198.51.100.5", 510)
    text = f"{HEADING}{ROW[:-2]}{remark}\n12  t\nimer:(on,14sec,8)\n"
    assert (only(text).remote, only(text).retransmits) == (("198.51.100.5", 51012), 8)


def test_half_of_an_address_in_brackets_is_none() -> None:
    """``[::ffff`` would be an address, and ``203.0.11`` the name of a port."""
    begun = "ESTAB      11     0      [::ffff:203.0.113.14]:8888   [::ffff:203.0.11"
    for port in (40045, 40059):
        (found,) = sample(f"{HEADING}{begun}\n3.17]:{port}\n").sockets
        assert found.remote == ("203.0.113.17", port)
    listener = "LISTEN     0      5                  *:8888                  *:*"
    assert [each.state for each in sample(f"{HEADING}{begun}\n{listener}\n").sockets] == [
        State.LISTEN
    ]
