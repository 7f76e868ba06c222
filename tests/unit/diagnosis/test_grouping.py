# SPDX-License-Identifier: GPL-2.0-or-later
"""One fault is one finding, however many connections show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from netlab.diagnosis.grouping import Group, Groups, as_listed
from netlab.diagnosis.observed import Listener, ObservedEnd, ObservedHost
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rank import diagnose
from netlab.diagnosis.rules import Candidate, rules
from netlab.model.tcp import State
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Socket

from .build import C, S, again, at_client, at_server, host, s

HERE = ObservedHost()
OF_APP, OF_WEB = ('users:(("{}",pid={},fd=3))'.format(*each) for each in (("app", 7), ("web", 8)))


def fits(cause: str, turned: bool = False) -> Candidate:
    return Candidate(rules().causes[cause], 9, turned, "a-scenario", (), ())


def end(state: State, at: ObservedHost = HERE, **more: Any) -> ObservedEnd:
    shown = {"local": C, "remote": S, "rx_queue": 0, "tx_queue": 0, **more}
    return ObservedEnd(state, at, Socket(state, **shown))


def grouped(*each: tuple[ObservedEnd, str], also: Sequence[str] = ()) -> list[Group]:
    groups = Groups(as_listed)
    assert not groups
    for own, cause in each:
        groups.add(EndPair(own), (fits(cause),), also)
    assert bool(groups) is bool(each)
    return list(groups)


def sizes(*each: tuple[ObservedEnd, str]) -> list[int]:
    return [len(group.connections) for group in grouped(*each)]


def test_the_leak_of_a_program_is_one_however_many_peers_and_ports_it_has() -> None:
    leaked = [
        (end(s.CLOSE_WAIT, remote=(f"10.1.0.{number}", 400 + number % 5), owner=OF_APP), cause)
        for number, cause in enumerate(["not-closed", "not-read"] * 6)
    ]
    (group,) = grouped(*leaked)
    assert len(group.connections) == 12
    assert [*group.named_owners()] == ["app (pid 7)"]


def test_two_programs_have_two_leaks() -> None:
    own, other = end(s.CLOSE_WAIT, owner=OF_APP), end(s.CLOSE_WAIT, owner=OF_WEB)
    assert sizes((own, "not-closed"), (other, "not-closed"), (own, "not-closed")) == [2, 1]


def test_without_a_program_a_leak_is_told_by_service() -> None:
    own, other = end(s.CLOSE_WAIT), end(s.CLOSE_WAIT, remote=("10.9.9.9", 443))
    elsewhere = end(s.CLOSE_WAIT, remote=(S[0], 80))
    groups = grouped((own, "not-closed"), (other, "not-read"), (elsewhere, "not-closed"))
    assert [(group.service[1], len(group.connections)) for group in groups] == [(443, 2), (80, 1)]


def test_the_first_cause_tells_the_group() -> None:
    groups = Groups(as_listed)
    for second in ("data-lost", "rst-lost"):
        groups.add(EndPair(end(s.SYN_SENT)), (fits("syn-lost"), fits(second)), ())
    assert [len(group.connections) for group in groups] == [2]


def test_at_the_end_that_waits_the_causes_are_told_apart() -> None:
    """What its peer forgets is not the same for all peers."""
    own, other = end(s.FIN_WAIT2, owner=OF_APP), end(s.FIN_WAIT2, owner=OF_WEB)
    elsewhere = end(s.FIN_WAIT2, remote=(S[0], 80), owner=OF_APP)
    assert sizes((own, "not-closed"), (own, "not-read")) == [1, 1]
    assert sizes((own, "not-closed"), (other, "not-closed"), (elsewhere, "not-closed")) == [1, 1, 1]


def test_what_the_network_does_is_told_by_service_and_not_by_program() -> None:
    own, other = end(s.SYN_SENT, owner=OF_APP), end(s.SYN_SENT, owner=OF_WEB)
    many, elsewhere = end(s.SYN_SENT, remote=("10.9.9.9", 443)), end(s.SYN_SENT, remote=(C[0], 80))
    assert sizes(*((each, "syn-lost") for each in (own, other, many, elsewhere))) == [3, 1]
    assert sizes((own, "syn-lost"), (own, "syn-ack-lost")) == [1, 1]
    assert sizes((own, "data-lost"), (end(s.CLOSE_WAIT), "data-lost")) == [1, 1]


def test_what_may_be_something_else_is_a_group_of_its_own() -> None:
    groups = Groups(as_listed)
    for also in ((), ("fin-lost",), ("fin-lost",)):
        groups.add(EndPair(end(s.FIN_WAIT1)), (fits("rst-lost"),), also)
    assert [len(group.connections) for group in groups] == [1, 2]


def test_where_the_service_is_tells_two_groups() -> None:
    here = end(s.SYN_RECV, local=(C[0], 443), remote=(S[0], 40000))
    assert sizes((end(s.SYN_SENT), "syn-ack-lost"), (here, "syn-ack-lost")) == [1, 1]


def at(owner: str = "", port: int = 443) -> ObservedHost:
    return ObservedHost(listeners={port: Listener(owner=owner)})


def behind(owner: str = "", state: State = s.ESTABLISHED, port: int = 443) -> ObservedEnd:
    return end(state, at(owner, port), local=(C[0], port), remote=("10.1.0.1", 40000))


def test_a_full_queue_is_one_with_all_that_wait_behind_it() -> None:
    listener, waits = behind(state=s.LISTEN), behind()
    each = [(listener, "accept-queue-full"), (waits, "not-accepted"),
            (behind(state=s.SYN_RECV), "accept-queue-full")]  # fmt: skip
    assert sizes(*each) == [3]
    assert sizes(*each, (behind(port=80), "not-accepted")) == [3, 1]


def test_of_a_queue_and_who_waits_there_the_one_that_tells_most_is_told() -> None:
    groups = Groups(as_listed)
    listener, waits = behind(state=s.LISTEN), behind()
    told = [(waits, "not-accepted", 9), (listener, "accept-queue-full", 12),
            (behind(), "not-accepted", 12), (waits, "syn-queue-full", 11)]  # fmt: skip
    for own, cause, points in told:
        groups.add(EndPair(own), (replace(fits(cause), points=points),), ())
    (group,) = groups
    assert (group.pair.own, group.candidates[0].cause.id) == (listener, "accept-queue-full")
    assert len(group.connections) == 4


def test_only_what_tells_more_than_its_best_takes_its_place() -> None:
    groups = Groups(as_listed)
    best = replace(fits("accept-queue-full"), points=12), replace(fits("syn-flood"), points=5)
    groups.add(EndPair(listener := behind(state=s.LISTEN)), best, ())
    groups.add(EndPair(behind()), (replace(fits("not-accepted"), points=9),), ())
    (group,) = groups
    assert (group.pair.own, group.candidates) == (listener, best)


def test_of_all_others_the_first_one_is_told() -> None:
    groups = Groups(as_listed)
    for own, points in ((first := end(s.SYN_SENT), 9), (end(s.SYN_SENT), 12)):
        groups.add(EndPair(own), (replace(fits("syn-lost"), points=points),), ())
    (group,) = groups
    assert group.pair.own is first


def test_a_full_queue_is_of_the_program_that_listens() -> None:
    one, other = behind(OF_APP), behind(OF_APP, port=80)
    assert sizes((one, "not-accepted"), (other, "accept-queue-full")) == [2]
    assert sizes((one, "not-accepted"), (behind(OF_WEB, port=80), "not-accepted")) == [1, 1]
    nowhere = end(s.SYN_SENT)  # the client's side: no listener is known
    elsewhere = end(s.SYN_SENT, remote=(S[0], 80))
    assert sizes((nowhere, "accept-queue-full"), (elsewhere, "accept-queue-full")) == [1, 1]
    assert sizes((nowhere, "accept-queue-full"), (nowhere, "syn-queue-full")) == [2]


def test_a_queue_is_one_from_whichever_end_it_is_seen() -> None:
    """A SYN is not let in: its client, the queue, and who waits in it are of one fault."""
    syn = at_client(s.SYN_SENT, **again())
    full = Socket(s.LISTEN, S, (ANY, 0), 3, 2, inode=7, owner=OF_APP)
    ages = {"lastsnd": 5.0, "lastrcv": 5.0, "lastack": 5.0}
    waits = at_server(s.ESTABLISHED, inode=0, rx_queue=9, info=ages)
    waits = replace(waits, remote=(C[0], 40002))
    connected = replace(at_client(s.ESTABLISHED), local=(C[0], 40002))
    client, server = host(syn, connected), host(full, waits)
    for snapshots in ([client, server], [server, client]):
        (finding,) = diagnose(snapshots).findings
        assert finding.cause == "accept-queue-full"
        assert len(finding.connections) == 3
        assert finding.service == "10.0.0.2:443"  # as the one that tells most has it
        assert "the client waits for an answer to its SYN" in finding.evidence_for[0]


def test_behind_a_queue_that_is_not_seen_nobody_is_taken_for_its_own() -> None:
    elsewhere, here = end(s.SYN_SENT), end(s.SYN_RECV, local=(C[0], 443), remote=(S[0], 40000))
    assert sizes((elsewhere, "accept-queue-full"), (behind(), "not-accepted")) == [1, 1]
    assert sizes((elsewhere, "accept-queue-full"), (here, "accept-queue-full")) == [1, 1]


def test_the_programs_are_those_at_the_end_that_it_is_about() -> None:
    """And where nobody is known to hold that one, those at the other end."""
    own, peer = end(s.CLOSE_WAIT, owner=OF_APP), end(s.FIN_WAIT2, local=S, remote=C, owner=OF_WEB)
    for ends, programs in (
        ((own, peer), ["app"]), ((replace_socket(own), peer), ["web"]), ((own, None), ["app"]),
        ((replace_socket(own), None), []),
    ):  # fmt: skip
        groups = Groups(as_listed)
        groups.add(EndPair(*ends), (fits("not-closed"),), ())
        (group,) = groups
        assert [*group.programs] == programs


def replace_socket(own: ObservedEnd) -> ObservedEnd:
    """The same end, held by nobody who is known."""
    assert own.socket is not None
    return replace(own, socket=replace(own.socket, owner=""))


def test_a_group_is_as_old_as_its_oldest() -> None:
    ages = [{"rto": 0.2, "lastrcv": age, "lastack": age} for age in (0.0, 0.25, 4.0, 0.5)]
    each = [(end(s.CLOSE_WAIT, info=info), "not-closed") for info in ({}, *ages)]
    for number, oldest in ((1, None), (2, 0.0), (3, 0.25), (4, 4.0), (5, 4.0)):
        (group,) = grouped(*each[:number])
        assert group.oldest == oldest


def test_a_group_names_the_hosts_of_which_a_socket_is_seen() -> None:
    client, server = ObservedHost("client"), ObservedHost("server")
    own, seen = end(s.SYN_SENT, client), end(s.SYN_RECV, server, local=S, remote=C)
    gone = ObservedEnd(s.CLOSED, server)
    for peer, names in ((None, ["client"]), (gone, ["client"]), (seen, ["client", "server"])):
        groups = Groups(as_listed)
        groups.add(EndPair(own, peer), (fits("syn-ack-lost"),), ())
        (group,) = groups
        assert [*group.hosts] == names


def test_hosts_and_programs_are_counted_by_their_connections() -> None:
    each = [
        (end(s.SYN_SENT, ObservedHost(name), owner=owner), "syn-lost")
        for name, owner in (("web1", OF_APP), ("web2", OF_WEB), ("web2", OF_WEB))
    ]
    (group,) = grouped(*each)
    assert group.hosts.most_common() == [("web2", 2), ("web1", 1)]
    assert group.programs.most_common() == [("web", 2), ("app", 1)]


def test_the_three_that_hold_most_are_named_with_how_many() -> None:
    owners = ["d", "c", "c", "b", "b", "b", "a", "a", "a", "a"]
    each = [(end(s.SYN_SENT, owner=f"{ord(name)}/{name}"), "syn-lost") for name in owners]
    (group,) = grouped(*each)
    assert [*group.named_owners()] == ["a (pid 97) x 4", "b (pid 98) x 3", "c (pid 99) x 2"]
    (group,) = grouped(*each[:3])
    assert [*group.named_owners()] == ["c (pid 99) x 2", "d (pid 100)"]
    (group,) = grouped(*each[1:3])
    assert [*group.named_owners()] == ["c (pid 99)"]  # of all: the number is there already


def test_the_service_of_a_group_is_where_most_go() -> None:
    ports = [(1, 80), (2, 443), (3, 443), (4, 80), (5, 443)]
    (group,) = grouped(
        *((end(s.CLOSE_WAIT, remote=(f"10.1.0.{n}", port), owner=OF_APP), "not-closed")
          for n, port in ports)
    )  # fmt: skip
    assert group.service == ("10.1.0.2", 443)


def test_a_group_is_told_from_the_end_that_the_cause_is_about() -> None:
    groups = Groups(as_listed)
    own, peer = end(s.FIN_WAIT2), end(s.CLOSE_WAIT, local=S, remote=C, owner=OF_WEB)
    groups.add(EndPair(own, peer, translated=True), (fits("not-closed", turned=True),), ())
    groups.add(EndPair(own, peer), (fits("not-closed"),), ())
    groups.add(EndPair(own, None), (fits("rst-lost", turned=True),), ())
    first, second, third = groups
    (connection,) = first.connections
    assert (connection.local, connection.states) == (S, (s.CLOSE_WAIT, s.FIN_WAIT2))
    assert (connection.translated, first.pair.translated, first.here) == (True, True, True)
    assert first.pair.own is peer
    assert [*first.named_owners()] == ["web (pid 8)"]
    assert second.connections[0].states == (s.FIN_WAIT2, s.CLOSE_WAIT)
    assert (second.connections[0].translated, second.here) == (False, False)
    assert third.pair.own is own


@pytest.mark.parametrize("unread", [0, 1])
def test_the_answer_about_a_leak_fits_one_screen(unread: int) -> None:
    """Twelve of one process to a CDN, some with data left: one cause, and every socket in it."""
    leaked = [
        Socket(s.CLOSE_WAIT, (C[0], 40000 + n), (f"151.101.{n}.69", 443), unread * (n % 2), 0,
               inode=n + 1, owner='users:(("python3",pid=26392,fd=45))')
        for n in range(12)
    ]  # fmt: skip
    answer = diagnose([host(*leaked)])
    (finding,) = answer.findings
    assert (finding.cause, len(finding.connections)) == ("not-closed", 12)
    assert finding.service == "port 443 of 12 hosts"
    assert "'dport = :443'" in finding.confirm
    shown = findings(answer, Style(False), width=90)
    assert "12 x CLOSE_WAIT, port 443 of 12 hosts, of python3 (pid 26392)" in shown
    assert len(shown.splitlines()) < 24


def test_a_mixed_group_counts_each_state() -> None:
    listener = Socket(s.LISTEN, ("0.0.0.0", 443), ("*", 0), 129, 128, inode=7, owner=OF_APP)
    waiting = [Socket(s.CLOSE_WAIT, S, ("10.1.0.1", 40000 + n), 1, 0, inode=0) for n in range(3)]
    (finding,) = (answer := diagnose([host(listener, *waiting)])).findings
    assert len(finding.connections) == 4
    assert "3 x CLOSE_WAIT, 1 x LISTEN, port 443" in findings(answer, Style(False), width=90)
