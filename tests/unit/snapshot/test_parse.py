# SPDX-License-Identifier: GPL-2.0-or-later
"""Every tool tells the same of the same sockets, in whatever form people paste it.

`outputs` holds what tools really printed of the two hosts of one lab: ss of iproute2 4.15 to 7.3,
netstat of net-tools and of BusyBox, the kernel's own files. ``tty80`` is a terminal of 80 columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import ANY
from netlab.snapshot.parse import lines, read
from netlab.snapshot.parse.ss_row import duration
from netlab.snapshot.records import Sample, Snapshot, Socket

OUTPUTS = Path(__file__).parent / "outputs"

S, C, L, LINK = "fd00::2", "fd00::1", "127.0.0.1", "fe80::5"
Row = tuple[State, tuple[str, int], tuple[str, int], int]
SERVER: set[Row] = {
    (State.LISTEN, (L, 9090), (ANY, 0), 1),
    (State.LISTEN, (ANY, 22), (ANY, 0), 0),
    (State.LISTEN, (LINK, 7070), (ANY, 0), 1),
    (State.LISTEN, (ANY, 8080), (ANY, 0), 0),
    (State.LISTEN, (S, 5555), (ANY, 0), 0),
    (State.ESTABLISHED, (L, 59006), (L, 9090), 0),
    (State.ESTABLISHED, (L, 9090), (L, 59006), 2304),
    (State.ESTABLISHED, (L, 33052), (L, 8080), 0),
    (State.ESTABLISHED, (L, 8080), (L, 33052), 0),
    (State.ESTABLISHED, (LINK, 7070), (LINK, 39226), 0),
    (State.ESTABLISHED, (LINK, 39226), (LINK, 7070), 0),
    (State.ESTABLISHED, (S, 5555), (C, 36890), 0),
    (State.CLOSE_WAIT, (S, 5555), (C, 36902), 1),
    (State.ESTABLISHED, (S, 5555), (C, 36874), 6),
    (State.SYN_RECV, (S, 5555), (C, 36930), 0),
    (State.ESTABLISHED, (S, 5555), (C, 36928), 100),
}
CLIENT: set[Row] = {
    (State.ESTABLISHED, (C, 36874), (S, 5555), 0),
    (State.ESTABLISHED, (C, 36890), (S, 5555), 0),
    (State.FIN_WAIT2, (C, 36902), (S, 5555), 0),
    (State.TIME_WAIT, (C, 36916), (S, 5555), 0),
    (State.ESTABLISHED, (C, 36928), (S, 5555), 0),
    (State.SYN_SENT, (C, 36930), (S, 5555), 0),
}
#: What is no listing of all sockets, or not all of it.
PARTS = {"server-proc-tcp", "server-proc-tcp6", "server-nstat", "server-netstat-s"} | {
    "server-ss-6.1-tan-closewait", "client-proc-tcp", "client-proc-tcp6",
}  # fmt: skip
LISTINGS = sorted(path.stem for path in OUTPUTS.iterdir() if path.stem not in PARTS)


def output(name: str) -> str:
    return (OUTPUTS / f"{name}.txt").read_bytes().decode()


def one(text: str) -> Snapshot:
    (found,) = read(text, "pasted")
    return found


def sample(text: str) -> Sample:
    (found,) = one(text).samples
    return found


def rows(found: Sample) -> set[Row]:
    told = [*map(_row, found.sockets)]
    assert len({*told}) == len(told)
    return {*told}


def _row(each: Socket) -> Row:
    return each.state, each.local, each.remote, each.rx_queue


def socket_to(found: Sample, port: int, local: int = 5555) -> Socket:
    (each,) = (e for e in found.sockets if e.remote[1] == port and e.local[1] == local)
    return each


# --- genuine outputs


@pytest.mark.parametrize("name", LISTINGS)
def test_every_tool_and_version_tells_the_same(name: str) -> None:
    assert rows(sample(output(name))) == (SERVER if name.startswith("server") else CLIENT)


@pytest.mark.parametrize(("side", "expected"), [("server", SERVER), ("client", CLIENT)])
def test_both_files_of_proc_are_one_look(side: str, expected: set[Row]) -> None:
    text = output(f"{side}-proc-tcp") + output(f"{side}-proc-tcp6")
    assert rows(sample(text)) == expected


WITH_TIMERS = [name for name in LISTINGS if re.search("-tanoei|natpoe|tnoa", name)]


@pytest.mark.parametrize("name", [name for name in WITH_TIMERS if name.startswith("server")])
def test_timers_are_read_in_all_their_spellings(name: str) -> None:
    found = sample(output(name))
    request, lost = socket_to(found, 36930), socket_to(found, 36928)
    alive, closed_window = socket_to(found, 8080, 33052), socket_to(found, 9090, 59006)
    assert request.timer is lost.timer is Timer.RETRANSMIT
    assert request.remaining is not None
    assert 0 < request.remaining < 2
    assert lost.retransmits in {2, 3}
    assert alive.timer is Timer.KEEPALIVE
    assert alive.remaining is not None
    assert 90 < alive.remaining < 95
    assert closed_window.timer is Timer.PROBE
    assert closed_window.probes == 0
    assert closed_window.remaining is not None
    assert 0 < closed_window.remaining < 2
    leaked = socket_to(found, 36902)
    assert (leaked.timer, leaked.retransmits, leaked.probes) == (Timer.NONE, 0, 0)


@pytest.mark.parametrize("name", [name for name in LISTINGS if "-tanoei" in name])
def test_what_the_kernel_counts_is_read(name: str) -> None:
    found = sample(output(name))
    if name.startswith("server"):
        info = socket_to(found, 36928).info
        assert info["backoff"] == info["retrans_total"] - 1
        assert (info["mss"], info["pmtu"]) == (1428, 1500)
        assert 0.5 < info["lastrcv"] < 5  # seconds
        assert info["bytes_received"] == 100
        leaked = socket_to(found, 36902)
        assert leaked.inode == 11499309
        assert socket_to(found, 36930).inode == 0
    else:
        assert [each.info for each in found.sockets if each.state is State.TIME_WAIT] == [{}]


def test_what_was_not_printed_is_not_known() -> None:
    for name in ("server-ss-6.1-tan", "server-netstat-1.60-nat", "server-busybox-1.35-nat"):
        leaked = socket_to(sample(output(name)), 36902)
        assert (leaked.timer, leaked.remaining, leaked.retransmits) == (None, None, None)
        assert (leaked.probes, leaked.inode, leaked.owner) == (None, None, "")


def test_owners_are_kept_as_they_are_written() -> None:
    users = 'users:(("python3",pid=20400,fd='
    assert socket_to(sample(output("server-ss-4.15-tanoeimp")), 36902).owner.startswith(users)
    assert socket_to(sample(output("server-tty80-ss-6.1-tanp")), 36902).owner.startswith(users)
    assert socket_to(sample(output("server-netstat-2.10-natpoe")), 36902).owner == "20400/python3"


def test_the_backlog_of_a_listener_is_read_from_ss() -> None:
    found = sample(output("server-ss-6.1-tan"))
    assert {(e.local, e.tx_queue) for e in found.sockets if e.state is State.LISTEN} == {
        ((L, 9090), 128), ((ANY, 22), 128), ((LINK, 7070), 5), ((ANY, 8080), 7), ((S, 5555), 128),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "counters"),
    [
        ("server-nstat", {"TCPTimeouts": 4, "TcpOutRsts": 0, "ListenOverflows": 0}),
        ("server-netstat-s", {"TCPTimeouts": 4, "TcpOutRsts": 0, "TcpRetransSegs": 7}),
    ],
)
def test_counters_are_named_as_netlab_names_them(name: str, counters: dict[str, int]) -> None:
    found = sample(output(name)).counters
    assert {key: found[key] for key in counters} == counters


def test_counters_of_the_kernels_own_files_are_read() -> None:
    text = "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 3 14\nTcp: OutRsts\nTcp: 7\n"
    assert sample(text).counters == {"SyncookiesSent": 3, "TCPTimeouts": 14, "TcpOutRsts": 7}


# --- as it is pasted


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def wrapped(text: str) -> str:
    """As a mail program breaks lines: at 76 letters, and nothing before the rest."""
    lines = []
    for line in text.splitlines():
        words = " ".join(line.split())
        while len(words) > 76 and " " in words[:76]:
            cut = words.rindex(" ", 0, 76)
            lines.append(words[:cut])
            words = words[cut + 1 :]
        lines.append(words)
    return "\n".join(lines)


PASTES: dict[str, Callable[[str], str]] = {
    "quoted in a mail": quoted,
    "quoted twice": lambda text: quoted(quoted(text)),
    "with CRLF": lambda text: text.replace("\r", "").replace("\n", "\r\n"),
    "with tabs": lambda text: re.sub(" {2,}", "\t", text),
    "after a prompt": lambda text: f"root@web1:~# ss -tanoei\n{text}root@web1:~# \n",
    "after another prompt": lambda text: f"[admin@web1 ~]$ sudo ss -tanoei | cat\n{text}",
    "in a small shell": lambda text: f"/ # ss -tanoei\n{text}/ # \n",
    "after a bare command": lambda text: f"+ ss -tanoei\n{text}",
    "from watch": lambda text: f"Every 2.0s: ss -tanoei   web1: Fri Nov 20 13:00:00 2026\n\n{text}",
    "coloured": lambda text: text.replace("ESTAB", "\x1b[32mESTAB\x1b[0m"),
    "wrapped by a mail program": wrapped,
    "without its heading": lambda text: "\n".join(text.splitlines()[1:]),
    "indented": lambda text: "\n".join(f"    {line}" for line in text.splitlines()),
    "under a heading that was wrapped": lambda text: re.sub("(?<=Port) +Peer", "\nPeer", text),
    "in a fence": lambda text: f"```\n{text}```\n",
}


@pytest.mark.parametrize("paste", PASTES)
@pytest.mark.parametrize("version", ["4.15", "5.9", "6.1", "7.3"])
def test_what_is_pasted_is_read_like_what_was_printed(paste: str, version: str) -> None:
    text = output(f"server-ss-{version}-tanoei")
    found = sample(PASTES[paste](text))
    assert found.sockets == sample(text).sockets


@pytest.mark.parametrize("paste", ["quoted in a mail", "with CRLF", "indented", "coloured"])
def test_netstat_is_pasted_too(paste: str) -> None:
    text = output("server-netstat-2.10-natpoe")
    assert sample(PASTES[paste](text)).sockets == sample(text).sockets


def test_a_long_session_is_one_look() -> None:
    text = (
        f"root@web1:~# date\nFri Nov 20 13:48:14 UTC 2026\n"
        f"root@web1:~# uptime\n 13:48:20 up 3 days, load average: 0.00\n"
        f"root@web1:~# ss -tanoei\n{output('server-ss-6.1-tanoei')}"
        f"root@web1:~# nstat -az\n{output('server-nstat')}root@web1:~# exit\n"
    )
    found = one(text)
    assert found.name == "web1"
    (only,) = found.samples
    assert rows(only) == SERVER
    assert only.counters["TCPTimeouts"] == 4
    assert only.source == "ss -tanoei, nstat -az"


def test_who_looks_again_has_two_looks() -> None:
    listing, counters = output("server-ss-6.1-tanoei"), output("server-nstat")
    found = one(listing + counters + listing + counters)
    assert [rows(each) for each in found.samples] == [SERVER, SERVER]
    assert all(each.counters for each in found.samples)


def test_two_ends_in_one_paste_are_two_snapshots() -> None:
    server, client = output("server-ss-6.1-tanoei"), output("client-ss-6.1-tanoei")
    for text in (
        f"me@web1:~$ ss -tanoei\n{server}me@app1:~$ ss -tanoei\n{client}",
        f"=== web1 ===\n{server}\n=== app1 ===\n{client}",
    ):
        found = read(text, "pasted")
        assert [each.name for each in found] == ["web1", "app1"]
        assert [rows(each.samples[0]) for each in found] == [SERVER, CLIENT]
    found = read(server + client, "pasted")  # seen from the other side
    assert [rows(each.samples[0]) for each in found] == [SERVER, CLIENT]


def test_one_state_is_read_where_the_command_names_it() -> None:
    text = output("server-ss-6.1-tan-closewait")
    found = sample(f"$ ss -tan state close-wait\n{text}")
    assert rows(found) == {row for row in SERVER if row[0] is State.CLOSE_WAIT}
    with pytest.raises(ScenarioError, match="leaves out the column State"):
        read(text, "pasted")


def test_other_protocols_are_passed_over() -> None:
    text = (
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
        "udp   UNCONN 0      0         127.0.0.53%lo:53      0.0.0.0:*\n"
        "tcp   LISTEN 0      128             0.0.0.0:22      0.0.0.0:*\n"
        "u_str ESTAB  0      0      /run/x.sock 123         * 456\n"
    )
    assert rows(sample(text)) == {(State.LISTEN, (ANY, 22), (ANY, 0), 0)}
    text = output("server-netstat-2.10-natpoe") + (
        "udp        0      0 127.0.0.53:53           0.0.0.0:*                           101\n"
        "Active UNIX domain sockets (servers and established)\n"
        "Proto RefCnt Flags       Type       State         I-Node   Path\n"
        "unix  2      [ ACC ]     STREAM     LISTENING     22223    /run/dbus\n"
    )
    assert rows(sample(text)) == SERVER


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("672ms", 0.672), ("072ms", 0.072), ("1min30sec", 90), ("26sec", 26), ("12min", 720),
        ("1.544ms", 1.544), ("3.456sec", 3.456), ("", 0), ("soon", None),
    ],
)  # fmt: skip
def test_durations_of_all_versions(written: str, seconds: float | None) -> None:
    assert duration(written) == seconds


# --- cut short, foreign, or not to be understood


@pytest.mark.parametrize("name", ["server-ss-6.1-tan", "server-netstat-2.10-natpoe"])
def test_a_last_line_that_was_cut_is_left_out_and_said(name: str) -> None:
    text = output(name).rstrip()
    start = text.rindex("\n") + 1
    for end in (start + 3, start + 25):
        found = sample(text[:end])
        assert len(found.sockets) == len(SERVER) - 1
        assert found.notes == (f"line {text.count(chr(10)) + 1} was cut short and is left out",)


REFUSED = {
    "": "it is empty",
    "\n \r\n": "it is empty",
    "hello world": "pasted:1: 'hello world' is not recognized",
    "root@web1:~# ls\nnotes.txt\n": "there are no sockets in it",
    "$ ss -tan\nbash: ss: command not found": "pasted:2: 'bash: ss: command not found'",
    "ESTAB 0 0 10.0.0.1:99999 10.0.0.2:2": "99999 is no port",
    "ESTAB 0 0\n": "pasted:1: 'ESTAB 0 0' cannot be read: the address or the port",
    "LISTEN\nActive": "pasted:1: 'LISTEN' cannot be read",
    "tcp 0 0 10.0.0.1:1 10.0.0.2:2 ANSLUTEN\n": "LC_ALL=C netstat",
    "tcp4  0  0  10.0.0.1.55555  10.0.0.2.443  ESTABLISHED\n": "netstat of another system",
    "  TCP    10.0.0.1:135    0.0.0.0:0    LISTENING\n": "netstat of another system",
    "   0: 0100007F:2382 00000000:0000 0A\n": "this line of /proc/net/tcp is incomplete",
    '{"a": 1}': "this JSON is not a netlab snapshot",
    '{"netlab": "snapshot", "version": 1,': "was it cut short",
}


@pytest.mark.parametrize("text", REFUSED)
def test_where_nothing_can_be_read_it_says_what_this_is(text: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(REFUSED[text])):
        read(text, "pasted")


#: Rows that cannot be read, and why.
UNREAD = {
    "ESTAB 0 0 10.0.0.1:99999 10.0.0.2:2": "99999 is no port",
    "ESTAB 0 0 10.0.0.1:1": "the address or the port of one end is missing",
    "tcp 0 0 10.0.0.1:1 10.0.0.2:2 ANSLUTEN": "'ANSLUTEN' is not a state",
    "tcp 0 0 ... ESTABLISHED": "the address or the port of one end is missing",
}


@pytest.mark.parametrize("row", UNREAD)
def test_a_row_that_cannot_be_read_is_told_wherever_it_stands(row: str) -> None:
    good = "ESTAB 0 0 10.0.0.1:1 10.0.0.2:2"
    other = good.replace(":1 ", ":3 ")
    for text, count in ((f"{row}\n{good}\n", 1), (f"{good}\n{row}\n{other}\n", 2)):
        found = sample(text)
        assert len(found.sockets) == count
        (told,) = found.notes
        assert told.startswith("1 line looks like a socket and cannot be read")
        assert UNREAD[row] in told
        assert not found.whole


def test_what_stands_for_an_address_or_a_port_is_as_good_a_key() -> None:
    found = sample(
        "ESTAB 0 0 web1.example.com:80 10.xx.0.x:4000\nESTAB 0 0 <our ip>:no-such-port REDACTED:1\n"
        "tcp6 0 0 2001:db8:1:2:3:4:80 2001:db8:1:2:3:4:81 ESTABLISHED\n"
    )
    first, second, third = found.sockets
    assert (first.local, first.remote) == (("web1.example.com", 80), ("10.xx.0.x", 4000))
    assert second.local[1] > 65535
    assert second.remote == ("REDACTED", 1)
    assert third.local == ("2001:db8:1:2:3:4", 80)
    assert found.notes == ()


def test_a_foreign_line_between_sockets_is_passed_over_and_told() -> None:
    lines = output("server-ss-6.1-tan").splitlines()
    lines.insert(5, "Segmentation fault (core dumped)")
    found = sample("\n".join(lines))
    assert rows(found) == SERVER
    (told,) = found.notes
    assert told.startswith("1 line is no output")
    assert "'Segmentation fault (core dumped)'" in told


def test_a_service_name_is_looked_up() -> None:
    assert rows(sample(output("server-ss-6.1-ta"))) == SERVER  # ssh, http-alt


def test_a_line_that_was_cut_in_a_paste_has_no_known_inode() -> None:
    whole = (
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        "ESTAB 0 0 10.0.0.2:5555 10.0.0.1:50000 ino:7 sk:1 <->\n"
        "ESTAB 0 0 10.0.0.2:5555 10.0.0.1:50001 sk:2 <->\n"
        "ESTAB 0 0 10.0.0.2:5555 10.0.0.1:50\n"
    )
    (snapshot,) = read(whole, "paste")
    assert [socket.inode for socket in snapshot.samples[0].sockets] == [7, 0, None]


def test_a_row_with_a_word_as_long_as_a_line_may_be_is_read_at_once() -> None:
    """A hundred of them took minutes where each letter could begin the name of a timer."""
    row = f"tcp        0      0 10.0.0.1:5555      10.0.0.2:%d      ESTABLISHED {'2' * 60_000}"
    text = "\n".join(row % port for port in range(1, 101))
    assert len(sample(text).sockets) == 100


@pytest.mark.parametrize(
    "text",
    ["[5min ago]", "[m] is a mask", r"grep 'a\|b'", "root@web1:~$", "**web1**", "`web1`:",
     "LISTEN 0 128 *:80 *:*", "a [b] (c)", "<http_1>:80"],
)  # fmt: skip
def test_what_only_looks_like_something_that_was_added_stays(text: str) -> None:
    assert [*lines.numbered(f"x\ny\n{text}\nz\n".encode())][2] == (3, text)


def test_a_process_with_blanks_in_its_name_is_whole_and_a_remark_is_not_in_it() -> None:
    row = "tcp 0 0 10.0.0.1:80 10.0.0.2:1024 CLOSE_WAIT "
    for told, owner in (("7/nginx: worker   <-- this", "7/nginx: worker"), ("-   # why?", "")):
        (socket,) = read(row + told, "pasted")[0].samples[0].sockets
        assert socket.owner == owner


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "   \n", " \\\n", "\n    ", " | $\n"])
def test_records_one_a_line_are_no_file_of_ours(end: str) -> None:
    """Nor is it said that they are, where nothing in them can be used."""
    rows = ["COMMAND   PID   USER", "nginx 7 root 12u IPv4 5 0t0 TCP a:45863->b:https (CLOSE_WAIT)"]
    text = end.join(f'{{"log":"{row}\\n"}}' for row in rows)
    for records in (text, f'{{"log":{json.dumps(str(rows))}}}'):
        with pytest.raises(ScenarioError, match="lsof"):
            read(records, "pasted")
