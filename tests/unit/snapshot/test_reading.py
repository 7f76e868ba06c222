# SPDX-License-Identifier: GPL-2.0-or-later
"""What a text shows beside its rows: whether it is whole, counts, times, and what else is in it."""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, Timer
from netlab.snapshot.parse import read
from netlab.snapshot.parse.lines import LONGEST
from netlab.snapshot.parse.moments import moment
from netlab.snapshot.parse.panes import divided
from netlab.snapshot.records import Sample, Snapshot

HEADING = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
NETSTAT = "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n"
MIXED = (
    "LISTEN 0 128 0.0.0.0:80 0.0.0.0:*\n"
    "ESTAB 0 0 10.0.0.1:80 10.0.0.2:4000\n"
    "CLOSE-WAIT 1 0 10.0.0.1:80 10.0.0.2:4001\n"
)
LEAK = "".join(f"CLOSE-WAIT 1 0 10.0.0.1:80 10.0.0.2:500{n}\n" for n in range(4))
OF_NETSTAT = "tcp 0 0 10.0.0.1:80 10.0.0.2:4000 ESTABLISHED\n"


def found(text: str) -> Snapshot:
    (one,) = read(text, "pasted")
    return one


def sample(text: str) -> Sample:
    (one,) = found(text).samples
    return one


# --- whole or not

WHOLE = {
    "every socket": f"$ ss -tan\n{HEADING}{MIXED}",
    "and more columns": f"$ sudo ss -tanoeip | cat\n{HEADING}{MIXED}",
    "netstat": f"$ netstat -antp\n{NETSTAT}{OF_NETSTAT}",
    "excerpts are believed where a command says all": f"$ ss -tan\n{LEAK}",
    "a heading and mixed rows": HEADING + MIXED,
    "a heading and few rows": f"{HEADING}ESTAB 0 0 10.0.0.1:80 10.0.0.2:4000\n",
    "to netlab": f"ss -tanoei | netlab diagnose -\n{HEADING}{MIXED}",
    "two at once": f"$ ss -tan; nstat -az\n{HEADING}{MIXED}",
}
PART = {
    "grep": f"$ ss -tan | grep 80\n{MIXED}",
    "a state": "$ ss -tan state established\n0 0 10.0.0.1:80 10.0.0.2:4000\n",
    "a port": f"$ ss -tan 'sport = :80'\n{HEADING}{MIXED}",
    "without listeners": f"$ ss -tn\n{HEADING}{MIXED}",
    "listeners": f"$ ss -ltan\n{HEADING}{MIXED}",
    "one family": f"$ ss -4tan\n{HEADING}{MIXED}",
    "head": f"$ ss -tan | head -3\n{HEADING}{MIXED}",
    "without a heading": MIXED,
    "one state": HEADING + LEAK,
    "one port": HEADING + LEAK.replace("CLOSE-WAIT", "ESTAB", 2),
    "rows left out": f"$ ss -tan\n{HEADING}{MIXED}...\n{LEAK}",
    "a row that cannot be read": f"$ ss -tan\n{HEADING}{MIXED}ESTAB 0 0 10.0.0.1:1\n{LEAK}",
    "no servers": f"Active Internet connections (w/o servers)\n{NETSTAT}{OF_NETSTAT}",
    "servers only": f"Active Internet connections (only servers)\n{NETSTAT}{OF_NETSTAT}",
    "a loop": f"$ while true; do ss -tan | grep 80; sleep 1; done\n{MIXED}",
    "watched": f"Every 2.0s: ss -tan state close-wait\n\n{HEADING}{LEAK}",
}


@pytest.mark.parametrize("what", WHOLE)
def test_a_look_is_whole_where_there_is_reason(what: str) -> None:
    assert sample(WHOLE[what]).whole


@pytest.mark.parametrize("what", PART)
def test_a_look_may_have_left_sockets_out(what: str) -> None:
    assert not sample(PART[what]).whole


def test_both_files_of_proc_are_whole_and_one_is_not() -> None:
    four = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 5 1\n"
    )
    six = "  sl  local_address                         remote_address                        st\n"
    assert not sample(four).whole
    assert sample(four + six).whole


# --- several listings


def test_a_poorer_tool_takes_nothing_away() -> None:
    rich = f"$ ss -tano\n{HEADING}ESTAB 0 9 10.0.0.1:1 10.0.0.2:80 timer:(persist,37sec,0)\n"
    poor = f"$ netstat -tn\n{NETSTAT}tcp 0 8 10.0.0.1:1 10.0.0.2:80 ESTABLISHED\n"
    for text in (rich + poor, poor + rich):
        (socket,) = sample(text).sockets
        assert (socket.timer, socket.tx_queue) == (Timer.PROBE, 9)


def test_another_look_by_the_same_tool_is_another_look() -> None:
    look = f"$ ss -tan\n{HEADING}{MIXED}"
    assert len(found(look + look).samples) == 2
    first, second = found(f"{look}$ sleep 60\n{look}").samples
    assert (first.at, second.at) == (0.0, 60.0)


def test_a_loop_without_headings_is_one_look_after_the_other() -> None:
    rows = "".join(f"ESTAB 0 5 10.0.0.1:1 10.0.0.2:80 timer:(on,{n}sec,8)\n" for n in (9, 8, 7))
    samples = found(f"$ while true; do ss -tano | grep :80; sleep 2; done\n{rows}").samples
    assert [one.sockets[0].remaining for one in samples] == [9, 8, 7]
    assert [one.at for one in samples] == [0, 2, 4]


def test_a_socket_that_is_there_twice_by_chance_is_no_loop() -> None:
    rows = "".join(f"ESTAB 0 0 10.0.0.1:80 10.0.0.2:{n}\n" for n in range(4000, 4040))
    assert len(sample(f"{rows}ESTAB 0 0 10.0.0.1:80 10.0.0.2:4005\n").sockets) == 41


@pytest.mark.parametrize(
    "line",
    ["2024-05-01T10:00:00Z", "Wed May  1 10:00:00 UTC 2024", "Wed May  1 10:00:00 2024",
     "[2024-05-01 10:00:00.000]", "Wed 01 May 2024 10:00:00 AM PST"],
)  # fmt: skip
def test_times_of_many_forms_are_the_same(line: str) -> None:
    assert moment(line) == 1714557600


@pytest.mark.parametrize("line", ["10.0.0.1:80", "State", "2024-13-99T10:00:00", "10:00 is noon"])
def test_what_is_no_time_is_none(line: str) -> None:
    assert moment(line) is None


@pytest.mark.parametrize("labels", ["{}:", "=== {} ===", "## {}", "* {}", "**{}**", "- {}:"])
@pytest.mark.parametrize("names", [("before", "after"), ("Output", "Edit"), ("step1", "step2")])
def test_what_names_no_host_begins_another_look(labels: str, names: tuple[str, str]) -> None:
    text = "".join(f"{labels.format(name)}\n{HEADING}{MIXED}" for name in names)
    assert len(found(text).samples) == 2


def test_a_heading_of_several_words_may_stand_between_two_rows() -> None:
    rows = [f"LISTEN {queue} 128 0.0.0.0:443 0.0.0.0:*\n" for queue in (0, 129, 0)]
    for between in ("## Steps to reproduce", "--", "-- \nJohn"):  # grep has printed it, or a mail
        text = f"{HEADING}{rows[0]}{rows[1]}{between}\n{rows[2]}"
        assert [socket.rx_queue for socket in sample(text).sockets] == [0, 129, 0]
    assert len(found(f"{HEADING}{MIXED}## After the restart\n{HEADING}{MIXED}").samples) == 2


# --- counts

COUNTED = {
    "uniq": "$ ss -tan | awk '{print $1}' | uniq -c\n  710 CLOSE-WAIT\n  1 State\n 5 ESTAB\n",
    "awk": "CLOSE_WAIT 710\nESTABLISHED 5\n",
    "on one line": "CLOSE_WAIT=710 ESTABLISHED=5\n",
    "JSON": '{"CLOSE_WAIT": 710, "ESTABLISHED": 5}\n',
    "with remarks": "  710 CLOSE-WAIT   # <-- why?\n    5 ESTAB\n",
    "a number of each": (
        "$ netstat -an | grep -c CLOSE_WAIT\n710\n$ netstat -an | grep ESTABLISHED | wc -l\n5\n"
    ),
}


@pytest.mark.parametrize("what", COUNTED)
def test_counts_by_state_are_read_as_counts(what: str) -> None:
    one = sample(COUNTED[what])
    assert (one.sockets, dict(one.counters)) == ((), {})
    assert one.counts == {State.CLOSE_WAIT: 710, State.ESTABLISHED: 5}
    assert any("counts" in note and "ss -tan" in note for note in one.notes)


def test_ss_s_says_how_many_and_how_many_orphans() -> None:
    text = "$ ss -s\nTotal: 19\nTCP:   12 (estab 3, closed 1, orphaned 7, timewait 2)\n"
    one = sample(text)
    assert one.counts == {State.ESTABLISHED: 3, State.TIME_WAIT: 2}
    assert one.notes[0].startswith("7 sockets are orphans")


def test_ss_s_that_a_small_terminal_broke_says_no_half_of_a_number() -> None:
    one = sample("$ ss -s\nTCP:   12 (estab 3, closed 1, orphaned 7, timewait 2\n8)\n")
    assert one.counts == {State.ESTABLISHED: 3}


def test_counters_alone_say_what_is_missing() -> None:
    text = "$ netstat -s\nTcpExt:\n    5 times the listen queue of a socket overflowed\n"
    (note,) = sample(text).notes
    assert "no sockets" in note
    assert "ss -tanoei" in note


# --- what else is in it

STRANGE = {
    "lsof": "java 31 app 12u IPv4 518 0t0 TCP 10.0.0.1:45->10.0.0.2:443 (CLOSE_WAIT)",
    "IPVS": "TCP 14:59  ESTABLISHED 198.51.100.25:59519 203.0.113.236:8848  198.51.100.10:8848",
    "connection tracking": "tcp 6 431 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4 dport=443",
    "MPTCP": "mptcp SYN-SENT 0 0 198.51.100.3:52655 203.0.113.3:873",
    "macOS": "tcp4      78      0  127.0.0.1.8080         127.0.0.1.50879        ESTABLISHED",
    "routes": "default via 10.0.0.254 dev eth0 proto dhcp",
    "unix sockets": "u_str ESTAB 0 0 /run/x.sock 123 * 456",
}


@pytest.mark.parametrize("what", STRANGE)
def test_another_programs_output_is_known_and_answered(what: str) -> None:
    with pytest.raises(ScenarioError, match=f"(?i){what}.*ss -tan"):
        read(STRANGE[what], "pasted")


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize(
    "before", ["<14>1 2024-05-01T10:00:01Z web01 diag 123 - - ", "[01/05/2024, 10:00] Jane Doe: "]
)
def test_and_so_it_is_where_each_line_begins_with_something_long(what: str, before: str) -> None:
    text = "".join(f"{before}{one}\n" for one in ("see this", STRANGE[what], "thanks", "Jane"))
    with pytest.raises(ScenarioError, match=f"(?i){what}.*ss -tan"):
        read(text, "pasted")


@pytest.mark.parametrize("mark", ["", "| ", "> ", '    "'])
def test_rows_in_the_left_one_of_two_panes_may_have_a_mark_before_them(mark: str) -> None:
    end = '",' if mark.endswith('"') else " |" if "|" in mark else ""
    rows = [f"{mark}{row}{end}" for row in (HEADING + MIXED).splitlines()]
    panes = "".join(
        f"{row:90}\u2502{('$ ', 'error: timeout')[at % 2]}\n" for at, row in enumerate(rows)
    )
    assert len(sample(panes).sockets) == 3


STAMPED = "2024-05-01T10:00:01.5Z "
LEFT = {
    "rows": (HEADING + MIXED).splitlines(),
    "rows after a time": [f"{STAMPED}{row}" for row in (HEADING + MIXED).splitlines()],
    "and broken": [f"{STAMPED}{HEADING[:40]}", HEADING[40:].strip()]
    + [part for row in MIXED.splitlines() for part in (f"{STAMPED}{row[:-4]}", row[-4:])],
    "in a box": [f"\u2502 {row:70} \u2502" for row in (HEADING + MIXED).splitlines()],
    "bold": [f"**{row}**" for row in (HEADING + MIXED).splitlines()],
    "shown by cat -A": [f"{row}$" for row in (HEADING + MIXED).splitlines()],
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_in_the_left_one_of_two_panes_is_read_as_it_would_be_alone(what: str) -> None:
    panes = "".join(
        f"{row:110}\u2502{('$ ', 'error: timeout')[at % 2]}\n" for at, row in enumerate(LEFT[what])
    )
    assert sample(panes).sockets == sample(HEADING + MIXED).sockets
    alone = re.sub("\u2502(?:\\$ |error: timeout)\n", "\u2502\n", panes)
    assert sample(alone).sockets == sample(HEADING + MIXED).sockets
    box = "".join(f"\u2502 {line:130} \u2502\n" for line in panes.splitlines())
    border = "\u2500" * 132
    box = f"\u250c{border}\u2510\n{box}\u2514{border}\u2518\n"
    assert sample(box).sockets == sample(HEADING + MIXED).sockets


@pytest.mark.parametrize("prompt", "$%#")
def test_blanks_between_two_panes_may_have_become_one(prompt: str) -> None:
    text = (
        f"{prompt} netstat -an | grep CLOSE_WAIT | wc -l \u2502$ tail\n710 \u2502error: timeout\n"
    )
    assert sample(text).counts == {State.CLOSE_WAIT: 710}


@pytest.mark.parametrize(
    "before", ["I0501 10:00:00.123456 1 diag.go:10]    1   ", "2024-05-01 web "]
)
def test_what_stands_before_rows_may_be_as_wide_as_a_pane_and_end_with_a_bar(before: str) -> None:
    cut = "".join(f"{before}\u2502 {row[:40]}>\n" for row in (HEADING + LEAK * 3).splitlines())
    with pytest.raises(ScenarioError, match="cut off at the right"):
        read(cut, "pasted")


@pytest.mark.parametrize(
    "row",
    [
        "CLOSE_WAIT \u2502 710",
        f"\u2502 {LEAK[:50]} \u2502",
        f" 12 \u2502 {LEAK[:50]}",
        "a \u2502 b",
    ],
)
def test_a_table_a_box_and_numbers_before_rows_are_no_panes(row: str) -> None:
    assert divided([row] * 4, str) is None


@pytest.mark.parametrize(
    "before",
    ["2024-05-01T10:00:01.5Z stdout F ", "web-7d9f-abc app ", "      2 ", "2. ", "I 05-01 diag : "],
)
def test_what_stands_before_the_only_line_that_a_command_has_printed_is_taken_off(
    before: str,
) -> None:
    text = f"$ netstat -an | grep CLOSE_WAIT | wc -l\n{before}710\n"
    assert sample(text).counts == {State.CLOSE_WAIT: 710}
    with pytest.raises(ScenarioError, match="address or the port of one end is missing"):
        read(f"$ ss -to state fin-wait-1 | head\n{before}0 387 local peer 1 timer:\n", "pasted")


@pytest.mark.parametrize("said", ["exit status: 1", "bash: no such command"])
def test_what_a_command_says_beside_a_number_is_no_count(said: str) -> None:
    with pytest.raises(ScenarioError):
        read(f"$ netstat -an | grep CLOSE_WAIT | wc -l\n{said}\n", "pasted")


def test_a_number_after_what_could_not_be_read_is_no_count() -> None:
    with pytest.raises(ScenarioError):
        read("$ ss -to state fin-wait-1 | head\nwhat is it\n4\n", "pasted")


@pytest.mark.parametrize("what", STRANGE)
def test_beside_a_listing_it_is_passed_over(what: str) -> None:
    one = sample(f"$ ss -tan\n{HEADING}{MIXED}{STRANGE[what]}\n")
    assert len(one.sockets) == 3
    assert all("cannot be read" not in note for note in one.notes)


@pytest.mark.parametrize(
    "row",
    ["10.0.0.1:80 10.0.0.2:4000 CLOSE_WAIT", "CLOSE_WAIT 10.0.0.1:80 10.0.0.2:4000 47/app",
     "CLOSE-WAIT 10.0.0.1:80 10.0.0.2:4000 timer:(keepalive,9sec,0)",
     "| CLOSE-WAIT | 0 | 0 | 10.0.0.1:80 | 10.0.0.2:4000 |",
     "CLOSE-WAIT,0,0,10.0.0.1:80,10.0.0.2:4000", "0 0 10.0.0.1:80 10.0.0.2:4000 CLOSE_WAIT -",
     "0100000A:0050 0200000A:0FA0 08"],
)  # fmt: skip
def test_columns_are_known_by_what_is_in_them(row: str) -> None:
    (socket,) = sample(f"{row}\n").sockets
    assert socket.state is State.CLOSE_WAIT
    assert (socket.local, socket.remote) == (("10.0.0.1", 80), ("10.0.0.2", 4000))


def test_rows_that_were_joined_into_one_long_line_are_all_read() -> None:
    rows = " ".join(f"ESTAB 0 0 10.0.0.1:{port} 10.0.0.2:80" for port in range(1, 30_000))
    assert len(rows) > 1 << 20
    assert len(sample(HEADING.strip() + " " + rows).sockets) == 29_999


@pytest.mark.parametrize(
    ("before", "between", "after"), [('"', "\\n", '"'), ("<p>", "<br>", "</p>")]
)
def test_what_stands_before_each_row_of_a_long_string_is_taken_off(
    before: str, between: str, after: str
) -> None:
    """Only lines are too long for that, and not what they become."""
    rows = [
        f"2026-11-27 10:00:00 10.0.0.1:{port} 10.0.0.2:80 CLOSE_WAIT" for port in range(1, 2_000)
    ]
    text = before + between.join(rows) + after
    assert len(text) > LONGEST
    assert len(sample(text).sockets) == 1_999


ODD = (":", "(", "a:", "1 ", "ESTAB ", "tcp 0 ", "- ", ".", "<", '"', "State ", "| ", "12:", "x ")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "before", ["", "ESTAB 0 0 ", "$ ", f"{HEADING}x", f"{HEADING}{MIXED}\t ts "]
)
def test_a_long_line_costs_as_much_as_it_is_long(odd: str, before: str) -> None:
    """A regular expression that tries everything would take 256 times as long, not 16."""

    def cost(length: int) -> float:
        text = f"{before}{odd * (length // len(odd))}\n"
        begun = time.process_time()
        with contextlib.suppress(ScenarioError):
            read(text, "pasted")
        return time.process_time() - begun

    assert cost(1 << 18) < 64 * cost(1 << 14) + 0.5


def test_what_would_make_a_broken_row_none_is_not_its_rest() -> None:
    """Two pastes that got into each other: the rest of a row after somebody's prompt."""
    text = (
        "tcp6       0      0 fd00::2:5555  :::*  LISTEN      off (0.00/0/0)\n"
        "tcp6       0      0 fd00::2:5555  root@a:~# ss -tan\n"
        "          fd00::1:36890  ESTABLISHED off (0.00/0/0)\n"
    )
    (found,) = read(text, "pasted")
    assert [each.state for each in found.samples[0].sockets] == [State.LISTEN]


def test_the_same_line_again_and_again_is_passed_over_and_counted() -> None:
    """Whatever it is, and what comes after it is read."""
    row = "tcp 0 0 10.0.0.1:80 10.0.0.2:4{:04} ESTABLISHED\n"
    text = row.format(1) + "28\n" * 500 + row.format(2) + "28\n" * 3 + row.format(3)
    found = [sample for one in read(text, "pasted") for sample in one.samples]
    assert sum(len(sample.sockets) for sample in found) == 3
    assert any("503 lines are no output" in note for sample in found for note in sample.notes)
