# SPDX-License-Identifier: GPL-2.0-or-later
"""What is recorded of a run is one story: packets, rules, counters, tracepoints and samples agree,
and Wireshark reads the same.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from netlab import scheduler
from netlab.atlas import cells
from netlab.linux import nftables
from netlab.linux.privileges import prepare
from netlab.model.evidence import End, Evidence, FaultRecord, Frame, Interval, Recording, Transition
from netlab.model.tcp import CONTROL, Segment, State
from netlab.model.vocabulary import Family, Side
from netlab.packets.sightings import Packet, packets
from netlab.packets.way import SENDING
from netlab.render import ladder, ladder_svg, report
from netlab.render.pcapng import pcapng
from netlab.render.style import Style
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Scenario
from netlab.testbed import forge
from netlab.testbed.context import PORT
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import transitions

from . import tools

#: Seconds that times of different observers may be apart: their clocks are compared at each read.
CLOCKS = 1e-4
#: Sources of forged SYNs: what answers them is for nobody.
FORGED = ("198.18.", "fd66:")
OK = ("pass", "skip")  # skipped: what the other family alone has


@pytest.fixture(scope="module")
def played() -> dict[Family, list[Evidence]]:
    """Both families' runs of all scenarios, and of those pairs that are reached on one condition:
    see `test_pairs_with_a_request_are_reached_although_somebody_looks`. All side by side.
    """
    prepare()
    forge.scapy()
    order = [
        (family, each)
        for family in Family
        for each in (*catalogue.everything(slow=False), *crossing())
    ]
    plays = [
        partial(runner.play, scenario, runner.Options(family, record=True))
        for family, scenario in order
    ]
    found: dict[Family, list[Evidence]] = {family: [] for family in Family}
    for number, run in sorted(scheduler.side_by_side(plays, len(plays)), key=itemgetter(0)):
        found[order[number][0]].append(run)
    return found


def crossing() -> list[Scenario]:
    """The atlas's pairs for which packets must cross, and one end answers a SYN."""
    some = (each for each in cells.scenarios() if not cells.is_constant(each))
    return [each for each in some if "syn-recv" in each.name]


@pytest.fixture(params=list(Family), ids=str)
def runs(request: pytest.FixtureRequest, played: dict[Family, list[Evidence]]) -> list[Evidence]:
    return played[request.param]


def recorded(runs: Sequence[Evidence]) -> Iterator[tuple[Evidence, Recording]]:
    """Those with a recording, and none whose ends talk with a proxy: each of its two connections
    has numbers, transitions and a kernel of its own.
    """
    for run in runs:
        if run.recording is not None and not run.recording.answering:
            yield run, run.recording


def ends(run: Evidence) -> Iterator[tuple[str, End]]:
    """Both ends; of a run with a proxy, none: tracepoints do not tell its sockets from theirs."""
    if run.recording is not None and run.recording.answering:
        return
    yield f"{run.scenario}, client", run.client
    yield f"{run.scenario}, server", run.server


def needs_tracepoints() -> None:
    if not tools.is_root():
        pytest.skip("only root of the machine is let to its tracepoints")


def test_every_scenario_passes_while_it_is_recorded(runs: list[Evidence]) -> None:
    failed = {run.scenario: run.failure or run.reason for run in runs}
    assert {run.scenario: failed[run.scenario] for run in runs if run.outcome not in OK} == {}
    assert len(list(recorded(runs))) > len(runs) / 2
    assert {recording.missed for _, recording in recorded(runs)} == {0}
    assert {recording.traced for _, recording in recorded(runs)} == {tools.is_root()}


# --- packets, rules and counters


def test_what_the_log_has_of_each_fault_is_what_its_rules_counted(runs: list[Evidence]) -> None:
    counted, logged, drawn = Counter[str](), Counter[str](), Counter[str]()
    for run, recording in recorded(runs):
        for fault in filter(by_rules, run.faults):
            name = f"{run.scenario}, {fault.name} at {fault.where}"
            counted[name] += fault.packets
            counted[f"{name}, bytes"] += fault.bytes
        for frame in recording.frames:
            if frame.seen == "dropped":
                where = "the path" if frame.hop else f"{frame.side} {frame.hook}"
                name = f"{run.scenario}, {frame.fault} at {where}"
                logged[name] += 1
                logged[f"{name}, bytes"] += frame.length
        logs = {(frame.at, frame.fault) for frame in recording.frames if frame.seen == "dropped"}
        for packet in packets(recording):
            if packet.fault and packet.lost_at:
                by_a_rule = (packet.dropped, packet.fault) in logs
                drawn[f"{run.scenario}, {packet.fault} at the path"] += by_a_rule
            elif packet.fault:
                drawn[f"{run.scenario}, {packet.fault} at {packet.where}"] += 1
    assert logged == counted
    assert +drawn == {name: n for name, n in counted.items() if n and not name.endswith("bytes")}
    assert {name.rpartition(" ")[2] for name in drawn} >= {"input", "output", "path"}


def by_rules(fault: FaultRecord) -> bool:
    return fault.counts


def test_a_packet_that_meets_a_fault_being_lifted_is_counted_or_passes(
    netlab_family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(*arguments: Any) -> None:
        lab.client.send("late")
        removing(*arguments)

    removing = nftables.remove
    with Lab(netlab_family, record=True) as lab:
        lab.server.listen()
        lab.client.connect()
        fault = lab.drop(Segment.DATA, to=lab.server)
        monkeypatch.setattr(nftables, "remove", remove)
        fault.remove()
        lab.sample()
        assert lab.recorder is not None
        frames = lab.recorder.recording(lab.flow()).frames
    assert sum(frame.seen == "dropped" for frame in frames) == fault.packets


def test_each_frame_is_of_one_packet(runs: list[Evidence]) -> None:
    for run, recording in recorded(runs):
        found = [one for packet in packets(recording) for one in sightings(packet)]
        frames = [(frame.side, frame.seen, frame.at) for frame in recording.frames if at_end(frame)]
        assert Counter(found) == Counter(frames), run.scenario


def at_end(frame: Frame) -> bool:
    """True of what an end saw, and what came in at a hop; not of what a hop's own rules dropped."""
    return not (frame.hop and frame.seen == "dropped")


def sightings(packet: Packet) -> Iterator[tuple[Side | None, str, float]]:
    """Where a packet was seen, how, and when."""
    if packet.sent is not None:
        yield packet.sender, "out", packet.sent
    if packet.arrived is not None:
        yield packet.sender.peer, "in", packet.arrived
    if packet.dropped is not None and not packet.lost_at:
        yield packet.died_at, "dropped", packet.dropped
    for _, at in packet.passed:
        yield packet.sender, "in", at


def test_whatever_left_one_end_came_in_at_the_other(runs: list[Evidence]) -> None:
    for run, recording in recorded(runs):
        story = packets(recording)
        for number, packet in enumerate(story):
            where = f"{run.scenario}: {packet}"
            if packet.died_at is packet.sender:  # never left
                assert (packet.sent, packet.arrived) == (None, None), where
                continue
            if packet.lost_at or packet.made_at or packet.taken_at:
                assert recording.hops, where
                continue
            assert packet.sent is not None, where
            if number < len(story) - 1:  # the last one may be under way when the recording ends
                assert packet.arrived is not None, where
            if packet.arrived is not None:
                assert packet.sent <= packet.arrived + CLOCKS, where
                assert (packet.dropped or packet.arrived) >= packet.arrived - CLOCKS, where


def test_what_came_in_and_was_not_dropped_is_what_tcp_counted(runs: list[Evidence]) -> None:
    total = 0
    for run, recording in recorded(runs):
        if any(step.kind == "leave" for step in run.steps):
            continue  # what comes for an address that is left is none of TCP's
        story = packets(recording)
        for side in Side:
            delivered = [
                packet
                for packet in story
                if packet.sender is not side
                and packet.arrived is not None
                and packet.dropped is None
                and (packet.segment is not Segment.ANY or packet.text.startswith("TCP"))
                and not packet.destination[0].startswith(FORGED)
            ]
            total += len(delivered)
            # Counters are read after packets, and something may come in between.
            late = run.end(side).counters.get("TcpInSegs", 0) - len(delivered)
            assert late in (0, 1), f"{run.scenario}, {side}: {late} more segments counted"
    assert total > 300


def test_what_the_kernel_says_it_sent_again_is_seen_to_be_sent_again(runs: list[Evidence]) -> None:
    needs_tracepoints()
    total = 0
    for run, recording in recorded(runs):
        said = Counter(e.side for e in recording.events if e.kind == "retransmitted")
        own = [fault for fault in run.faults if fault.hook in SENDING]
        for side in Side:
            if any(side in fault.sides for fault in own):
                continue  # what a firewall of one's own refuses is not sent, and seen all the same
            resent = [
                packet
                for packet in packets(recording)
                if packet.ours and packet.sender is side and packet.resent
            ]
            forged = not said[side] and not run.end(side).counters.get("TcpOutSegs")
            total += len(resent)
            where = f"{run.scenario}, {side}: {len(resent)} seen, {said[side]} said"
            # Tracepoints are read last.
            assert said[side] - len(resent) in (0, 1) or forged or probed(run), where
    assert total > 50


def probed(run: Evidence) -> bool:
    """Whether a port scanner's SYN is what the run is about: it is not TCP's own."""
    return any(step.kind == "probe" for step in run.steps)


# --- Wireshark


FIELDS = (
    "frame.interface_name", "frame.time_epoch", "frame.comment", "frame.len",
    "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "tcp.flags", "tcp.len", "tcp.seq_raw", "tcp.ack_raw", "_ws.malformed",
)  # fmt: skip
Flow = tuple[tuple[str, int], tuple[str, int]]


class Line(NamedTuple):
    """One packet at one place: what both netlab and tshark say of it."""

    place: str
    at: int  # nanoseconds since 1970
    comment: str
    source: str
    destination: str
    ports: tuple[int, ...] = ()
    flags: int = 0
    payload: int = 0


def test_wireshark_reads_every_file_and_sees_the_same_segments(
    runs: list[Evidence], tmp_path: Path
) -> None:
    tools.program("tshark")
    played = [
        (run, recording)
        for run, recording in recorded(runs)
        if recording.frames and not recording.hops
    ]
    files = [tmp_path / f"{run.scenario}.pcapng" for run, _ in played]
    for (run, _), path in zip(played, files, strict=True):
        path.write_bytes(pcapng(run))
    sizes = judged("capinfos", "-c", "-M", "-T", "-r", *files).splitlines()
    assert [int(line.split("\t")[1]) for line in sizes] == [len(r.frames) for _, r in played]
    # To start tshark takes longer than to read a file: all are read as one, each with its own
    # interfaces. Two of them are read as they are, so that nothing is put right on the way.
    together = tmp_path / "together.pcapng"
    judged("mergecap", "-a", "-I", "none", "-w", together, *files)
    rows = iter(read_by_tshark(together))
    tables = [[*islice(rows, len(recording.frames))] for _, recording in played]
    assert [*rows] == []
    largest = max(files, key=lambda path: path.stat().st_size)
    for path in (files[0], largest):
        assert read_by_tshark(path) == tables[files.index(path)]
    for (run, recording), table in zip(played, tables, strict=True):
        story = sorted(
            ((line, packet) for packet in packets(recording) for line in lines(packet, recording)),
            key=lambda pair: pair[0],
        )
        table.sort(key=lambda pair: pair[0])
        assert [line for line, _ in table] == [line for line, _ in story], run.scenario
        read = [(packet, raw) for (_, packet), (_, raw) in zip(story, table, strict=True)]
        assert_same_numbers(run.scenario, read)


def judged(name: str, *arguments: str | Path) -> str:
    """What a program of Wireshark's prints, who must have no complaint."""
    done = subprocess.run(
        [tools.program(name), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert (done.returncode, complaints) == (0, []), arguments
    return done.stdout


def read_by_tshark(path: Path) -> list[tuple[Line, tuple[str, str]]]:
    """Each packet, with its sequence and acknowledgment numbers as they were on the wire."""
    chosen = [word for field in FIELDS for word in ("-e", field)]
    text = judged("tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f", *chosen)
    found = []
    for row in text.splitlines():
        values = dict(zip(FIELDS, row.split("\t"), strict=True))
        assert not values["_ws.malformed"], f"{path.name}: {row}"
        seconds, fraction = values["frame.time_epoch"].split(".")
        line = Line(
            values["frame.interface_name"],
            int(seconds) * 10**9 + int(fraction.ljust(9, "0")),
            values["frame.comment"],
            values["ip.src"] or values["ipv6.src"],
            values["ip.dst"] or values["ipv6.dst"],
        )
        if values["tcp.len"]:  # not a segment's beginning that an ICMP error quotes
            line = line._replace(
                ports=(int(values["tcp.srcport"]), int(values["tcp.dstport"])),
                flags=int(values["tcp.flags"], 16),
                payload=int(values["tcp.len"]),
            )
        found.append((line, (values["tcp.seq_raw"], values["tcp.ack_raw"])))
    return found


def lines(packet: Packet, recording: Recording) -> Iterator[Line]:
    """A packet as often as it stands in the file."""
    for side, seen, at in sightings(packet):
        dropped = seen == "dropped"
        line = Line(
            f"{side} {'dropped' if dropped else 'eth0'}",
            recording.began + round(at * 1e9),
            f"dropped by {packet.fault} at {packet.where}" if dropped else "",
            packet.source[0],
            packet.destination[0],
        )
        if packet.segment is not Segment.ANY:
            line = line._replace(
                ports=(packet.source[1], packet.destination[1]),
                flags=(packet.segment & CONTROL).value | 8 * packet.pushed,
                payload=packet.length,
            )
        yield line


def assert_same_numbers(scenario: str, read: Sequence[tuple[Packet, tuple[str, str]]]) -> None:
    """Relative numbers count from those of a SYN in the same direction, where there is one."""
    firsts: dict[Flow, set[int]] = defaultdict(set)
    counted: dict[Flow, set[int]] = defaultdict(set)
    for packet, (sequence, acknowledgment) in read:
        if packet.segment is Segment.ANY:
            continue
        there: Flow = (packet.source, packet.destination)
        back: Flow = (packet.destination, packet.source)
        if Segment.SYN in packet.segment:
            firsts[there].add(int(sequence))
        counted[there].add((int(sequence) - packet.sequence) % 2**32)
        if packet.acknowledgment is not None:
            counted[back].add((int(acknowledgment) - packet.acknowledgment) % 2**32)
    for flow, found in counted.items():
        assert found <= firsts[flow] if firsts[flow] else len(found) == 1, f"{scenario}: {flow}"


# --- states


S = State
#: What Linux's sockets do; a listener shows where a connection on its port has gone.
MOVES = {
    S.CLOSED: {S.LISTEN, S.SYN_SENT, S.SYN_RECV},
    S.LISTEN: {S.SYN_RECV, S.SYN_SENT, S.CLOSED, S.ESTABLISHED},  # ESTABLISHED: by a cookie
    S.SYN_SENT: {S.ESTABLISHED, S.SYN_RECV, S.CLOSED, S.TIME_WAIT},  # an older one's TIME_WAIT
    S.SYN_RECV: {S.ESTABLISHED, S.FIN_WAIT1, S.CLOSE_WAIT, S.LISTEN, S.CLOSED},
    S.ESTABLISHED: {S.FIN_WAIT1, S.CLOSE_WAIT, S.CLOSED, S.LISTEN},
    S.FIN_WAIT1: {S.FIN_WAIT2, S.CLOSING, S.TIME_WAIT, S.CLOSED, S.LISTEN},
    S.FIN_WAIT2: {S.TIME_WAIT, S.CLOSED, S.LISTEN},
    S.CLOSING: {S.TIME_WAIT, S.CLOSED, S.LISTEN},
    S.TIME_WAIT: {S.CLOSED, S.LISTEN, S.SYN_SENT, S.SYN_RECV},
    S.CLOSE_WAIT: {S.LAST_ACK, S.CLOSED, S.LISTEN},
    S.LAST_ACK: {S.CLOSED, S.LISTEN},
}
#: What comes and goes without a full socket, so that no tracepoint tells of it.
UNTRACED = {S.LISTEN, S.SYN_RECV, S.FIN_WAIT2, S.TIME_WAIT, S.CLOSED}


def test_each_end_moves_as_tcp_does(runs: list[Evidence]) -> None:
    needs_tracepoints()  # between two samples there may have been two moves
    for run in runs:
        for where, end in ends(run):
            if end.transitions:
                assert end.transitions[0].before is S.CLOSED, where
            for each in end.transitions:
                assert each.after in MOVES[each.before], f"{where}: {each}"
            for one, following in pairwise(end.transitions):
                assert one.after is following.before, where
                assert one.at <= following.at, where


def test_all_is_traced_but_what_has_no_full_socket(runs: list[Evidence]) -> None:
    needs_tracepoints()
    traced = 0
    for run in runs:
        for where, end in ends(run):
            for each in end.transitions:
                traced += each.traced
                without = {each.before, each.after} <= UNTRACED
                assert each.traced or without, f"{where}: {each}"
    assert traced > 300


def test_what_was_sampled_is_what_was_traced_then(runs: list[Evidence]) -> None:
    """Each span of samples lies in a stretch of its state, and each stretch that no sample shows
    lies between two samples.
    """
    needs_tracepoints()
    short = 0
    for run in runs:
        for where, end in ends(run):
            stretches = list(states(end.transitions))
            seen = set()
            for span in end.intervals:
                found = [n for n, each in enumerate(stretches) if shows(span, *each)]
                assert found, f"{where}: {span}, {stretches}"
                seen |= {*found}
            for number, (state, begin, finish) in enumerate(stretches):
                if number in seen or number == 0:
                    continue
                short += 1
                over = [s for s in end.intervals if s.since + CLOCKS < begin < finish < s.until]
                assert all(finish - begin < scheduler.LONGEST * 2 for _ in over), (
                    f"{where}: {state} from {begin} to {finish}, {over}"
                )
    assert short, "nothing was too short to be sampled"


def states(transitions: Sequence[Transition]) -> Iterator[tuple[State, float, float]]:
    """Each state, since when, and until when."""
    state, since = S.CLOSED, 0.0
    for each in transitions:
        yield state, since, each.at
        state, since = each.after, each.at
    yield state, since, float("inf")


def shows(span: Interval, state: State, begin: float, end: float) -> bool:
    """Whether samples can have seen this: times of samples are kept to a tenth of a millisecond.

    A sample is read after its stamp; the next one's stamp is later than that.
    """
    seen_at_last = span.until if span.samples > 1 else span.since
    return (
        span.state is state
        and begin <= seen_at_last + scheduler.LONGEST
        and (end >= seen_at_last - CLOCKS)
    )


# --- open and close


def test_an_open_and_close_shows_all_of_its_states_in_order(netlab_family: Family) -> None:
    needs_tracepoints()
    with Lab(netlab_family, record=True) as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        lab.client.close(lab.client.connection)
        lab.server.close(lab.server.connection)
        lab.expect(S.TIME_WAIT, S.LISTEN)
        flow = lab.flow()
        client, server = (transitions(lab, flow, side) for side in Side)
        assert lab.recorder is not None
        recording = lab.recorder.recording(flow)
    assert [each.after for each in client] == [
        S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2, S.TIME_WAIT
    ]  # fmt: skip
    assert [each.after for each in server] == [
        S.LISTEN, S.SYN_RECV, S.ESTABLISHED, S.CLOSE_WAIT, S.LAST_ACK, S.LISTEN
    ]  # fmt: skip
    assert all(each.traced for each in (*client, *server))
    assert min(b.at - a.at for a, b in pairwise(server[1:])) < scheduler.SHORTEST
    assert_in_order(client, server, packets(recording))


def assert_in_order(
    client: Sequence[Transition], server: Sequence[Transition], story: Sequence[Packet]
) -> None:
    """Each state comes with its segment, as two clocks have it: the packets' and the tracer's."""
    at = {("client", each.after): each.at for each in client}
    at |= {("server", each.after): each.at for each in server}
    syn, synack, ack, fin, last = (
        next(packet for packet in story if packet.sender is sender and packet.segment is segment)
        for sender, segment in (
            (Side.CLIENT, Segment.SYN),
            (Side.SERVER, Segment.SYN | Segment.ACK),
            (Side.CLIENT, Segment.ACK),
            (Side.CLIENT, Segment.FIN | Segment.ACK),
            (Side.SERVER, Segment.FIN | Segment.ACK),
        )
    )
    for order in (
        (at["client", S.SYN_SENT], syn.sent, syn.arrived, synack.sent, at["server", S.SYN_RECV]),
        (synack.arrived, at["client", S.ESTABLISHED], ack.sent, ack.arrived),
        (ack.arrived, at["server", S.ESTABLISHED]),
        (at["client", S.FIN_WAIT1], fin.sent, fin.arrived, at["server", S.CLOSE_WAIT]),
        (at["server", S.CLOSE_WAIT], at["client", S.FIN_WAIT2]),
        (at["server", S.LAST_ACK], last.sent, last.arrived, at["client", S.TIME_WAIT]),
    ):
        for before, after in pairwise(order):
            assert before is not None
            assert after is not None
            assert before <= after + CLOCKS, (client, server, story)


# --- the observer


def test_pairs_with_a_request_are_reached_although_somebody_looks(runs: list[Evidence]) -> None:
    # They are not while a socket keeps clones of packets: see netlab/observe/capture.py.
    names = {each.name for each in crossing()}
    assert len(names) == 7
    found = {run.scenario: run.outcome for run in runs if run.scenario in names}
    assert found == dict.fromkeys(names, "pass")


# --- very many packets

MANY, AT_A_TIME = 10_000, 60


@pytest.fixture(scope="module")
def talkative() -> Evidence:
    """A scenario while whose pair is frozen the client sends one byte, over and over."""

    def talk(lab: Lab, _: object) -> None:
        lab.client.set_option("TCP_NODELAY", 1)
        for _ in range(0, MANY, AT_A_TIME):
            for _ in range(AT_A_TIME):
                lab.client.send("x")
            lab.server.read(AT_A_TIME)

    (scenario,) = catalogue.choose(["hello-both-ways"])
    return runner.play(scenario, runner.Options(record=True, frozen=talk))


PICTURES: dict[str, Callable[[Evidence], str]] = {
    "ladder": lambda run: ladder.ladder(run, 80, Style(colour=False)),
    "SVG": ladder_svg.svg,
    "report": lambda run: report.report(
        [report.Chapter(run, run.scenario)], report.ReportHead("1", "now", 1.0)
    ),
}


@pytest.mark.alone  # who talks slowly is answered otherwise: more is left to draw
@pytest.mark.parametrize("kind", PICTURES)
def test_ten_thousand_packets_are_condensed_and_said_to_be(talkative: Evidence, kind: str) -> None:
    assert talkative.outcome == "pass", talkative.failure or talkative.reason
    assert talkative.recording is not None
    assert talkative.recording.missed == 0
    story = packets(talkative.recording)
    assert len(story) >= MANY
    began = scheduler.now()
    drawn = PICTURES[kind](talkative)
    assert scheduler.now() - began < tools.PATIENCE
    assert "more packets" in " ".join(drawn.split())
    if kind == "ladder":
        assert "Not every packet is drawn; a capture file has all (--pcap DIR)." in drawn
        assert len(drawn.splitlines()) < 200
        assert max(map(len, drawn.splitlines())) <= 80
    assert len(drawn) < 2_000_000


def test_what_a_program_opens_in_vain_is_traced_too(netlab_family: Family) -> None:
    """Its socket has no port yet when it goes to SYN_SENT, and nobody has said that it begins."""
    with Lab(netlab_family, record=True) as lab:
        lab.server.listen()
        lab.drop("SYN", to="server")
        connect = f"import socket; socket.create_connection(('{lab.server.address}', {PORT}))"
        program = lab.client.run([sys.executable, "-S", "-E", "-c", connect])
        lab.expect("SYN_SENT", "LISTEN", program=program)
        (found,) = transitions(lab, lab.flow(), Side.CLIENT)
    assert (found.before, found.after, found.traced) == (State.CLOSED, State.SYN_SENT, True)
