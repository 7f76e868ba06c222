# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of connection tracking: in any of their forms, and what counts as all of them."""

from __future__ import annotations

import pytest

from netlab.snapshot.parse import collected, paste
from netlab.snapshot.records import ConntrackEntry, Sample, Tracking

C, NAT, S = ("10.0.64.1", 39024), ("10.0.64.254", 1024), ("10.0.64.2", 5555)
FORWARD = "src=10.0.64.1 dst=10.0.64.2 sport=39024 dport=5555"
BACK = "src=10.0.64.2 dst=10.0.64.254 sport=5555 dport=1024"
#: As conntrack 1.4.7 and Linux 6.18 print them.
FORMS = {
    "conntrack -L": f"tcp      6 431999 ESTABLISHED {FORWARD} {BACK} [ASSURED] mark=0 use=1",
    "conntrack -L -o extended": f"ipv4     2 tcp      6 431999 ESTABLISHED {FORWARD} {BACK} "
    "[ASSURED] mark=0 use=1",
    "cat /proc/net/nf_conntrack": f"ipv4     2 tcp      6 431999 ESTABLISHED {FORWARD} {BACK} "
    "[ASSURED] mark=0 zone=0 use=2",
    "conntrack -L -p tcp": f"tcp      6 431999 ESTABLISHED {FORWARD} packets=3 bytes=164 {BACK} "
    "packets=2 bytes=112 [ASSURED] mark=0 secctx=system_u use=1",
}  # fmt: skip
UNREPLIED = f"tcp      6 117 SYN_SENT {FORWARD} [UNREPLIED] {BACK} mark=0 use=1"
SUM = "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown."
UDP = "udp      17 29 src=10.0.64.1 dst=10.0.64.2 sport=4 dport=53 src=10.0.64.2 dst=10.0.64.1 sport=53 dport=4 mark=0 use=1"  # noqa: E501
ICMP = "icmp     1 29 src=10.0.64.1 dst=10.0.64.2 type=8 code=0 id=7 src=10.0.64.2 dst=10.0.64.1 type=0 code=0 id=7 mark=0 use=1"  # noqa: E501


def sample(text: str) -> Sample:
    (snapshot,) = paste.read(text, "router.txt")
    return snapshot.samples[-1]


def tracking(text: str) -> Tracking:
    found = sample(text).tracking
    assert found is not None
    return found


@pytest.mark.parametrize("command", FORMS)
def test_every_form_of_an_entry_is_read(command: str) -> None:
    expected = ConntrackEntry((C, S), (S, NAT), "ESTABLISHED", 431999, True)
    assert tracking(f"root@router:~# {command}\n{FORMS[command]}\n") == Tracking((expected,), True)
    assert tracking(f"{FORMS[command]}\n") == Tracking((expected,), False)


def test_an_entry_that_nobody_answered() -> None:
    (entry,) = tracking(UNREPLIED).entries
    assert (entry.state, entry.remaining, entry.answered) == ("SYN_SENT", 117, False)


def test_ipv6() -> None:
    (entry,) = tracking(
        "tcp 6 59 CLOSE_WAIT src=fd00::1 dst=fd00::2 sport=4 dport=80 "
        "src=fd00::2 dst=fd00::fe sport=80 dport=4 [ASSURED] mark=0 use=1"
    ).entries
    assert (entry.original, entry.reply) == (
        (("fd00::1", 4), ("fd00::2", 80)), (("fd00::2", 80), ("fd00::fe", 4))
    )  # fmt: skip


def test_entries_of_other_protocols_are_no_surprise() -> None:
    one = sample("\n".join(("$ conntrack -L", UDP, UNREPLIED, ICMP, SUM, "")))
    assert one.tracking is not None
    assert (len(one.tracking.entries), one.tracking.whole, one.notes) == (1, True, ())


def test_none_at_all_is_an_answer() -> None:
    none = SUM.replace(": 1", ": 0")
    assert tracking(f"$ conntrack -L -p tcp\n{none}\n") == Tracking((), True)


@pytest.mark.parametrize(
    "command",
    ["conntrack -L -s 10.0.64.1", "conntrack -L --dport 5555", "conntrack -L | grep 5555",
     "conntrack -L -p tcp --state ESTABLISHED", "cat /proc/net/nf_conntrack | head"],
)  # fmt: skip
def test_a_filtered_listing_is_not_all_of_them(command: str) -> None:
    found = tracking(f"$ {command}\n{UNREPLIED}\n")
    assert (len(found.entries), found.whole) == (1, False)


@pytest.mark.parametrize("cut", [UNREPLIED[:90], UNREPLIED.replace("sport=5555", "sport=555555")])
def test_an_entry_that_was_cut_is_missing(cut: str) -> None:
    one = sample(f"$ conntrack -L\n{UNREPLIED}\n{cut}\n")
    assert one.tracking is not None
    assert (len(one.tracking.entries), one.tracking.whole) == (1, False)
    assert any("connection tracking" in note for note in one.notes)


def test_beside_a_listing_both_are_read() -> None:
    row = "ESTAB 0 0 10.0.64.1:39024 10.0.64.2:5555\n"
    heading = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
    for text in (
        f"$ ss -tan\n{heading}{row}$ conntrack -L\n{UNREPLIED}\n",
        f"$ conntrack -L\n{UNREPLIED}\n$ ss -tan\n{heading}{row}",
    ):
        one = sample(text)
        assert one.tracking is not None
        assert (len(one.sockets), len(one.tracking.entries), one.whole) == (1, 1, True)
        assert one.notes == ()


COLLECTED = """# netlab collector 1: the TCP sockets of a host
#: host router
#: look 1 date=1.5 uptime=1.5 boot=0
#: counters
#: sockets
$ ss -tanoeip
State Recv-Q Send-Q Local Address:Port Peer Address:Port
#: sysctls
net.ipv4.tcp_retries2 = 15
#: conntrack{rest}
"""


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (f"\n$ conntrack -L -p tcp\n{UNREPLIED}\r\n#: end", (1, True)),
        ("\n$ conntrack -L -p tcp\n#: end", (0, True)),
        ("\n$ conntrack -L -p tcp\n#: failed conntrack -L -p tcp: exit code 1\n#: end", (0, False)),
        (f"\n$ conntrack -L -p tcp\n{UNREPLIED}", (1, False)),
        (" answers root only\n#: end", None),
        (" none that can be seen here\n#: end", None),
    ],
)
def test_what_the_collector_asked_is_read(rest: str, expected: tuple[int, bool] | None) -> None:
    text = COLLECTED.replace("{rest}", rest).encode()
    (snapshot,) = collected.read(text, "router.txt")
    found = snapshot.samples[-1].tracking
    assert (found and (len(found.entries), found.whole)) == expected
