# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows that were cut off at the right are not read as other ones."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.snapshot.parse import read, ss_row
from netlab.snapshot.parse.cut import MARK, NOTE, Edge
from netlab.snapshot.parse.file import read_file
from netlab.snapshot.records import Sample
from tests.field.variants import cut_to

HEADING = "State      Recv-Q Send-Q Local Address:Port   Peer Address:Port\n"
ROW = "ESTAB      0      {}      192.0.2.30:8080   198.51.100.5:51{:03}   timer:(on,14sec,8)\n"
ROWS = "".join(ROW.format(n, n) for n in range(100, 130))
WHOLE = [(("192.0.2.30", 8080), ("198.51.100.5", 51_000 + n)) for n in range(100, 130)]
BETWEEN_COLUMNS = range(63, 67)  # where rows end without their timers, and nothing is in two
DETAILS = (
    "ESTAB 0 3 192.0.2.30:8080 198.51.100.5:51000\n"
    "\t cubic wscale:7,7 rto:204 rtt:0.1/0.2 mss:1448 cwnd:10 bytes_acked:123456 segs_out:99\n"
)


def sample(text: str) -> Sample:
    (one,) = read(text, "pasted")
    (found,) = one.samples
    return found


def less(text: str, width: int) -> str:
    return cut_to(text, width, ">")


@pytest.mark.parametrize("width", range(41, 84))
@pytest.mark.parametrize("way", [less, cut_to])
def test_where_most_rows_are_cut_off_nothing_is_read(
    way: Callable[[str, int], str], width: int
) -> None:
    if way is cut_to and width in BETWEEN_COLUMNS:
        found = sample(way(HEADING + ROWS, width)).sockets
        assert [(one.local, one.remote) for one in found] == WHOLE
        assert all(one.timer is None for one in found)
        return
    with pytest.raises(ScenarioError, match=r"cut off.*write the output into a file|is missing"):
        read(way(HEADING + ROWS, width), "pasted")


@pytest.mark.parametrize("width", range(70, 82))
def test_where_a_few_are_the_others_are_read_and_these_are_counted(width: int) -> None:
    short = "".join(f"LISTEN 0 128 0.0.0.0:{port} 0.0.0.0:*\n" for port in range(8000, 8030))
    found = sample(less(HEADING + short + ROW.format(1, 2), width))
    assert len(found.sockets) == 30
    assert NOTE in found.notes
    assert any("1 line looks like a socket and cannot be read" in note for note in found.notes)


@pytest.mark.parametrize("width", range(72, 86))
def test_half_of_the_details_is_none_of_them(width: int) -> None:
    with pytest.raises(ScenarioError, match="cut off"):
        read(less(HEADING + DETAILS, width), "pasted")


@pytest.mark.parametrize(
    "text",
    [HEADING + ROWS, HEADING + DETAILS, "$ ss -tan\n" + ROWS, ROWS + "Any ideas?\n", "",
     "C:\\Users\\me>\n", "<p>\n" + ROWS, ">> node web1 <<\n" + ROWS,
     ROWS.replace("sec,8)", "sec,8) -->")],
)  # fmt: skip
def test_what_is_whole_is_not_taken_for_cut_off(text: str) -> None:
    edge = Edge(text.splitlines())
    assert not edge.known
    assert all(edge.marked(line) == line for line in text.splitlines())


def test_what_goes_on_in_the_next_line_is_broken_and_not_cut_off() -> None:
    lines = [line[at : at + 60] for line in (HEADING + ROWS).splitlines() for at in (0, 60)]
    assert not Edge(lines).known
    assert Edge(lines[::2]).known


def test_half_of_a_word_and_the_end_of_a_whole_one_are_told_apart() -> None:
    edge = Edge(less(ROWS, 70).splitlines())
    assert edge.marked(f"{ROWS[:69]}>") == f"{ROWS[:69]}{MARK}"
    assert edge.marked("ESTAB 0 0 192.0.2.30:8080 198.51.100.5:51000    >").endswith(
        f":51000 {MARK}"
    )


def test_the_rows_of_netstat_have_a_timer_each_where_they_were_asked_for_it() -> None:
    row = "tcp 0 0 192.0.2.30:8080 198.51.100.5:51000 ESTABLISHED"
    assert NOTE in sample(f"$ netstat -tno\n{row}\n").notes
    assert NOTE not in sample(f"$ netstat -tno\n{row} off (0.00/0/0)\n").notes
    assert NOTE not in sample(f"$ netstat -tn\n{row}\n").notes


def test_a_timer_of_which_half_is_there_is_not_known() -> None:
    text = f"{HEADING}{ROW.format(0, 1)}{ROW.format(0, 2).replace('(on,14sec,8)', '(o')} ino:1\n"
    one, other = sample(text).sockets
    assert one.timer is not None
    assert other.timer is None


def test_a_figure_behind_something_else_makes_its_socket_unreadable() -> None:
    text = DETAILS.replace("\t cubic", "7:cwnd:3 cubic")
    with pytest.raises(ScenarioError):
        read(HEADING + text, "pasted")


@pytest.mark.parametrize("mark", ["", ">"])
def test_nor_is_a_long_listing_whose_rows_are_taken_many_at_a_time(mark: str) -> None:
    nets = [f"{100 + n // 150}.{100 + n % 150}." for n in range(20_000)]
    rows = "".join(ROW.format(1, 1).replace("198.51.", net) for net in nets)
    whole = read_file(BytesIO((HEADING + rows).encode()), "pasted")
    assert len(whole[0].samples[0].sockets) == 20_000
    with pytest.raises(ScenarioError, match="cut off"):
        read_file(BytesIO(cut_to(HEADING + rows, 75, mark).encode()), "pasted")


@pytest.mark.parametrize("width", [70, 76, 81])
def test_what_was_written_behind_a_row_that_was_cut_off_hides_it_not(width: int) -> None:
    rows = cut_to(HEADING + ROWS, width).split("\n")
    rows = [f"{row}   <-- here!" if at % 3 == 2 else row for at, row in enumerate(rows)]
    with pytest.raises(ScenarioError, match=r"cut off.*write the output into a file"):
        read("\n".join(rows), "pasted")


@pytest.mark.parametrize("indent", ["", "    "])
def test_rows_of_a_block_that_were_broken_are_not_cut_off(indent: str) -> None:
    rows = [line[at : at + 70] for line in (HEADING + ROWS).splitlines() for at in (0, 70)]
    text = "Here it is::\n\n" + "".join(f"{indent}{row}\n" for row in rows if row)
    assert len(sample(text).sockets) == 30


def test_a_row_that_was_broken_before_the_star_of_its_peers_port_is_not_cut_off() -> None:
    row = 'LISTEN     3      2         *:12242                 *:\n*     users:(("x",pid=1,fd=3))\n'
    found = sample(HEADING + row)
    assert [(one.local, one.owner) for one in found.sockets] == [
        (("*", 12242), 'users:(("x",pid=1,fd=3))')
    ]
    assert NOTE not in found.notes


@pytest.mark.parametrize("end", ['users:(("svc",pid=77,fd=10)', 'users:(("svc",pi', "users:(("])
def test_half_of_a_process_is_one(end: str) -> None:
    ends = ("192.0.2.30", 8080), ("198.51.100.5", 51000)
    for behind in ("", " ) \u2502 rto:204"):
        line = ss_row.Line(State.CLOSE_WAIT, *ends, 1, 0, f" {end}{behind}")
        found = ss_row.socket(line, timed=False, numbered=False, figures=ss_row.info)
        assert (found.owner, found.info) == (end, {"rto": 0.204} if behind else {})


@pytest.mark.parametrize("blank", ["  ", "\t"])
def test_rows_that_end_within_their_processes_were_cut_off_wherever_their_columns_are(
    blank: str,
) -> None:
    heading = f"{HEADING.strip()}   Process of each of them\n"
    row = "ESTAB{0}0{0}7{0}192.0.2.30:{1}{0}198.51.100.5:51000{0}users:({2}\n"
    cut, whole = (
        heading + "".join(row.format(blank, port, end) for port in (80, 8080))
        for end in ("", '\n("web",pid=7,fd=3))')
    )
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(cut, "pasted")
    assert {one.owner for one in sample(whole).sockets} == {'users:(("web",pid=7,fd=3))'}


def test_a_row_before_the_last_that_ends_within_its_timer_was_cut_off() -> None:
    rows = (
        "ESTAB 0 0   192.0.2.30:ssh 198.51.100.9:51500    timer:(k\n"
        "ESTAB 0 527 192.0.2.30:42724 db1.example.com:postgresql     see this\n"
    )
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(HEADING + rows, "pasted")


def test_a_command_that_names_a_state_is_not_the_rest_of_a_row() -> None:
    rows = "".join(f"tcp 0 0 0.0.0.0:{port} 0.0.0.0:* LIST\n" for port in (1, 22, 333))
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(f"{rows}$ netstat -anp |grep CLOSE_WAIT | wc -l\n878\n", "pasted")


def test_figures_in_parentheses_do_not_close_what_is_open_in_the_line_before() -> None:
    row = "ESTAB 0 7 192.0.2.30:8080 198.51.100.5:51000    timer:(persist\n"
    more = "         skmem:(r0,rb2000000,t0) ts sack bytes_received:2280\n  segs_out:20 ts\n"
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(row + more + row.replace("51000", "51001") + more, "pasted")


@pytest.mark.parametrize("half", ["ESTABLIS", "ESTABLISHE", "TIME_"])
def test_rows_that_end_within_netstats_state_were_cut_off_wherever_their_columns_are(
    half: str,
) -> None:
    row = "tcp 0 0 192.0.2.103:9999 192.0.2.3:{} {}\n"
    whole = row.format(5, "SYN_RECV") + row.format("*", "LISTEN")
    cut = f"{whole}  {row.format(42305, half)}{row.format(2, half)}"
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(cut, "pasted")


@pytest.mark.parametrize("heading", range(52, 66))
def test_a_heading_that_was_broken_is_no_sign_of_it(heading: int) -> None:
    text = HEADING[:heading] + "\n" + HEADING[heading:]
    row = "ESTAB      0      7       192.0.2.30:42724   db1.example.com:"
    found = sample(f"{text}{row}\npostgresql   timer:(on,1sec,8)\n")
    assert NOTE not in found.notes
    assert [one.retransmits for one in found.sockets] == [8]


@pytest.mark.parametrize("behind", ["", "   ", "   <-- this one"])
def test_in_fin_wait_2_there_is_a_timer_or_a_process_if_both_are_asked_for(behind: str) -> None:
    bare = "FIN-WAIT-2 0      0      192.0.2.30:49991  198.51.100.5:5000"
    row = f"{bare}{behind}\n"
    with pytest.raises(ScenarioError, match=r"timer and its process are both missing.*ss -tanoeip"):
        read(f"$ ss -tanop | grep 5000\n{row}", "pasted")
    for command in ("ss -tan", "ss -tano", "ss -tanp"):
        assert len(sample(f"$ {command} | grep 5000\n{row}").sockets) == 1
    for shown in ("timer:(timewait,29sec,0)", 'users:(("web",pid=7,fd=3))'):
        assert len(sample(f"$ ss -tanop\n{bare}  {shown}{behind}\n").sockets) == 1
