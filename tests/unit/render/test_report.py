# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of a run: everything that was seen is in it, and nothing that it must not be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.model.evidence import (
    Counterfactual,
    End,
    Event,
    Evidence,
    Failure,
    FailureRow,
    Interval,
    Outcome,
    PlayedStep,
    Transition,
)
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.render import states_svg
from netlab.render.report import LONG, Chapter, ReportHead, ToldStep, lead, report
from tests.build import evidence, fault, states, step
from tests.frames import ACK, CLIENT, SERVER, handshake, passing, recording, tcp

ABOUT = ReportHead("1.2.3", "2026-11-20 12:56 UTC", 3.66)


def interval(state: State, since: float, until: float, retransmits: int = 0) -> Interval:
    return Interval(state, since, until, 3, Timer.RETRANSMIT, 0.2, retransmits, 0, 1, 0, 4711)


CLIENT_END = End(
    intervals=(
        interval(State.SYN_SENT, 0.003, 1.02),
        interval(State.SYN_SENT, 1.03, 1.9, retransmits=1),
        interval(State.ESTABLISHED, 1.91, 2.0),
    ),
    counters={"TCPSynRetrans": 1, "IpInReceives": 4, "TCPTimeouts": 1},
    sysctls={"tcp_syn_retries": "6"},
)
SERVER_END = End(
    transitions=(
        Transition(0.001, State.CLOSED, State.LISTEN, True),
        Transition(0.004, State.LISTEN, State.SYN_RECV, False),
    ),
    counters={"TCPSynRetrans": 2},
)
RUN = evidence(
    "synack-dropped",
    "SYN_SENT/SYN_RECV",
    source="Part 1, Figures 7-8",
    path="/home/somebody/scenarios/handshake/synack-dropped.yaml",
    kernel="6.18.44",
    held_s=1.21,
    elapsed_s=2.0,
    dropped=3,
    healed="ESTABLISHED/ESTABLISHED",
    steps=(
        step(0.001, "server: listen", line=5),
        step(0.002, "drop: {segment: SYN|ACK, to: client}", "done", line=6),
    ),
    faults=(
        fault(
            side=Side.CLIENT,
            rules="table inet drop-1 {}\n",
            packets=3,
            bytes=180,
            installed=0.002,
            removed=1.21,
        ),
    ),
    client=CLIENT_END,
    server=SERVER_END,
    recording=replace(
        recording(handshake(0.004)),
        events=(Event(1.0, Side.CLIENT, "discarded", "NETFILTER_DROP"),),
        traced=True,
    ),
)
NOT_RECORDED = replace(RUN, recording=None)
FAILED = replace(
    NOT_RECORDED,
    scenario="fin-dropped",
    outcome="fail",
    observed=states("FIN_WAIT2/SYN_RECV"),
    failure=Failure(
        "pair not held (kernel 6.18.44)",
        14,
        (FailureRow(Side.CLIENT, (State.SYN_SENT,), State.FIN_WAIT2, "from +0.04 s", 0),),
    ),
)
SKIPPED = replace(
    NOT_RECORDED, scenario="only-six", outcome="skip", reason="only IPv6 has this", observed=None
)
NOT_BUILT = replace(
    NOT_RECORDED, scenario="not-built", outcome="error", reason="a.yaml:3: refused", observed=None
)


def page(*chapters: Chapter | Evidence) -> str:
    whole = [one if isinstance(one, Chapter) else Chapter(one, one.scenario) for one in chapters]
    return report(whole, ABOUT)


class Element(NamedTuple):
    """A tag that was opened, and the text in it."""

    tag: str
    attributes: dict[str, str | None]
    text: list[str]


VOID = {"meta", "link", "input", "br"}
CELLS = {"td", "th", "dt", "dd"}


class Reader(HTMLParser):
    """Reads a page and complains about tags that are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag is opened."""
        element = Element(tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag without content."""
        self.elements.append(Element(tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        """A tag is closed: the one that was opened last."""
        assert self._open.pop().tag == tag
        if tag in CELLS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        """Text belongs to all that is open."""
        for element in self._open:
            element.text.append(data)

    def all(self, tag: str, kind: str = "") -> Iterator[Element]:
        """Elements of a tag, and of a class."""
        for element in self.elements:
            kinds = (element.attributes.get("class") or "").split()
            if element.tag == tag and (not kind or kind in kinds):
                yield element


def words(elements: Iterator[Element]) -> list[str]:
    return [" ".join("".join(element.text).split()) for element in elements]


# --- what it says


def test_the_summary_counts_outcomes_and_names_kernel_family_and_time() -> None:
    read = Reader(page(RUN, FAILED, SKIPPED, NOT_BUILT))
    (heading,) = words(read.all("h1"))
    assert heading == "✓ 1 passed ✗ 1 failed ! 1 not built – 1 skipped"
    facts = words(read.all("dl"))[0]
    assert facts == "kernel 6.18.44 family IPv4 played 2026-11-20 12:56 UTC took 3.7 s"


FROZE = "froze a real connection of this kernel in the pair of states that was expected"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"pass": 3}, [rf"All 3 scenarios {FROZE}, and show what"]),
        ({"pass": 1}, [rf"This scenario {FROZE}, and shows what"]),
        ({"pass": 2, "fail": 1}, [rf"2 of 3 scenarios {FROZE}", "1 failed: the kernel did some"]),
        (
            {"pass": 1, "error": 2},
            [rf"1 of 3 scenarios {FROZE}, and shows", "2 could not be built"],
        ),
        ({"pass": 1, "skip": 1}, [rf"1 of 2 scenarios {FROZE}", "1 was skipped, and says why"]),
        ({"skip": 2}, ["No scenario here froze", "2 were skipped, and each says why"]),
        ({"fail": 2}, ["No scenario here froze", "2 failed"]),
    ],
)
def test_what_is_said_of_all_is_true_of_each_outcome(
    counts: dict[Outcome, int], said: list[str]
) -> None:
    assert len(lead(counts)) == len(said)
    for sentence, begins in zip(lead(counts), said, strict=True):
        assert sentence.startswith(begins)


def test_a_page_of_failures_does_not_say_that_everything_was_frozen() -> None:
    (text,) = [e.text for e in Reader(page(FAILED, NOT_BUILT)).elements
               if e.attributes.get("class") == "lead"]  # fmt: skip
    assert "".join(text) == " ".join(lead({"fail": 1, "error": 1}))


@pytest.mark.parametrize("chapters", [[], [Chapter(RUN, "one")]], ids=["none ended", "one did"])
def test_a_run_that_was_stopped_is_said_to_be(chapters: list[Chapter]) -> None:
    text = report(chapters, replace(ABOUT, left=12))
    words = " ".join(text.split())
    number = 12 + len(chapters)
    assert f"The run was stopped: 12 of {number} scenarios had not ended" in words
    assert "12 not ended" in words
    Reader(text)


def test_the_table_leads_to_every_scenario() -> None:
    read = Reader(page(RUN, FAILED, SKIPPED, NOT_BUILT))
    rows = words(read.all("tr", "row"))
    assert rows == [
        "✓pass synack-dropped SYN_SENT / SYN_RECV 1.2 s 3 ESTABLISHED / ESTABLISHED",
        "✗fail fin-dropped FIN_WAIT2 / SYN_RECV 1.2 s 3 ESTABLISHED / ESTABLISHED",
        "–skip only-six only IPv6 has this",
        "!error not-built SYN_SENT / SYN_RECV 1.2 s 3 ESTABLISHED / ESTABLISHED",
    ]
    targets = {element.attributes["id"] for element in read.all("article")}
    assert targets == {"synack-dropped", "fin-dropped", "only-six", "not-built"}
    assert words(read.all("tr", "folder")) == ["handshake"]


def test_every_link_within_the_page_leads_somewhere_and_no_id_is_there_twice() -> None:
    read = Reader(page(RUN, FAILED, SKIPPED))
    ids = [element.attributes["id"] for element in read.elements if "id" in element.attributes]
    assert len(ids) == len({*ids})
    links = {element.attributes["href"] or "" for element in read.all("a")}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= {*ids}


def test_a_chapter_tells_the_story_and_what_to_type() -> None:
    steps = (
        ToldStep("server: listen", commands=(("server", "nc -l 5555"),)),
        ToldStep(
            "drop: it", "now it is lost", (("client", "nft add table"), ("client", "nft add"))
        ),
        ToldStep("client: close"),
    )
    chapter = Chapter(
        NOT_RECORDED, "a", "It is lost.", "does otherwise", "", steps, ("a.pcapng", "a.json")
    )
    read = Reader(page(chapter))
    assert words(read.all("p", "story")) == ["It is lost."]
    assert words(read.all("p", "differs")) == ["But Linux: does otherwise"]
    assert words(read.all("li")) == [
        "+1.00 ms server: listen server nc -l 5555",
        "+2.00 ms drop: it done now it is lost client nft add tableclient nft add",
        "not reached client: close",
    ]
    files = [e.attributes["href"] for e in read.all("a") if "download" in e.attributes]
    assert files == ["a.pcapng", "a.json"]


def test_the_steps_that_healed_follow_those_of_the_file() -> None:
    read = Reader(page(Chapter(NOT_RECORDED, "a", steps=(ToldStep("server: listen"),))))
    assert words(read.all("p", "step")) == [
        "+1.00 ms server: listen",
        "+2.00 ms drop: {segment: SYN|ACK, to: client} done",
    ]


def test_rules_are_shown_with_what_they_counted() -> None:
    never = fault("late", rules="table inet late {}", packets=0, bytes=0, installed=1.5)
    kept = fault(
        "plug-1", kind="plug", does="keeps packets", counts=False, packets=0, installed=0.5
    )
    read = Reader(page(replace(NOT_RECORDED, faults=(*RUN.faults, never, kept))))
    (rules,) = words(read.all("section", "rules"))
    assert rules == (
        "Rules drop-1 drops packets at client input: 3 packets, 180 bytes, from 2.00 ms to 1.21 s "
        "table inet drop-1 {} late drops packets at server input: 0 packets, 0 bytes, "
        "from 1.50 s to the end "
        "the rule never matched table inet late {} "
        "plug-1 keeps packets: from 500 ms to the end"
    )


def test_rules_are_shown_with_what_came_without_them() -> None:
    tried = (
        Counterfactual("drop-1", True, "SYN_SENT/SYN_RECV was not reached (A/B)"),
        Counterfactual("late", False, "SYN_SENT/SYN_RECV was reached and held all the same"),
    )
    held = replace(RUN.faults[0], while_held=2)
    read = Reader(page(replace(NOT_RECORDED, faults=(held,), counterfactuals=tried)))
    (rules,) = words(read.all("section", "rules"))
    assert "3 packets, 2 while the pair was held, 180 bytes, from 2.00 ms to 1.21 s" in rules
    assert rules.endswith(
        "Without drop-1: SYN_SENT/SYN_RECV was not reached (A/B) "
        "Without late: SYN_SENT/SYN_RECV was reached and held all the same"
    )
    assert words(read.all("strong", "never")) == [tried[1].found]


def test_the_evidence_is_in_tables() -> None:
    read = Reader(page(RUN))
    tables = dict(zip(words(read.all("summary")), words(read.all("tbody"))[1:], strict=True))
    assert tables == {
        "states in order (4)": "0.001000 s server CLOSED LISTEN the kernel's tracepoint "
        "0.0030 s client – SYN_SENT a sample 0.0040 s server LISTEN SYN_RECV a sample "
        "1.9100 s client SYN_SENT ESTABLISHED a sample",
        "client: /proc/net/tcp over time (3)": (
            "0.0030 s 1.0200 s SYN_SENT retransmit, 0.20 s · · 1 · of a process 3 "
            "1.0300 s 1.9000 s SYN_SENT retransmit, 0.20 s 1 · 1 · of a process 3 "
            "1.9100 s 2.0000 s ESTABLISHED retransmit, 0.20 s · · 1 · of a process 3"
        ),
        "what the kernel said (1)": "1.000000 s client discarded NETFILTER_DROP",
        "counters that changed (3)": "TCPSynRetrans 1 2 TCPTimeouts 1 · IpInReceives 4 ·",
        "sysctls (1)": "tcp_syn_retries 6",
    }


def test_a_failure_is_shown_as_the_terminal_shows_it_and_leads_the_page() -> None:
    read = Reader(page(RUN, FAILED, NOT_BUILT))
    problems = ["".join(element.text) for element in read.all("pre", "problem")]
    assert ":14: pair not held (kernel 6.18.44)\n" in problems[0]
    assert "  client  SYN_SENT  FIN_WAIT2  from +0.04 s  0\n" in problems[0]
    assert problems[1] == "not-built: a.yaml:3: refused"
    assert words(read.all("ul", "wrong")) == [
        "✗ fin-dropped failed: pair not held (kernel 6.18.44) "
        "! not-built not built: a.yaml:3: refused"
    ]
    assert words(read.all("strong", "off")) == ["≠ FIN_WAIT2"]


def test_a_skip_has_its_reason_and_nothing_else() -> None:
    read = Reader(page(SKIPPED))
    assert words(read.all("article")) == [
        "only-six –skip Part 1, Figures 7-8 Skipped: only IPv6 has this. all scenarios"
    ]


def test_packets_are_drawn_and_counted() -> None:
    read = Reader(page(RUN))
    assert len([*read.all("svg", "ladder")]) == 1
    (caption,) = (text for text in words(read.all("figcaption")) if text.startswith("Packets"))
    assert caption == "Packets 2 left the client, 1 left the server, 0 dropped"


def test_a_run_without_a_recording_says_so() -> None:
    said = "Packets were not recorded in this run"
    assert said in page(NOT_RECORDED)
    assert said not in page(NOT_RECORDED, RUN)


# --- what it must not do


def test_a_page_needs_nothing_but_itself() -> None:
    text = page(RUN, FAILED)
    read = Reader(text)
    assert not [e for e in read.elements if "src" in e.attributes]
    assert not re.findall(r"@import|url\(", text)
    links = re.findall(r"https?://[^\s\"'<]+", text)
    assert {*links} <= {"http://www.w3.org/2000/svg"}
    (policy,) = (e for e in read.all("meta") if "http-equiv" in e.attributes)
    assert (policy.attributes["content"] or "").startswith("default-src 'none';")


def test_no_path_of_the_machine_is_in_a_page_without_failures() -> None:
    assert "somebody" not in page(RUN)


def test_what_others_wrote_is_text() -> None:
    evil = '"><script>alert(1)</script>'
    done = PlayedStep(0.1, 1, evil, evil, Side.CLIENT, evil, of=evil, fails=evil, result=evil)
    run = replace(
        FAILED, scenario=evil, source=evil, reason=evil, kernel=evil, recording=RUN.recording,
        failure=Failure(evil), steps=(done,),
        faults=(fault(evil, rules=evil, packets=0),),
        client=replace(CLIENT_END, counters={evil: 1}, sysctls={evil: evil}),
    )  # fmt: skip
    told = ToldStep(evil, evil, ((evil, evil),))
    text = page(Chapter(run, "a", evil, evil, evil, (told,), (evil,)))
    assert "alert(1)" in text
    assert "<script>alert" not in text
    Reader(text)


def test_a_long_table_is_cut_in_its_middle_and_says_so() -> None:
    many = tuple(interval(State.SYN_SENT, n / 10, n / 10, n) for n in range(500))
    run = replace(NOT_RECORDED, client=End(many), server=End())
    text = page(run)
    assert f"{500 - LONG} more are in the JSON file" in text
    assert text.count("<td><code>SYN_SENT</code></td><td>retransmit") == LONG


def test_ten_thousand_packets_do_not_break_it() -> None:
    data = tcp(CLIENT, SERVER, ACK, 1001, 5001, payload=100)
    many = [frame for n in range(5000) for frame in passing(0.1 + n / 1e4, Side.CLIENT, data)]
    events = tuple(Event(n / 1e3, Side.CLIENT, "retransmitted") for n in range(3000))
    run = replace(RUN, recording=replace(recording(handshake(0.004), many), events=events))
    text = page(run)
    assert f"{3000 - LONG} more are in the JSON file" in text
    assert len(text) < 2_000_000


def test_a_page_of_nothing_seen_is_a_page() -> None:
    nothing = replace(
        RUN, steps=(), faults=(), client=End(), server=End(), recording=recording(), healed=None,
        held_s=0.0, elapsed_s=0.0,
    )  # fmt: skip
    assert "<svg" not in page(nothing).split("<article")[1]


# --- states over time


def lane(end: End, until: float = 2.0) -> list[tuple[str, float, float, bool]]:
    return [(str(s.state), s.since, s.until, s.exact) for s in states_svg.stretches(end, until)]


def test_states_go_by_transitions_where_there_are_any() -> None:
    assert lane(SERVER_END) == [
        ("CLOSED", 0.0, 0.001, True),
        ("LISTEN", 0.001, 0.004, True),
        ("SYN_RECV", 0.004, 2.0, False),
    ]


def test_states_go_by_samples_where_there_are_no_transitions() -> None:
    assert lane(CLIENT_END) == [
        ("SYN_SENT", 0.003, 1.91, False),
        ("ESTABLISHED", 1.91, 2.0, False),
    ]


def test_what_was_sent_again_goes_by_the_kernel_or_else_by_samples() -> None:
    events = (Event(1.0, Side.CLIENT, "retransmitted"), Event(1.0, Side.SERVER, "reset sent"))
    assert RUN.recording
    traced = replace(RUN, recording=replace(RUN.recording, events=events))
    assert states_svg.resent(traced, Side.CLIENT) == [(1.0, "retransmitted")]
    assert states_svg.resent(traced, Side.SERVER) == []
    sampled = [(1.03, "retransmitted, seen by a sample")]
    assert states_svg.resent(NOT_RECORDED, Side.CLIENT) == sampled


def test_the_picture_is_one_piece_and_names_every_state_for_those_who_do_not_see_it() -> None:
    picture = ElementTree.fromstring(str(states_svg.svg(RUN)))
    assert picture.get("aria-label") == (
        "client: SYN_SENT from 3.00 ms, ESTABLISHED from 1.91 s; "
        "server: CLOSED from 0, LISTEN from 1.00 ms, SYN_RECV from 4.00 ms"
    )
    bars = [e.get("class") for e in picture if (e.get("class") or "").startswith("bar")]
    assert bars == [
        "bar SYN_SENT sampled", "bar ESTABLISHED sampled",
        "bar CLOSED", "bar LISTEN", "bar SYN_RECV sampled",
    ]  # fmt: skip
    assert [e.get("class") for e in picture if e.get("class") == "fault"] == ["fault"]


TIMES = st.lists(st.floats(0, 500), min_size=2, max_size=30)


@given(TIMES, st.floats(0, 500), st.floats(0, 500))
def test_the_axis_keeps_the_order_of_times_and_stays_in_the_picture(
    times: Sequence[float], one: float, other: float
) -> None:
    axis = states_svg.Axis(times)
    low, high = sorted((one, other))
    assert -1e-6 <= axis(low) <= axis(high) + 1e-9 <= 100 + 1e-6


@given(TIMES, st.sampled_from([9.0, 18.0]))
def test_marks_of_the_axis_keep_their_distance(times: Sequence[float], apart: float) -> None:
    places = [place for _, place in states_svg.Axis(times).marks(apart)]
    assert all(after - before >= apart - 1e-6 for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (0.00031, "0.31 ms"), (0.0123, "12 ms"), (0.999, "999 ms"), (1.205, "1.21 s"),
     (134.5, "134.50 s")],
)  # fmt: skip
def test_a_time_has_as_many_figures_as_a_person_reads(seconds: float, text: str) -> None:
    assert states_svg.clock(seconds) == text
