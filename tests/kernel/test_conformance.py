# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table on the kernel: it does what is said, and nothing else passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from netlab.conformance import play, rows
from netlab.conformance.bench import Peer
from netlab.conformance.counted import EXACT
from netlab.conformance.recent import Recent
from netlab.conformance.rows import TableRow
from netlab.conformance.speech import SaidSegment
from netlab.model.kernel_run import PlayedRow
from netlab.model.tcp import State
from netlab.model.vocabulary import Family
from netlab.observe import tracing


def problems(played: Mapping[str, PlayedRow]) -> dict[str, str]:
    return {name: one.problem for name, one in played.items() if one.outcome != "pass"}


def played(chosen: list[TableRow], family: Family, **given: object) -> dict[str, PlayedRow]:
    return {one.name: one for one in play.play(chosen, family, **given)}  # type: ignore[arg-type]


def test_the_kernel_does_what_the_table_says(netlab_family: Family) -> None:
    chosen = [*rows.rows()]
    found = played(chosen, netlab_family)
    assert problems(found) == {}
    assert len(found) == sum(row.family in (None, netlab_family) for row in chosen)


def otherwise(row: TableRow) -> TableRow:
    """The same row, which says something else of what is answered."""
    answers = ("RST seq=next+77",) if row.answers != ("RST seq=next+77",) else ()
    return dataclasses.replace(row, answers=answers)


def elsewhere(row: TableRow) -> TableRow:
    """The same row, which says another state."""
    then = State.CLOSING if row.then is not State.CLOSING else State.CLOSED
    return dataclasses.replace(row, then=then)


def uncounted(row: TableRow) -> TableRow:
    """The same row, which says less of what is counted, or more."""
    fewer = {name: number for name, number in row.counts.items() if not number or name not in EXACT}
    more = {**row.counts, "TCPAbortFailed": 1}
    return dataclasses.replace(row, counts=fewer if fewer != row.counts else more)


@pytest.mark.parametrize(
    "wrong", [otherwise, elsewhere, uncounted], ids=["answers", "state", "counters"]
)
def test_no_row_passes_with_another_expectation(wrong: object) -> None:
    chosen = [wrong(row) for row in rows.rows() if not row.waits]  # type: ignore[operator]
    found = played(chosen, Family.IPV4)
    assert [name for name, one in found.items() if one.outcome == "pass"] == []


@pytest.mark.parametrize("wrong", [otherwise, elsewhere], ids=["answers", "state"])
def test_no_row_that_waits_passes_with_another_expectation(
    wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "SEEN", 1)  # what is seen once is seen: to wait three times is long
    chosen = [wrong(row) for row in rows.rows() if row.waits]  # type: ignore[operator]
    found = played(chosen, Family.IPV4)
    assert [name for name, one in found.items() if one.outcome != "fail"] == []


@pytest.mark.parametrize(
    ("name", "changed", "says"),
    [
        ("time-wait-runs/TIME_WAIT", {"info": {"timewait": 58}}, "timewait is 59, expected 58"),
        (
            "time-wait-fin-later/TIME_WAIT",
            {"info": {"timewait": 59}},
            "timewait is 60, expected 59",
        ),
        (
            "time-wait-ack-later/TIME_WAIT",
            {"info": {"timewait": 59}},
            "timewait is 60, expected 59",
        ),
        (
            "time-wait-rst-later/TIME_WAIT",
            {"info": {"timewait": 60}},
            "timewait is 59, expected 60",
        ),
        ("rst-exact/ESTABLISHED", {"reads": "EOF"}, "reads ECONNRESET, expected EOF"),
        ("rst-in-window/ESTABLISHED", {"counts": {"TCPChallengeACK": 2}}, "counts 1, expected 2"),
        ("rst-exact/ESTABLISHED", {"counts": {}}, "TcpEstabResets counts 1, expected none"),
        (
            "rst-exact/ESTABLISHED",
            {"counts": {"TcpEstabResets": 1, "TcpOutRsts": 1}},
            "TcpOutRsts counts 0, expected 1",
        ),
        ("call-send/ESTABLISHED", {"result": "4 bytes"}, "ends with 5 bytes, expected 4 bytes"),
        ("ack-all/ESTABLISHED sending", {"info": {"cwnd": 19}}, "cwnd is 20, expected 19"),
        ("data-again-first/ESTABLISHED bare", {"after": 0.5}, "s, expected 0.5 s"),
        ("data-again-first/ESTABLISHED bare", {"after": 0.02}, "s, expected 0.02 s"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_each_part_of_a_row_is_looked_at(
    name: str, changed: Mapping[str, object], says: str
) -> None:
    [row] = rows.choose([name])
    wrong = dataclasses.replace(row, **changed)  # type: ignore[arg-type]
    found = played([wrong], Family.IPV4)[name]
    assert found.outcome == "fail"
    assert says in found.problem


def test_a_kernel_that_is_told_otherwise_is_found_out() -> None:
    chosen = rows.choose(["listen-syn-all", "data-gap", "rst-exact/TIME_WAIT"])
    found = played(chosen, Family.IPV4, sysctls={"tcp_sack": "0", "tcp_rfc1337": "1"})
    assert problems(found) == {
        "listen-syn-all/LISTEN": "answers SYN|ACK ack=next+1 mss ts wscale, expected "
        "SYN|ACK ack=next+1 mss sack ts wscale",
        "data-gap/ESTABLISHED small": "answers ACK, expected ACK sack=next+1000:next+2000",
        "rst-exact/TIME_WAIT": "goes to TIME_WAIT, expected CLOSED",
    }


def test_a_segment_that_never_comes_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows.choose(["rst-exact/CLOSED"])
    assert played([row], Family.IPV6)[row.name].outcome == "pass"
    monkeypatch.setattr(Peer, "say", lambda peer, said: None)
    assert problems(played([row], Family.IPV6)) == {row.name: "the segment does not arrive"}


def test_a_state_that_is_not_reached_must_be_seen_so_again(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows.choose(["rst-exact/ESTABLISHED"])
    say, said = Peer.say, list[SaidSegment]()

    def lost_once(peer: Peer, segment: SaidSegment) -> None:
        said.append(segment)
        if len(said) > 1:
            say(peer, segment)

    monkeypatch.setattr(Peer, "say", lost_once)
    assert played([row], Family.IPV4)[row.name].outcome == "pass"
    monkeypatch.setattr(Peer, "say", lambda peer, segment: None)
    found = played([row], Family.IPV4)[row.name]
    assert (found.outcome, found.problem) == ("fail", "ESTABLISHED is not reached, but CLOSED")


def test_a_sysctl_that_this_kernel_lacks_is_a_skip() -> None:
    [row] = rows.choose(["rst-exact/ESTABLISHED"])
    lacking = dataclasses.replace(row, sysctls={"tcp_no_such_thing": "1"})
    found = played([lacking], Family.IPV4)[row.name]
    assert (found.outcome, found.problem) == (
        "skip",
        "this kernel has no sysctl net.ipv4.tcp_no_such_thing",
    )


def test_what_is_recorded_are_the_packets_of_the_row() -> None:
    [row] = rows.choose(["rst-in-window/ESTABLISHED"])
    found = played([row], Family.IPV6, recorded=True)[row.name]
    assert len([frame for frame in found.frames if frame.seen == "out"]) == 5
    assert played([row], Family.IPV6)[row.name].frames == ()


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("ack-long-ago/CLOSE_WAIT", ("TCP_TOO_OLD_ACK",)),
        ("fin-repeated/ESTABLISHED", ("TCP_OLD_DATA",)),
        ("data/ESTABLISHED", ()),
    ],
)
def test_what_is_recorded_has_the_kernels_reason_to_discard_a_segment(
    name: str, reasons: tuple[str, ...], netlab_family: Family
) -> None:
    known = tracing.tracer()
    if known is None or "skb/kfree_skb" in known.absent:
        pytest.skip("this kernel does not tell whose packet it discards")
    found = played(rows.choose([name]), netlab_family, recorded=True)[name]
    assert found.drops == reasons
    assert played(rows.choose([name]), netlab_family)[name].drops == ()


def test_an_answer_that_echoes_another_timestamp_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows.choose(["data/ESTABLISHED"])
    monkeypatch.setattr(Recent, "hear", lambda recent, answer: setattr(recent, "stamp", 1))
    found = played([row], Family.IPV4)[row.name]
    assert found.outcome == "fail"
    assert "answers ACK ack=next+5 echo=recent+" in found.problem
