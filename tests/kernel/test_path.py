# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts between the two: what they do to packets, what they remember, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from netlab import Asymmetric, Firewall, Hop, Narrow, Nat, Proxy, Service, scheduler
from netlab.linux import conntrack
from netlab.model.errors import ActionFailed, LabError
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Family, Side
from netlab.packets.sightings import Packet, packets
from netlab.scenario import catalogue
from netlab.scenario.checks import frozen
from netlab.scenario.explain import by_hand
from netlab.scenario.model import Expectation
from netlab.scenario.runner import Options, play
from netlab.testbed import hops as kinds
from netlab.testbed.lab import Lab

from ..programs import need
from .tools import inside, left_over


@pytest.fixture(autouse=True)
def _tracking() -> None:
    if reason := kinds.lacking("tracking"):
        pytest.skip(reason)


def opened(lab: Lab, **asked: str) -> None:
    """A connection, accepted."""
    lab.server.listen()
    lab.client.connect(**asked)  # type: ignore[arg-type]
    lab.server.accept()


def counted(hop: Hop, name: str) -> int:
    """What the kernel of a hop has counted."""
    listed = inside(hop.box.namespace, "nstat", "-asz")
    (line,) = (line for line in listed.splitlines() if line.startswith(name))
    return int(line.split()[1])


@pytest.mark.parametrize("number", [1, 3, 5])
def test_what_the_ends_send_goes_over_every_hop(lab: Lab, number: int) -> None:
    on_the_way = [Hop(f"r{each}") for each in range(number)]
    lab.path(*on_the_way)
    opened(lab)
    assert lab.server.connection.remote == lab.client.connection.local, "nothing is translated"
    lab.client.send("hello")
    assert lab.server.read(5) == b"hello"
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)
    name = "IpForwDatagrams" if lab.family is Family.IPV4 else "Ip6OutForwDatagrams"
    assert all(counted(each, name) >= 4 for each in on_the_way)


def test_each_hop_counts_down_the_hop_limit(lab: Lab) -> None:
    lab.path(*(Hop(f"r{each}") for each in range(4)))
    v4 = lab.family is Family.IPV4
    name, least = "net.ipv4.ip_default_ttl" if v4 else "net.ipv6.conf.eth1.hop_limit", 4
    for host in lab.hosts:
        host.sysctl(name, least)
    lab.server.listen()
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.LISTEN, hold=0.1)  # nothing has come through four hops
    for host in lab.hosts:
        host.sysctl(name, least + 1)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


def test_a_nat_gives_its_own_address(lab: Lab) -> None:
    nat = Nat(ports="41000-41005")
    lab.path(Hop("r"), nat)
    opened(lab)
    address, port = lab.server.connection.remote
    assert address == nat.box.plan.address(Side.SERVER, lab.family)
    assert 41000 <= port <= 41005
    (entry,) = lab.entries("nat")
    assert entry.original == (lab.client.connection.local, lab.client.connection.remote)
    assert entry.beyond == ((address, port), lab.client.connection.remote)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)  # both ends are found under two names


def test_the_table_is_the_one_that_conntrack_prints(lab: Lab) -> None:
    need("conntrack")
    nat = Nat()
    lab.path(nat)
    opened(lab)
    listed = inside(nat.box.namespace, "conntrack", "-L", "-p", "tcp", "-f", _word(lab))
    (entry,) = lab.entries("nat")
    told = re.sub(r"^(tcp +6) \d+ ", r"\1 ", listed.splitlines()[0])
    assert told.split()[: len(str(entry).split())] == str(entry).split()


def _word(lab: Lab) -> str:
    return "ipv4" if lab.family is Family.IPV4 else "ipv6"


def test_what_was_forgotten_is_seen_and_dropped(lab: Lab) -> None:
    lab.path(Nat(forgets=1))
    opened(lab)
    flow = lab.flow()
    lab.sample()
    assert flow.tracked_as("nat") == "ESTABLISHED"
    assert lab.wait(lambda: flow.tracked_as("nat") == conntrack.NOTHING, 5)
    lab.client.send("late")
    assert lab.wait(lambda: lab.hop("nat").packets >= 2, 5)
    assert [each.state for each in flow.tracked["nat"]] == ["ESTABLISHED", "nothing"]


def test_an_entry_that_goes_and_comes_back_is_not_tracked_all_along(lab: Lab) -> None:
    lab.path(Firewall(strict=False))
    opened(lab)
    flow, claim = lab.flow(), ExpectedPair((State.ESTABLISHED,), (State.ESTABLISHED,))
    expect = Expectation(0, claim, tracked={"firewall": "ESTABLISHED"})
    assert lab.wait(lambda: flow.tracked_as("firewall") == "ESTABLISHED", 5)
    since = lab.elapsed()
    frozen(lab, expect, since, lambda *words: None)
    lab.hop("firewall").forget()
    assert lab.wait(lambda: flow.tracked_as("firewall") == conntrack.NOTHING, 5)
    lab.client.send("again")  # Linux tracks what it meets in the middle (nf_conntrack_tcp_loose)
    assert lab.wait(lambda: flow.tracked_as("firewall") == "ESTABLISHED", 5)
    with pytest.raises(ActionFailed, match=r"while the pair is held; it was nothing from \+"):
        frozen(lab, expect, since, lambda *words: None)
    frozen(lab, expect, lab.elapsed(), lambda *words: None)


def test_a_service_goes_to_each_server_in_turn(lab: Lab) -> None:
    lab.path(Service(["server", "b"], name="web"))
    lab.server.listen()
    lab.server.listen(at="b")
    for _ in range(4):
        lab.client.connect(to="web")
        lab.expect(State.ESTABLISHED, State.ESTABLISHED)
    seen = {flow.seen[1][0] for flow in lab.flows()}
    assert len(seen) == 2, "both servers were asked"
    assert {flow.server[0] for flow in lab.flows()} == {lab.context.known["web"]}


def test_a_service_is_known_to_programs_by_its_name(lab: Lab) -> None:
    lab.path(Service(name="web"))
    lab.server.listen(8080)
    if lab.context.names() is None:
        pytest.skip(lab.context.no_names)
    code = "import socket; socket.create_connection(('web', 8080))"
    program = lab.client.run(["python3", "-c", code])
    assert program.wait() == 0, program.errors
    lab.sample()
    (flow,) = lab.flows(port=8080)
    assert flow.server[0] != flow.seen[1][0]


@pytest.mark.parametrize("name", ["ip", "table", "filter", "drop", "x"])
def test_a_hop_may_be_called_as_a_word_of_nfts(lab: Lab, name: str) -> None:
    lab.path(Firewall(name))
    opened(lab)
    assert lab.hop(name).packets == 0


def test_what_is_removed_only_forwards(lab: Lab) -> None:
    nat = Nat()
    lab.path(nat, Narrow(1280, icmp="none"))
    assert "masquerade" in inside(nat.box.namespace, "nft", "list", "ruleset")
    lab.remove("nat")
    lab.remove("narrow")
    assert not inside(nat.box.namespace, "nft", "list", "ruleset").strip()
    opened(lab)
    assert lab.server.connection.remote[0] == lab.client.address
    lab.server.send(bytes(3000))
    assert len(lab.client.read(3000)) == 3000


def test_an_address_that_is_left_is_nobodys(lab: Lab) -> None:
    lab.path(Service(["b"], name="web"))
    lab.server.listen(at="b")
    lab.server.leave("b")
    lab.client.connect(to="web", wait=False)
    lab.expect(State.SYN_SENT, State.LISTEN, hold=0.1)
    with pytest.raises(ActionFailed, match="no address called 'b'"):
        lab.server.leave("b")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: [], "needs at least one hop that is a host"),
        (lambda: [Asymmetric()], "needs at least one hop that is a host"),
        (lambda: [Hop(f"r{n}") for n in range(6)], "at most 5 hops; found 6"),
        (lambda: [Nat(), Nat()], "two hops are called nat: give one of them another name"),
        (lambda: [Hop("a b")], "name: expected letters, digits and hyphens; found 'a b'"),
        (lambda: [Hop("client")], "a hop cannot be called client"),
        (lambda: [Service("a", name="a")], "'a' is the name of a service and of a server"),
        (lambda: [Service([])], "to: expected the names of servers; found none"),
        (lambda: [Service("a b")], "name: expected letters, digits and hyphens; found 'a b'"),
        (lambda: [Service(["a", "b", "a"])], "one service are called a: name each once"),
        (lambda: [Nat], "path: expected hops, such as Nat(); found <class"),
        (lambda: [Nat(forgets=0)], "forgets: expected whole seconds, at least 1; found 0"),
        (lambda: [Nat(forgets="1w")], "forgets: expected whole seconds, at least 1; found 1w"),
        (lambda: [Nat(forgets=1.5)], "forgets: expected whole seconds"),  # type: ignore[arg-type]
        (lambda: [Nat(ports="0-5")], "ports: expected one, or two with a hyphen between"),
        (lambda: [Firewall(invalid="maybe")], "invalid: expected drop or pass; found 'maybe'"),
        (lambda: [Firewall(holds=0)], "holds: expected at least 1; found 0"),
        (lambda: [Proxy(timeout=-1)], "timeout: expected seconds, at most an hour; found -1"),
        (lambda: [Proxy(timeout="soon")], "timeout: expected seconds, at most an hour; found soon"),
        (lambda: [Narrow(1000)], "mtu: expected 1280 to 1500 bytes; found 1000"),
        (lambda: [Narrow(icmp="some")], "icmp: expected none; found 'some'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    lab: Lab, make: Callable[[], Sequence[Hop]], complaint: str
) -> None:
    with pytest.raises(LabError, match=re.escape(complaint)):
        lab.path(*make())
    opened(lab)  # and nothing is left of it
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


@pytest.mark.parametrize(("given", "seconds"), [(5, 5), ("5s", 5), ("2min", 120), (None, None)])
def test_time_is_told_as_in_a_file(given: int | str | None, seconds: int | None) -> None:
    assert Nat(forgets=given).forgets == seconds
    assert Proxy(timeout=given or 0).timeout == (seconds or 0)


def test_a_lab_has_one_path(lab: Lab) -> None:
    with pytest.raises(LabError, match="nothing is between the two hosts"):
        lab.hop("nat")
    hop = Hop()
    with pytest.raises(LabError, match="in no lab yet"):
        _ = hop.box
    lab.path(hop)
    with pytest.raises(LabError, match="a lab has one path"):
        lab.path(Hop("another"))
    with pytest.raises(LabError, match="no hop is called 'nat'"):
        lab.hop("nat")
    with pytest.raises(LabError, match="router remembers no connections"):
        hop.forget()
    with pytest.raises(LabError, match="router remembers no connections"):
        lab.entries("router")
    with Lab() as other, pytest.raises(LabError, match="has its place already"):
        other.path(hop)


def test_a_name_that_nobody_has_is_refused(lab: Lab) -> None:
    service = Service(name="web")
    lab.path(service)
    with pytest.raises(LabError, match="no address is called 'wep'"):
        lab.client.connect(to="wep")
    with pytest.raises(LabError, match="web: no server is called 'old'"):
        service.update(["old"])


# --- what is recorded


@pytest.fixture
def recorded(netlab_family: Family) -> Lab:
    return Lab(netlab_family, record=True)


def crossed(lab: Lab) -> list[Packet]:
    """Every packet of a recorded lab so far."""
    lab.sample()
    assert lab.recorder is not None
    return packets(lab.recorder.recording(lab.flow()))


def test_a_packet_is_one_under_every_name_that_it_has(recorded: Lab) -> None:
    with recorded as lab:
        lab.path(Service(["b"], name="web"), Nat(name="first"), Nat(name="second", ports="42000"))
        lab.server.listen(at="b")
        lab.client.connect(to="web")
        lab.server.accept()
        lab.client.send("hello")
        assert lab.server.read(5) == b"hello"
        lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.05)
        ours = [each for each in crossed(lab) if each.ours]
        recording = lab.recorder.recording(lab.flow()) if lab.recorder else None
        assert recording is not None
        for side in Side:
            assert recording.ends(side) == lab.flow().ends(side)
    assert len(ours) >= 5
    assert all(None not in (each.sent, each.arrived) for each in ours), ours
    assert all(not (each.lost_at or each.made_at) for each in ours)
    for each in ours:
        order = [1, 2, 3] if each.sender is Side.CLIENT else [3, 2, 1]
        assert [hop for hop, _ in each.passed] == order
        times = [each.sent, *(at for _, at in each.passed), each.arrived]
        assert times == sorted(times), "it goes from hop to hop"  # type: ignore[type-var]
    (data,) = (each for each in ours if each.length == 5)
    assert (data.sender, data.sequence, data.acknowledgment) == (Side.CLIENT, 1, 1)


def test_what_a_hop_drops_is_lost_there(recorded: Lab) -> None:
    with recorded as lab:
        lab.path(Hop("before"), Firewall(forgets=1), Hop("behind"))
        opened(lab)
        flow = lab.flow()
        assert lab.wait(lambda: flow.tracked_as("firewall") == "nothing", 5)
        lab.client.send("late")
        lab.wait(lambda: lab.hop("firewall").packets >= 2, 5)
        late = [each for each in crossed(lab) if each.length == 4]
    assert len(late) >= 2
    for each in late:
        assert (each.lost_at, each.fault, each.died_at, each.arrived) == (2, "firewall", None, None)
        assert [hop for hop, _ in each.passed] == [1, 2]


def test_what_a_hop_loses_without_a_rule_is_lost_there_too(recorded: Lab) -> None:
    with recorded as lab:
        lab.path(Hop("r"), Narrow(1280, icmp="none"))
        opened(lab)
        lab.server.send(bytes(3000))
        lab.wait(lambda: None, 0.3)
        seen = crossed(lab)
    large = [each for each in seen if each.length > 1280]
    assert large
    for each in large:
        assert (each.fault, each.lost_at, each.where, each.arrived) == ("narrow", 2, "", None)
    errors = [each for each in seen if "ICMP" in each.text]
    assert errors
    assert {(each.made_at, each.lost_at) for each in errors} == {(2, 2)}


def test_what_a_hop_answers_by_itself_comes_from_there(recorded: Lab) -> None:
    with recorded as lab:
        lab.path(Nat(forgets=1, invalid="pass"), Hop("r"))
        opened(lab)
        flow = lab.flow()
        assert lab.wait(lambda: flow.tracked_as("nat") == "nothing", 5)
        lab.server.send("late")
        lab.expect(State.ESTABLISHED, State.LISTEN)
        resets = [each for each in crossed(lab) if "RST" in str(each.segment)]
    (reset,) = resets
    assert (reset.sender, reset.made_at) == (Side.CLIENT, 1)
    assert [hop for hop, _ in reset.passed] == [2]
    assert reset.arrived is not None


def test_what_comes_from_an_address_that_was_not_asked_says_so(recorded: Lab) -> None:
    with recorded as lab:
        lab.path(Service(name="web"), Asymmetric())
        lab.server.listen()
        lab.client.connect(to="web", wait=False)
        lab.expect(State.SYN_SENT, State.LISTEN, hold=0.1)
        answers = [each for each in crossed(lab) if "SYN|ACK" in str(each.segment)]
        assert answers
        assert {each.text for each in answers} == {f"from {lab.server.address}"}
        assert {each.passed for each in answers} == {()}
        assert all(each.ours and each.arrived is not None for each in answers)


def test_each_hop_is_a_step_of_the_record_with_what_to_type(netlab_family: Family) -> None:
    scenario = catalogue.one("nat-that-remembers")
    run = play(scenario, Options(netlab_family))
    assert [step.kind for step in run.steps][:3] == ["nat", "listen", "connect"]
    told = [step for step, _ in by_hand(scenario, netlab_family)]
    assert len(told) == len(run.steps)


def test_a_proxy_answers_for_both_ends(recorded: Lab) -> None:
    if reason := kinds.lacking("proxy"):
        pytest.skip(reason)
    with recorded as lab:
        lab.path(Hop("r"), Proxy())
        opened(lab)
        assert lab.server.connection.remote == lab.client.connection.local, "it is transparent"
        lab.client.send("hello")
        assert lab.server.read(5) == b"hello"
        lab.server.send("bye")
        assert lab.client.read(3) == b"bye"
        lab.client.close()
        assert lab.server.read(1) == b""
        lab.server.close()
        lab.expect(State.TIME_WAIT, State.LISTEN)
        seen = crossed(lab)
    taken = [each for each in seen if each.taken_at]
    made = [each for each in seen if each.made_at]
    assert seen == [each for each in seen if each.taken_at or each.made_at], "none goes through"
    assert {(each.sender, each.taken_at) for each in taken} == {(side, 2) for side in Side}
    for side in Side:  # what it takes from one end, it sends to the other under that end's name
        sizes = [sum(each.length for each in some if each.sender is side) for some in (taken, made)]
        assert sizes[0] == sizes[1] > 0
        assert min(each.sequence for each in seen if each.sender is side) == 0
        assert max(each.sequence for each in seen if each.sender is side) < 10, "numbers of its leg"


def test_a_proxy_gives_up_when_it_is_told_to(lab: Lab) -> None:
    if reason := kinds.lacking("proxy"):
        pytest.skip(reason)
    lab.path(Proxy(timeout=1))
    opened(lab)
    lab.drop("ANY", to="server")
    lab.client.send("request")
    with pytest.raises(ConnectionResetError):
        lab.client.read(1)


def test_a_viewer_sees_what_goes_over_a_path(netlab_family: Family) -> None:
    with Lab(netlab_family, tape=True) as lab:
        assert lab.tape is not None, lab.no_tape
        lab.path(Nat(), Hop())
        opened(lab)
        assert lab.server.connection.remote[0] != lab.client.address
        lab.client.send("hello")
        assert lab.server.read(5) == b"hello"
        tape = lab.tape
        assert lab.wait(lambda: [each for _, each in tape.since() if each.length == 5], 5)
        (data,) = (each for _, each in tape.since() if each.length == 5)
        assert None not in (data.sent, data.arrived)


def test_nothing_is_left_when_netlab_is_killed(mark: str) -> None:
    code = (
        "import time; from netlab import Firewall, Hop, Lab, Nat, Proxy; lab = Lab(); "
        "lab.path(Nat(), Firewall(), Proxy(), Hop()); lab.server.listen(); lab.client.connect(); "
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    assert left_over(mark) == []


def test_nothing_is_left_of_a_lab_that_ends(mark: str) -> None:
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    threads = threading.active_count()
    with Lab() as lab:
        lab.path(Nat(), Proxy())
        opened(lab)
    assert left_over(mark) == []

    def are_gone() -> bool | None:  # the proxy's threads, each of which has a selector
        here = len([*Path("/proc/self/fd").iterdir()])
        return (here <= descriptors and threading.active_count() <= threads) or None

    assert scheduler.wait(are_gone, scheduler.now() + 10)


def test_a_port_that_is_used_again_is_of_another_connection(recorded: Lab) -> None:
    with recorded as lab:
        nat = Nat(ports="43000")
        lab.path(nat)
        lab.server.listen()
        for _ in range(2):
            lab.client.connect()
            lab.server.accept()
            lab.client.send("x")
            assert lab.server.read(1) == b"x"
            lab.client.close()
            lab.server.close()
            lab.expect(State.TIME_WAIT, State.LISTEN)
            nat.forget()
        seen = crossed(lab)
    data = [each for each in seen if each.length == 1]
    assert len({each.source for each in data}) == 2
    assert all(None not in (each.sent, each.arrived) for each in seen), seen
