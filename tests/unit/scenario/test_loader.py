# SPDX-License-Identifier: GPL-2.0-or-later
"""What a good scenario file becomes: names, defaults, steps, expectations and comments."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import ACK, DATA, FIN, RST, SYN, Segment, State, Timer
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Side
from netlab.scenario import loader, writer
from netlab.scenario.model import (
    AnyStep,
    Do,
    DropStep,
    Ending,
    Expectation,
    FaultStep,
    Healing,
    Look,
    PlugStep,
    Range,
    Reach,
    Remove,
    Scenario,
)
from tests.unit.scenario.wrong_documents import GOOD, NAME

CLIENT, SERVER = Side.CLIENT, Side.SERVER
NOTHING_LEFT = ExpectedPair((State.CLOSED,), (State.LISTEN,))


def read(*steps: str, expect: str = "cause: none", top: str = "") -> Scenario:
    """The scenario of these steps; the first stands in line 4."""
    lines = [top, "source: x", "steps:", *(f"  - {step}" for step in steps)]
    lines += ["expect:", "  pair: {client: CLOSED, server: LISTEN}", f"  {expect}"]
    return loader.parse("\n".join(lines), Path("x.yaml"))


def step(text: str) -> AnyStep:
    """A step that comes after a drop."""
    return read("drop: {segment: SYN, to: server, as: loss}", text).steps[1]


def do(text: str) -> Do:
    """A step in which a side does something."""
    done = step(text)
    assert isinstance(done, Do)
    return done


def test_the_example_of_the_design_is_read_as_it_is_meant(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text(GOOD)
    assert loader.load(path) == Scenario(
        name="synack-dropped",
        path=path,
        story="The server's SYN-ACK never reaches the client: neither end can finish the "
        "handshake, both keep retrying.",
        source="Part 1, Figures 7-8",
        steps=(
            Do(5, "", SERVER, "listen", {}),
            DropStep(6, "", "drop-1", CLIENT, Hook.INPUT, segments=(SYN | ACK,)),
            Do(7, "", CLIENT, "connect", {}),
        ),
        expect=Expectation(
            line=9,
            claim=ExpectedPair((State.SYN_SENT,), (State.SYN_RECV,)),
            hold=1.2,
            dropped={None: Range(2, inf, "at least 2")},
            healed=Healing(ExpectedPair((State.ESTABLISHED,), (State.ESTABLISHED,))),
        ),
    )


def test_what_is_left_out_has_a_default() -> None:
    assert read("server: listen") == Scenario(
        name="x",
        path=Path("x.yaml"),
        story="",
        source="x",
        steps=(Do(4, "", SERVER, "listen", {}),),
        expect=Expectation(line=6, claim=NOTHING_LEFT, hold=1.0, cause="none"),
        differs="",
        slow=False,
        family=None,
        needs=(),
    )


def test_what_is_said_at_the_top_is_kept() -> None:
    top = "{differs: it does, slow: yes, family: ipv6, needs: [tcp_syn_linear_timeouts, a.b]"
    flow = top + ", source: y, steps: [server: listen], expect: {cause: z, pair: "
    scenario = loader.parse(flow + "{client: CLOSED, server: LISTEN}}}", Path("x.yaml"))
    assert (scenario.source, scenario.differs, scenario.slow) == ("y", "it does", True)
    assert (scenario.family, scenario.needs) == (Family.IPV6, ("tcp_syn_linear_timeouts", "a.b"))


# --- comments


def test_comments_belong_to_the_story_or_to_the_step_they_stand_at() -> None:
    scenario = loader.parse(
        "#   Told\n# in two lines.\n\n# not the story\nsource: x\nsteps:\n"
        "  - server: listen # it waits\n"
        "  # above,\n  # in two lines\n  - client: connect # and beside\n"
        "    fails: EPERM # and below\n"
        "  # of the last\n  - client:\n      send: hello\n"
        "expect:\n  pair: {client: CLOSED, server: LISTEN}\n  cause: none\n",
        Path("x.yaml"),
    )
    assert scenario.story == "Told\nin two lines."
    assert [(each.line, writer.line(each), each.comment) for each in scenario.steps] == [
        (7, "server: listen", "it waits"),
        (10, "client: connect, fails: EPERM", "above, in two lines and beside and below"),
        (13, "client: {send: hello}", "of the last"),
    ]


def test_a_hash_inside_quotes_is_no_comment() -> None:
    said = do("client: {send: 'hello # you'} # politely")
    assert (writer.line(said), said.comment) == ("client: {send: 'hello # you'}", "politely")


@pytest.mark.parametrize("variation", [GOOD.replace("\n", "\r\n"), f"\ufeff{GOOD}", f"{GOOD}...\n"])
def test_line_endings_and_marks_around_a_file_change_nothing(variation: str) -> None:
    plain, varied = (loader.parse(text, Path(NAME)) for text in (GOOD, variation))
    assert replace(varied, story=plain.story) == plain


# --- steps


@pytest.mark.parametrize(
    ("text", "action", "arguments"),
    [
        ("server: {listen: 80}", "listen", {"port": 80}),
        ("server: {listen: {defer: 10s, reuse: yes}}", "listen", {"defer": 10, "reuse": True}),
        ("client: {connect: {from: 5556, as: a}}", "connect", {"source_port": 5556, "name": "a"}),
        ("client: {connect: {timeout: 300ms}}", "connect", {"timeout": 0.3}),
        ("server: {accept: s1}", "accept", {"name": "s1"}),
        ("client: {send: 42}", "send", {"text": "42"}),
        ("client: {send: {bytes: 200000}}", "send", {"count": 200_000}),
        ("client: {sysctl: {tcp_sack: 0}}", "sysctl", {"tcp_sack": "0"}),
        ("client: {sysctl-if-there: {net.b: 1 2}}", "sysctl-if-there", {"net.b": "1 2"}),
        ("client: add-address", "add-address", {}),
        ("client: {run: \"nc '{server} x'\"}", "run", {"command": ["nc", "{server} x"]}),
        ("client: {run: 'ls {folder}'}", "run", {"command": ["ls", "{folder}"]}),
        ("server: {known-as: redis}", "known-as", {"names": ("redis",)}),
        ("server: {known-as: [a.b, c_d]}", "known-as", {"names": ("a.b", "c_d")}),
        ("client: {run: [nc, '{server} x', 80]}", "run", {"command": ["nc", "{server} x", "80"]}),
        ("client: {run: {command: [ls, '']}}", "run", {"command": ["ls", ""]}),
        ("client: {start: [a, b], ready: 80}", "start", {"command": ["a", "b"], "ready": 80}),
        ("client: {start: a b, ready: 80}", "start", {"command": ["a", "b"], "ready": 80}),
        (
            "client: {start: {command: a, ready: it listens, within: 3s}}",
            "start",
            {"command": ["a"], "ready": "it listens", "within": 3},
        ),
        ("server: {listen: 80, reuse: yes}", "listen", {"port": 80, "reuse": True}),
        ("client: {signal: INT}", "signal", {"number": 2}),
        ("client: {probe: {gets: RST|ACK}}", "probe", {"gets": RST | ACK}),
        ("client: {probe: {gets: nothing}}", "probe", {"gets": None}),
        ("client: {option: {TCP_USER_TIMEOUT: 5000}}", "option", {"TCP_USER_TIMEOUT": 5000}),
    ],
)
def test_an_action_is_read_into_arguments_of_a_host_s_method(
    text: str, action: str, arguments: dict[str, object]
) -> None:
    done = do(text)
    assert (done.action, done.arguments) == (action, arguments)


@pytest.mark.parametrize(
    ("fails", "ipv4", "ipv6"),
    [("EPERM", "EPERM", "EPERM"), ("{ipv4: EHOSTUNREACH, ipv6: EACCES}", "EHOSTUNREACH", "EACCES")],
)
def test_an_error_is_for_both_families_or_for_each(fails: str, ipv4: str, ipv6: str) -> None:
    done = do(f"client: close\n    fails: {fails}")
    assert done.fails == {Family.IPV4: ipv4, Family.IPV6: ipv6}


@pytest.mark.parametrize(
    ("text", "name", "side", "hook", "segments"),
    [
        ("segment: [SYN, ACK | FIN], to: client", "drop-1", CLIENT, Hook.INPUT, (SYN, FIN | ACK)),
        ("segment: DATA, at: server output, as: wall", "wall", SERVER, Hook.OUTPUT, (DATA,)),
        ("nft: tcp dport 1, at: client prerouting", "drop-1", CLIENT, Hook.PREROUTING, ()),
    ],
)
def test_a_drop_is_read_with_its_place(
    text: str, name: str, side: Side, hook: Hook, segments: tuple[Segment, ...]
) -> None:
    drop = step(f"drop: {{{text}}}")
    assert isinstance(drop, DropStep)
    assert (drop.name, drop.side, drop.hook, drop.segments) == (name, side, hook, segments)
    assert drop.nft == (() if segments else ("tcp dport 1",))


def test_a_drop_is_read_with_all_that_narrows_it() -> None:
    text = "drop: {segment: ACK, to: server, port: 80, after: 2, covers: FIN}"
    drop = DropStep(5, "", "drop-1", SERVER, Hook.INPUT, (ACK,), port=80, after=2)
    assert step(text) == replace(drop, covers_fin=True)


def test_faults_without_a_name_are_numbered_by_their_kind() -> None:
    reject = "reject: {segment: SYN, to: server, with: tcp-reset}"
    steps = read("plug: client", reject, "plug: {as: mine}", reject, "plug: [client, server]").steps
    names = [each.name for each in steps if isinstance(each, FaultStep)]
    assert names == ["plug-1", "reject-1", "mine", "reject-2", "plug-2"]


REACHED = ExpectedPair((State.CLOSED, State.SYN_SENT), (State.LISTEN,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plug: {as: h}", PlugStep(5, "", name="h", sides=(CLIENT, SERVER))),
        ("plug: server", PlugStep(5, "", name="plug-1", sides=(SERVER,))),
        ("remove: all", Remove(5, "", name=None)),
        ("remove: loss", Remove(5, "", name="loss")),
        (
            "reach: {client: [CLOSED, SYN_SENT], server: LISTEN, within: 2min, hold: 1}",
            Reach(5, "", REACHED, within=120.0, hold=1.0),
        ),
    ],
)
def test_other_steps_are_read_as_they_are_meant(text: str, expected: AnyStep) -> None:
    assert step(text) == expected


@pytest.mark.parametrize(
    ("old", "new"), [("lift: all", "remove"), ("release: all", "remove"), ("hold: client", "plug")]
)
def test_a_word_of_before_is_refused_with_the_one_of_now(old: str, new: str) -> None:
    word = old.partition(":")[0]
    with pytest.raises(ScenarioError, match=rf"x\.yaml:5: '{word}' is called '{new}' now"):
        step(old)


# --- expectations


def test_what_is_expected_of_each_end_is_kept_by_side() -> None:
    expect = read(
        "drop: {segment: SYN, to: server}",
        expect="""\
  rows: {client: {timer: time-wait, remaining: between 57s and 1min, probes: none}}
  sockets: {server: {LISTEN: 1}}
  counters: {client: {TcpOutRsts: at most 0x10}}
  path: {server: [LISTEN, SYN_RECV]}
  healed: {client: CLOSED, server: LISTEN, counters: {server: {EmbryonicRsts: 1}}}
  ends: {client: CLOSED, server: LISTEN, after: at least 58s}""".lstrip(),
    ).expect
    numbers = {
        "remaining": Range(57, 60, "between 57s and 1min"),
        "probes": Range(0, 0, "none"),
    }
    assert expect.rows == {CLIENT: Look(Timer.TIME_WAIT, numbers)}
    assert expect.sockets == {SERVER: {State.LISTEN: Range(1, 1, "1")}}
    assert expect.counters == {CLIENT: {"TcpOutRsts": Range(0, 16, "at most 0x10")}}
    assert expect.path == {SERVER: (State.LISTEN, State.SYN_RECV)}
    counted = {SERVER: {"EmbryonicRsts": Range(1, 1, "1")}}
    assert expect.healed == Healing(NOTHING_LEFT, counted)
    assert expect.ends == Ending(12, NOTHING_LEFT, Range(58, inf, "at least 58s"))


def test_what_heals_a_pair_and_what_comes_after_its_end_are_steps() -> None:
    expect = read(
        "server: listen",
        expect="""\
  heal: [client: close, remove: all]
  healed: {client: CLOSED, server: LISTEN}
  ends: {client: CLOSED, server: LISTEN, after: 1s, then: [server: unlisten]}""".lstrip(),
    ).expect
    assert [type(healing) for healing in expect.heal] == [Do, Remove]
    assert expect.ends is not None
    assert [found.line for found in expect.ends.then] == [9]


@pytest.mark.parametrize(
    ("said", "dropped"),
    [
        ("3", {None: Range(3, 3, "3")}),
        ("{a: 1, b: none}", {"a": Range(1, 1, "1"), "b": Range(0, 0, "none")}),
    ],
)
def test_drops_are_counted_together_or_by_name(said: str, dropped: dict[str, Range]) -> None:
    drops = [f"drop: {{segment: SYN, to: server, as: {name}}}" for name in "ab"]
    expect = read(*drops, expect=f"cause: none\n  dropped: {said}").expect
    assert expect.dropped == dropped


@pytest.mark.parametrize(
    ("answer", "top", "family"),
    [
        ("tcp-reset", "", None),
        ("net-prohibited", "", Family.IPV4),
        ("policy-fail", "", Family.IPV6),
        ("tcp-reset", "family: ipv6", Family.IPV6),
    ],
)
def test_a_family_is_said_or_follows_from_the_answer(
    answer: str, top: str, family: Family | None
) -> None:
    reject = f"reject: {{segment: SYN, to: server, with: {answer}}}"
    assert read(reject, top=top).family is family
