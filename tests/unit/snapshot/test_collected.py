# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of the collector, as they arrive: whole, cut, joined, through a terminal, of the future."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.snapshot.parse import collected, read
from netlab.snapshot.records import Snapshot

LOOK = """\
#: look {number} date={date} uptime={uptime} boot=1795698791
#: counters
$ nstat -azs
#kernel
TcpPassiveOpens                 {opens}                  0.0
TcpExtListenOverflows           3                  0.0
#: sockets
$ ss -tanoeip
State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
LISTEN     0      128    0.0.0.0:8080        0.0.0.0:*         ino:55 sk:1 cgroup:/ <->
CLOSE-WAIT 1      0      10.0.0.2:8080       10.0.0.1:40000    ino:56 sk:2 -->
{more}"""
WHOLE = """\
# netlab collector 1: the TCP sockets of a host, to be read with 'netlab diagnose FILE'
#: host web1
#: kernel Linux 6.1.0
#: tool ss
#: missing netstat
{first}{second}#: sysctls
net.core.somaxconn = 4096
net.ipv4.ip_local_port_range = 32768	60999
#: conntrack none that can be seen here
#: end
"""
MORE = "ESTAB 0 0 10.0.0.2:8080 10.0.0.1:40001 ino:57 sk:3 <->\n"
FIRST = LOOK.format(number=1, date="1795734547.25", uptime="100.50", opens=7, more="")
SECOND = LOOK.format(number=2, date="1795734552.50", uptime="105.70", opens=9, more=MORE)
TEXT = WHOLE.format(first=FIRST, second=SECOND)


def one(text: str | bytes) -> Snapshot:
    (found,) = read(text, "collected.txt")
    return found


def test_a_file_has_two_looks_and_where_and_when_they_were() -> None:
    found = one(TEXT)
    assert found.name == "web1"
    first, second = found.samples
    assert (first.at, second.at) == (1795734547.25, 1795734552.45)  # 5.2 s by the kernel's clock
    assert [len(first.sockets), len(second.sockets)] == [2, 3]
    assert [first.counters, second.counters] == [
        {"TcpPassiveOpens": 7, "ListenOverflows": 3}, {"TcpPassiveOpens": 9, "ListenOverflows": 3},
    ]  # fmt: skip
    for sample in found.samples:
        assert sample.sysctls == {"somaxconn": "4096", "ip_local_port_range": "32768 60999"}
        assert sample.source == "ss -tanoeip"
        assert sample.notes == ()


@pytest.mark.parametrize(
    "passed",
    [
        lambda text: text.replace("\n", "\r\n"),  # by a terminal: docker exec -t, ansible
        lambda text: f"Targeting container \"web\".\n\nWelcome!\n{text}",
        lambda text: f"\ufeff{text}",
        lambda text: f"{text}\nConnection to web1 closed.\n",
        lambda text: text.encode(),
        lambda text: text.rstrip("\n"),
    ],
    ids=["carriage returns", "greeting", "byte order mark", "farewell", "bytes", "last line end"],
)  # fmt: skip
def test_what_others_add_on_the_way_does_no_harm(passed: object) -> None:
    assert callable(passed)
    assert one(passed(TEXT)) == one(TEXT)


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        ([("1000.%N", "5.0"), ("1005.%N", "10.1")], [1000.0, 1005.1]),  # BusyBox
        ([("-", "5.5"), ("-", "10.5")], [1795698796.5, 1795698801.5]),  # no date: since the boot
        ([("1000.5", "-"), ("1006.5", "-")], [1000.5, 1006.5]),
        ([("1000.5", "5.0"), ("900.0", "10.0")], [1000.5, 1005.5]),  # somebody set the clock
        ([("-", "-"), ("-", "-")], [None, None]),
    ],
)
def test_times_are_of_the_best_clock_there_was(
    clocks: list[tuple[str, str]], expected: list[float | None]
) -> None:
    looks = [
        LOOK.format(number=number, date=date, uptime=uptime, opens=1, more="")
        for number, (date, uptime) in enumerate(clocks, 1)
    ]
    found = one(WHOLE.format(first=looks[0], second=looks[1]))
    assert [sample.at for sample in found.samples] == expected


def test_what_version_1_wrote_stays_readable() -> None:
    """By BusyBox, on a host with nothing else."""
    found = one((Path(__file__).parent / "collected" / "busybox-1.35.txt").read_bytes())
    assert found.name == "web1"
    first, second = found.samples
    assert [first.at, second.at] == [1795737304.0, 1795737306.07]
    for sample in found.samples:
        assert [each.state for each in sample.sockets] == [
            State.LISTEN, State.ESTABLISHED, State.CLOSE_WAIT,
        ]  # fmt: skip
        assert sample.counters["TcpPassiveOpens"] == 2
        assert sample.sysctls["tcp_max_tw_buckets"] == "512"
    assert "not-closed" in {finding.cause for finding in diagnose([found]).findings}


def test_several_hosts_may_be_in_one_file() -> None:
    other = TEXT.replace("host web1", "host db1").replace("10.0.0.2", "10.0.0.3")
    first, second = read(TEXT + other, "both.txt")
    assert first == one(TEXT)
    assert second == one(other)


def test_a_host_without_a_name_has_that_of_the_file() -> None:
    assert one(TEXT.replace("host web1", "host ")).name == "collected.txt"


def test_wherever_a_file_is_cut_nothing_is_made_of_what_is_missing() -> None:
    """A socket that a cut took from the second look would count as gone."""
    whole = one(TEXT)
    end_of_looks = TEXT.index("#: sysctls\n") + len("#: sysctls\n")
    second = TEXT.index("#: look 2")
    for cut in range(TEXT.index("#: sockets") + 200, len(TEXT) - 1):
        try:
            found = one(TEXT[:cut])
        except ScenarioError:  # within the only look
            assert cut < second
            continue
        assert any("cut short" in note for note in found.samples[-1].notes)
        if cut >= end_of_looks:
            assert [s.sockets for s in found.samples] == [s.sockets for s in whole.samples]
        else:
            assert len(found.samples) == 1
            assert all(each in whole.samples[0].sockets for each in found.samples[0].sockets)
        if TEXT.index("\n", second) < cut < end_of_looks - 1:
            assert any("look 2 is not whole" in note for note in found.samples[-1].notes)


def test_a_host_without_connections_has_a_whole_look_at_none() -> None:
    rows = re.compile(r"^(?:LISTEN|CLOSE|ESTAB).*\n", re.MULTILINE)
    for text in (rows.sub("", TEXT), re.sub(r"State  .*\n", "", rows.sub("", TEXT))):
        for sample in one(text).samples:
            assert sample.sockets == ()
            assert sample.counters["ListenOverflows"] == 3
            assert sample.notes == ()


def test_what_failed_there_is_said_here() -> None:
    text = TEXT.replace("#: look 2", "#: failed ss -tanoeip: exit code 1\n#: look 2")
    first, second = one(text).samples
    assert first.notes == ("failed: ss -tanoeip: exit code 1",)
    assert first.sockets == one(TEXT).samples[0].sockets
    assert second.notes == ()


def test_proc_is_read_from_both_of_its_files() -> None:
    heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
    rows = (
        "$ cat /proc/net/tcp\n"
        f"{heading}timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
        "        0 61 1 0000000000000000 100 0 0 10 0\n"
        "$ cat /proc/net/tcp6\n"
        "  sl  local_address                         remote_address                        st\n"
        "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000     0        0 62 1 0000000000000000 100 0 0 10 0\n"
    )
    first = FIRST[: FIRST.index("$ ss")] + rows
    (sample,) = one(WHOLE.format(first=first, second="")).samples
    assert sample.source == "/proc/net/tcp, /proc/net/tcp6"
    assert [(each.state, each.local) for each in sample.sockets] == [
        (State.LISTEN, ("127.0.0.1", 8080)), (State.LISTEN, ("::1", 8080)),
    ]  # fmt: skip


def test_another_version_is_refused_with_what_to_do() -> None:
    text = TEXT + TEXT.replace("collector 1", "collector 2")
    with pytest.raises(
        ScenarioError, match=r"collector 2 wrote this.*netlab collector >"
    ) as raised:
        one(text)
    assert raised.value.line == TEXT.count("\n") + 1


def test_what_cannot_be_read_is_shown_with_its_line_in_the_file() -> None:
    broken = TEXT.replace(MORE, MORE.replace(":40001", ":99999") + MORE + MORE)
    line = 1 + broken[: broken.index(":99999")].count("\n")
    notes = [note for sample in one(broken).samples for note in sample.notes]
    assert any(f"line {line}" in note and ":99999" in note for note in notes), notes


def test_a_collector_that_printed_no_look_is_no_healthy_host() -> None:
    first = TEXT.index("\n")
    for end in (TEXT.index("#: look 1"), first - 20, first, first + 1):
        with pytest.raises(ScenarioError, match="printed no look"):
            one(TEXT[:end])


def test_a_paste_that_mentions_the_collector_is_a_paste() -> None:
    paste = f"$ head -1 web1.txt\n{FIRST[FIRST.index('$ ss') :]}"
    assert not collected.begins(paste.encode())
    long = "x" * collected.GREETING + "\n" + TEXT
    assert not collected.begins(long.encode())


def test_names_and_remarks_cannot_speak_to_the_terminal() -> None:
    text = TEXT.replace("host web1", "host \x1b[2Jweb\x9b1").replace(
        "#: look 2", "#: note \x1b]0;title\x07bell\n#: look 2"
    )
    found = one(text.encode())
    assert found.name.isprintable()
    assert all(note.isprintable() for sample in found.samples for note in sample.notes)
