# SPDX-License-Identifier: GPL-2.0-or-later
"""The ladder: what stands where, in a terminal and as SVG, and what is left out of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.model.evidence import End, Event, Evidence, Frame, Interval, Transition
from netlab.model.tcp import Segment, State, Timer
from netlab.model.vocabulary import Side
from netlab.packets.sightings import packets
from netlab.render.ladder import ladder
from netlab.render.ladder_condense import condensed
from netlab.render.ladder_layout import duration, stamp
from netlab.render.ladder_svg import svg
from netlab.render.letters import ASCII
from netlab.render.style import Style
from tests.build import evidence, fault, step
from tests.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    handshake,
    icmp,
    mine,
    passing,
    recording,
    refused,
    tcp,
    theirs,
)

SVG = "{http://www.w3.org/2000/svg}"
PLAIN, COLOUR = Style(False), Style(True)
S = State


def run(*frames: Iterable[Frame], **more: Any) -> Evidence:
    """A run in which these frames were seen."""
    return evidence("synack-dropped", recording=recording(*frames), **more)


def drawn(evidence: Evidence, width: int = 80) -> list[str]:
    return ladder(evidence, width, PLAIN).splitlines()


def line(evidence: Evidence, word: str) -> str:
    """The one line with this word."""
    (found,) = [line for line in drawn(evidence) if word in line]
    return found


SYN_SENT = Transition(0.99999, S.CLOSED, S.SYN_SENT, True)
DROP = fault(installed=0.5)

# --- arrows


def test_a_handshake_is_three_arrows() -> None:
    text = ladder(run(handshake(1.0)), 80, PLAIN)
    assert re.search(r"1\.000 000 .*├── SYN seq=0 ─+▶│", text)
    assert re.search(r"1\.000 020 .*│◀─+ SYN\|ACK seq=0 ack=1 ──┤", text)
    assert re.search(r"1\.000 050 .*├── ACK seq=1 ack=1 ─+▶│", text)


def test_data_says_its_length() -> None:
    data = passing(2.0, Side.CLIENT, mine(PSH | ACK, 1001, payload=1448))
    assert "── DATA 1,448 B seq=1 ack=1 ──" in line(run(handshake(1.0), data), "DATA")


def test_an_arrow_dies_before_the_receiver_with_the_faults_name() -> None:
    lost = run(passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1"))
    assert re.search(r"├── SYN seq=0 ─+✗ drop-1, server input │", ladder(lost, 80, PLAIN))


def test_an_arrow_that_never_left_dies_at_its_start() -> None:
    unsent = run(refused(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1"))
    text = ladder(unsent, 80, PLAIN)
    assert re.search(r"≤1\.000 000 +│✗ SYN seq=0 drop-1, client output +│", text)
    assert "▶" not in text
    assert "≤ at the latest" in text


def test_retransmissions_are_numbered() -> None:
    syns = [passing(n, Side.CLIENT, mine(SYN, 1000, 0, stamp=n), "drop-1") for n in range(1, 4)]
    found = [re.search(r"again (\d)", line) for line in drawn(run(*syns)) if "SYN" in line]
    assert [match and match[1] for match in found] == [None, "1", "2"]


def test_long_gaps_are_said() -> None:
    both = run(handshake(1.0), passing(2.02, Side.CLIENT, mine(ACK, 1001, payload=1)))
    assert re.match(r" *┆ 1\.02 s +┆ +┆$", line(both, "1.02 s"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(52e-6, "52 µs"), (0.0214, "21 ms"), (1.02, "1.02 s"), (64.04, "64.0 s"), (0.9996, "1.00 s")],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_times_show_microseconds_and_seconds() -> None:
    assert stamp(1.000052) == "1.000 052"
    assert stamp(107.5, late=True) == "≤107.500 000"


def crossing(more: int = 0) -> Evidence:
    """Two FINs, each sent before the other came in."""
    return run(
        handshake(1.0),
        passing(2.0, Side.CLIENT, mine(FIN | ACK, 1001 + more), way=50e-6),
        passing(2.00001, Side.SERVER, theirs(FIN | ACK, 5001 + more), way=50e-6),
    )


def test_packets_that_cross_are_drawn_crossing() -> None:
    lines = drawn(crossing(), 80)
    place = next(n for n, line in enumerate(lines) if "╲ ╱" in line)
    assert lines[place].count("FIN seq=1 ack=1") == 2
    assert "╳" in lines[place + 1]
    assert "╱ ╲" in lines[place + 2]
    assert "◀" in lines[place + 2]
    assert "▶" in lines[place + 2]
    columns = [lines[place].index("╲"), lines[place + 1].index("╳") - 1]
    assert columns == [columns[0]] * 2


def test_packets_that_cross_and_say_much_take_a_line_each() -> None:
    text = ladder(crossing(1_000_000_000), 80, PLAIN)
    assert "╳" not in text
    for bend in "╮╰╭╯":
        assert text.count(bend) == 1
    lines = text.splitlines()
    for leaves, arrives in ("╮╰", "╭╯"):
        [(first, column)] = [
            (n, line.index(leaves)) for n, line in enumerate(lines) if leaves in line
        ]
        (last,) = (n for n, line in enumerate(lines) if arrives in line)
        assert lines[last][column] == arrives
        assert all(line[column] != " " for line in lines[first:last]), "a packet under way is drawn"


@pytest.mark.parametrize("fault", ["", "a-fault-with-a-name-that-is-rather-long"])
def test_a_long_and_a_short_arrow_that_cross_keep_their_words(fault: str) -> None:
    sequence, payload = 1001 + 1_000_000_000, 60_000
    both = run(
        handshake(1.0),
        passing(2.0, Side.CLIENT, mine(ACK, sequence, payload=payload), fault, way=50e-6),
        passing(2.00001, Side.SERVER, tcp(SERVER, CLIENT, RST, 5001), fault, way=50e-6),
    )
    for width in (80, 100, 120):
        text = ladder(both, width, PLAIN)
        assert "RST seq=1 " in text
        assert text.count("✗") == 2 * bool(fault)
        assert text.count(fault[:7]) == 2 or not fault
        assert fault or "DATA 60,000 B seq=1000000001" in text


def test_a_crossing_arrow_dies_at_its_end_too() -> None:
    lost = run(
        handshake(1.0),
        passing(2.0, Side.CLIENT, mine(FIN | ACK, 1001), "to-server", way=50e-6),
        passing(2.00001, Side.SERVER, theirs(FIN | ACK, 5001), "to-client", way=50e-6),
    )
    for width in (64, 80, 120):
        text = ladder(lost, width, PLAIN)
        assert text.count("✗") == 2
        assert "to-server" in text
        assert "to-client" in text


def test_answers_do_not_cross_what_they_answer() -> None:
    assert "╳" not in ladder(run(handshake(1.0)), 80, PLAIN)


# --- states


def test_a_state_stands_where_the_packet_made_it() -> None:
    client = End(transitions=(
        SYN_SENT, Transition(1.000026, S.SYN_SENT, S.ESTABLISHED, True),
    ))  # fmt: skip
    server = End(transitions=(
        Transition(1.000008, S.LISTEN, S.SYN_RECV, True),
        Transition(1.000057, S.SYN_RECV, S.ESTABLISHED, True),
    ))  # fmt: skip
    first, *lines = drawn(run(handshake(1.0), client=client, server=server))[1:]
    assert re.match(r" +CLOSED │ +│ LISTEN", first)
    assert re.match(r".* SYN_SENT ├── SYN seq=0 .*▶│ SYN_RECV$", lines[0])
    assert re.match(r".* ESTABLISHED │◀.*┤$", lines[1])
    assert re.match(r".*├── ACK.*▶│ ESTABLISHED$", lines[2])


def test_a_syn_that_a_busy_machine_sends_late_goes_with_its_state() -> None:
    client = End(transitions=(Transition(0.988, S.CLOSED, S.SYN_SENT, True),))
    steps = (step(0.9879, "client: connect"),)
    lines = drawn(run(handshake(1.0), client=client, steps=steps))
    assert any(re.match(r".* SYN_SENT ├── SYN seq=0", each) for each in lines)
    assert not any("SYN_SENT ├╴connect" in each for each in lines)


def test_states_keep_their_order() -> None:
    """Held packets leave late: the state that sent them was entered before the next one."""
    server = End(transitions=(
        Transition(1.9995, S.ESTABLISHED, S.FIN_WAIT1, True),
        Transition(2.00001, S.FIN_WAIT1, S.CLOSING, True),
    ))  # fmt: skip
    fins = (
        passing(2.0, Side.CLIENT, mine(FIN | ACK, 1001)),
        passing(2.0001, Side.SERVER, theirs(FIN | ACK, 5001)),
    )
    text = ladder(run(handshake(1.0), *fins, server=server), 80, PLAIN)
    assert text.index("FIN_WAIT1") < text.index("CLOSING")


def test_a_sampled_state_is_marked() -> None:
    spans = [
        Interval(state, at, at + 0.5, 3, Timer.NONE, 0.0, 0, 0, 0, 0, 1)
        for state, at in ((S.LISTEN, 0.5), (S.SYN_RECV, 1.004))
    ]
    text = ladder(run(handshake(1.0), server=End(tuple(spans))), 80, PLAIN)
    assert re.search(r"SYN seq=0 ─+▶│ ~SYN_RECV", text)
    assert "~ seen by the next sample" in text


def test_a_state_without_a_packet_stands_beside_its_step() -> None:
    server = End(transitions=(Transition(0.50003, S.CLOSED, S.LISTEN, True),))
    steps = (step(0.5, "server: listen"),)
    evidence = run(handshake(1.0), server=server, steps=steps)
    assert line(evidence, "listen").endswith("listen╶┤ LISTEN")


@pytest.mark.parametrize("traced", [True, False])
def test_who_vanishes_does_so_with_no_packet(traced: bool) -> None:
    """Neither with the one before it, nor with that after which a sample shows it."""
    at = 1.00103 if traced else 1.01
    server = End(transitions=(
        Transition(1.000057, S.SYN_RECV, S.ESTABLISHED, True),
        Transition(at, S.ESTABLISHED, S.LISTEN, traced),
    ))  # fmt: skip
    acknowledges = passing(1.0005, Side.CLIENT, mine(ACK, 1001, 5002))
    asks = passing(1.005, Side.CLIENT, mine(ACK | PSH, 1001, payload=1))
    steps = (step(1.001, "server: vanish"),)
    evidence = run(handshake(1.0), acknowledges, asks, server=server, steps=steps)
    assert line(evidence, "vanish").endswith(f"vanish╶┤ {'' if traced else '~'}LISTEN")


# --- notes


def test_steps_and_faults_are_noted() -> None:
    steps = (
        step(0.4, "drop: {segment: SYN|ACK, to: client}"),
        step(0.6, "client: {connect: {as: c1}}"),
        step(0.7, 'client: {send: "hello"}', "5 bytes"),
        step(0.8, "reach: {client: SYN_SENT, server: SYN_RECV}"),
    )
    lost = fault(
        side=Side.CLIENT, segments=(Segment.SYN | Segment.ACK,), installed=0.5, removed=1.5
    )
    text = ladder(run(handshake(1.0), steps=steps, faults=(lost,)), 80, PLAIN)
    assert "drop-1: drops SYN|ACK at client input" in text
    assert "drop-1 removed" in text
    assert "├╴connect as c1 " in text
    assert "├╴send hello: 5 bytes " in text
    assert "reach" not in text


def test_what_the_kernel_discarded_is_noted_unless_a_rule_dropped_it() -> None:
    evidence = run(handshake(1.0))
    assert evidence.recording is not None
    events = (
        Event(1.1, Side.CLIENT, "discarded", "TCP_OLD_DATA"),
        Event(1.2, Side.CLIENT, "discarded", "NETFILTER_DROP"),
        Event(1.3, Side.SERVER, "reset sent", "NO_SOCKET"),
        Event(1.4, Side.SERVER, "reset sent", "NO_SOCKET"),
    )
    text = ladder(
        replace(evidence, recording=replace(evidence.recording, events=events)), 80, PLAIN
    )
    assert "discarded: TCP_OLD_DATA" in text
    assert "NETFILTER" not in text
    assert text.count("RST because: NO_SOCKET") == 1


def test_an_icmp_answer_is_an_arrow() -> None:
    syn = mine(SYN, 1000, 0)
    answer = passing(1.1, Side.SERVER, icmp("10.0.0.2", "10.0.0.1", 3, 3, syn[0][:28]))
    assert "◀" in line(run(passing(1.0, Side.CLIENT, syn), answer), "ICMP port unreachable")


def strangers(count: int) -> list[list[Frame]]:
    return [
        passing(1.5 + n * 1e-4, Side.CLIENT, tcp(("10.0.0.1", 999), SERVER, SYN, n))
        for n in range(count)
    ]


def test_few_packets_of_others_are_drawn_and_many_summed_up() -> None:
    few = run(handshake(1.0), *strangers(2))
    assert ladder(few, 80, PLAIN).count("── SYN seq=0") == 3
    many = run(handshake(1.0), *strangers(20))
    assert ladder(many, 80, PLAIN).count("── SYN seq=0") == 1
    assert "port 999: 20 SYN by client" in ladder(many, 80, PLAIN)


def test_without_a_recording_states_and_steps_are_left() -> None:
    bare = evidence(client=End(transitions=(SYN_SENT,)), steps=(step(0.99, "client: connect"),))
    text = ladder(bare, 80, PLAIN)
    assert "SYN_SENT" in text
    assert "connect" in text
    assert "Packets were not recorded" in text
    assert svg(bare)


def test_missed_packets_are_said() -> None:
    evidence = run(handshake(1.0))
    assert evidence.recording is not None
    evidence = replace(evidence, recording=replace(evidence.recording, missed=1200))
    assert "1,200 packets came faster than they could be recorded" in ladder(evidence, 80, PLAIN)


def test_what_an_application_reads_is_said_where_it_does_not_wait() -> None:
    ends = End(reads=("5 bytes", "EOF")), End(reads=("nothing",)), End(reads=("ECONNRESET",))
    texts = [ladder(evidence(client=end), 80, PLAIN) for end in ends]
    assert "The client's application reads 5 bytes and then EOF." in texts[0]
    assert "application" not in texts[1]
    assert "The client's application reads ECONNRESET." in texts[2]


# --- too many


def many(count: int) -> list[list[Frame]]:
    one_byte = [mine(ACK, 1001 + n, payload=1) for n in range(count)]
    answers = [theirs(ACK, 5001, 1002 + n) for n in range(count)]
    return [
        *(passing(1.2 + n * 1e-4, Side.CLIENT, sent) for n, sent in enumerate(one_byte)),
        *(passing(1.20005 + n * 1e-4, Side.SERVER, sent) for n, sent in enumerate(answers)),
    ]


def test_ten_thousand_packets_are_condensed_and_said_to_be() -> None:
    closing = passing(9.0, Side.CLIENT, mine(FIN | ACK, 1001 + 5000))
    lost = passing(1.60002, Side.SERVER, theirs(ACK, 5001, 77), "drop-1")
    evidence = run(handshake(1.0), *many(5000), lost, closing)
    before = time.process_time()
    lines = drawn(evidence)
    picture = svg(evidence)
    assert time.process_time() - before < 3.0  # 0.4 s on an idle machine
    assert len(lines) < 200
    text = "\n".join(lines)
    for word in ("SYN|ACK seq=0", "FIN seq=5001", "drop-1 ✗", "more packets", "--pcap DIR"):
        assert word in text
    assert re.search(r"\d,\d{3} DATA from client", text.replace("│", ""))
    assert len(picture) < 400_000


def test_like_segments_in_a_row_become_one_arrow_with_a_count() -> None:
    burst = [passing(2 + n * 1e-4, Side.CLIENT, mine(ACK, 1001 + n, payload=1)) for n in range(100)]
    assert "100 × DATA 100 B seq=1 ack=1" in ladder(run(handshake(1.0), *burst), 80, PLAIN)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 60])
def test_every_packet_is_drawn_or_counted(limit: int) -> None:
    found = packets(recording(handshake(1.0), *many(100)))
    arrows, rests = condensed(found, {1, 2, 150}, limit)
    counted = [re.match(r"… ([\d,]+) more", rest.text) for rest in rests]
    left_out = sum(int(match[1].replace(",", "")) for match in counted if match)
    assert sum(arrow.count for arrow in arrows) + left_out == len(found) == 203
    assert len(arrows) <= max(limit, 2)


# --- whatever the terminal or the page


SAMPLES = {
    "handshake": run(handshake(1.0)),
    "crossing": crossing(),
    "lost": run(passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "a-fault-with-a-long-name")),
    "unsent": run(refused(1.0, Side.SERVER, theirs(SYN | ACK, 5000), "a-fault-with-a-long-name")),
    "many": run(handshake(1.0), *many(500), faults=(DROP,)),
    "empty": run(),
    "no-route": run(passing(1.0, Side.CLIENT, mine(RST, 2**31, payload=60_000))),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [64, 80, 100, 200])
def test_it_fits_the_width(name: str, width: int) -> None:
    assert max(len(line) for line in drawn(SAMPLES[name], width)) <= width


@pytest.mark.parametrize("name", SAMPLES)
def test_colours_change_no_letter(name: str) -> None:
    coloured = ladder(SAMPLES[name], 80, COLOUR)
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == ladder(SAMPLES[name], 80, PLAIN)
    assert "\033[" in coloured


@pytest.mark.parametrize("name", SAMPLES)
def test_a_plain_terminal_can_show_it(name: str) -> None:
    text = ladder(SAMPLES[name], 80, PLAIN).translate(ASCII)
    assert text.isascii(), {letter for letter in text if not letter.isascii()}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_svg_is_well_formed_and_has_nothing_that_clashes_or_leads_elsewhere(name: str) -> None:
    text = svg(SAMPLES[name])
    root = ElementTree.fromstring(text)
    assert root.find("{*}title") is not None
    assert root.find("{*}desc") is not None
    assert not [node for node in root.iter() if "id" in node.attrib]
    assert not re.search(r"(href|src|url\(|@import|<script)", text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_svgs_rules_reach_nothing_else_in_the_page() -> None:
    style = ElementTree.fromstring(svg(SAMPLES["empty"])).find("{*}style")
    assert style is not None
    for rule in re.findall(r"([^{}]+)\{[^{}]*\}", re.sub(r"@media[^{]*\{", "", style.text or "")):
        assert all(part.strip().startswith("svg.ladder") for part in rule.split(","))


def test_a_tooltip_has_the_exact_times() -> None:
    titles = [
        node.text for node in ElementTree.fromstring(svg(SAMPLES["lost"])).iter(f"{SVG}title")
    ]
    said = " ".join(title or "" for title in titles)
    assert "left at 1.000000 s" in said
    assert "arrived at 1.000005 s, 5 µs later" in said
    assert "dropped by a-fault-with-a-long-name, server input, at 1.000005 s" in said


BITS = st.sampled_from([SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, 0])
STATES = st.sampled_from([*State])


@st.composite
def runs(draw: st.DrawFn) -> Evidence:
    """Frames, transitions and steps in any order and at any time."""
    frames = []
    for _ in range(draw(st.integers(0, 12))):
        sender = draw(st.sampled_from(Side))
        ends = (CLIENT, SERVER) if sender is Side.CLIENT else (SERVER, CLIENT)
        packet = tcp(*ends, draw(BITS), draw(st.integers(0, 3)), 0, draw(st.integers(0, 2)))
        at, fault = draw(st.floats(0, 2)), draw(st.sampled_from(["", "drop-1"]))
        seen = passing(at, sender, packet, fault, way=draw(st.sampled_from([5e-6, 0.1])))
        frames.append(draw(st.sampled_from([seen, seen[:1], seen[1:], []])))
        frames.append(draw(st.sampled_from([[], refused(at, sender, packet, "drop-2")])))
    ends_ = [
        End(transitions=tuple(
            Transition(at, draw(STATES), draw(STATES), draw(st.booleans()))
            for at in sorted(draw(st.lists(st.floats(0, 2), max_size=4)))
        ))
        for _ in range(2)
    ]  # fmt: skip
    steps = tuple(step(at, "client: close") for at in draw(st.lists(st.floats(0, 2), max_size=2)))
    return run(*frames, client=ends_[0], server=ends_[1], steps=steps)


@settings(deadline=None)
@given(runs(), st.integers(60, 130))
def test_whatever_was_recorded_it_is_drawn(evidence: Evidence, width: int) -> None:
    lines = drawn(evidence, width)
    assert max(map(len, lines)) <= max(width, 64)
    assert evidence.recording is not None
    text = "\n".join(lines)
    found = packets(evidence.recording)
    assert text.count("✗") == sum(packet.dropped is not None for packet in found)
    changes = [*evidence.client.transitions, *evidence.server.transitions]
    body = " ".join(lines[2:])
    for change in changes:
        assert f"{change.after}" in body
    ElementTree.fromstring(svg(evidence))
