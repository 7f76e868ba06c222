# SPDX-License-Identifier: GPL-2.0-or-later
"""Long listings: what is taken out of a text many rows at a time is what a careful reader reads."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netlab.diagnosis import judging, resting
from netlab.diagnosis.rank import diagnose
from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, ss_name
from netlab.snapshot import rows, store
from netlab.snapshot.columns import RawSample
from netlab.snapshot.crowd import Crowd, at_rest, changed, spelled_out
from netlab.snapshot.parse import bulk, file, read, read_file, ss_row
from netlab.snapshot.records import Sample, Snapshot, Socket

HEADING = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
HERE = ("10.1.0.1", "127.0.0.1", "[2001:db8::1]", "[::ffff:10.1.0.1]")
THERE = ("10.2.0.9", "10.2.0.10", "127.0.0.1", "10.1.0.1", "[2001:db8::9]", "[::1]")
MOVING = [state for state in State if state not in {State.CLOSED, State.LISTEN}]
FIGURES = (
    "\t ts sack cubic wscale:7,7 rto:{rto} rtt:0.1/0.2 mss:1448 cwnd:10 bytes_acked:{n}"
    " segs_out:{n} segs_in:{n} data_segs_out:{few} data_segs_in:{few} send 2Mbps lastsnd:{age}"
    " lastrcv:{age} lastack:{age} retrans:0/{few} rcv_space:14480 notsent:{few}{window}\n"
)


@pytest.fixture(autouse=True)
def of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read is long enough."""
    monkeypatch.setattr(bulk, "LEAST", 0)


def listing(seed: int, options: str, number: int = 300) -> str:
    """What ``ss`` with these options prints of a host, some of which talks to itself."""
    random = Random(seed)
    text = [HEADING]
    for port in (22, 443, 5432):
        text.append(f"LISTEN {random.choice([0, 0, 129])} 128 0.0.0.0:{port} 0.0.0.0:*\n")
    for client in range(number):
        own, other = random.choice(HERE), random.choice(THERE)
        ends = [f"{own}:{random.choice([443, 5432])}", f"{other}:{40000 + client}"]
        if random.randrange(3) == 0:
            ends = [f"{own}:{40000 + client}", f"{other}:{random.choice([443, 5432])}"]
        text.append(row(random, ends[0], ends[1], options))
        if random.randrange(2) and "127.0.0.1" in own + other:
            text.append(row(random, ends[1], ends[0], options))
    return "".join(text)


def row(random: Random, local: str, remote: str, options: str) -> str:
    """One connection."""
    calm = random.randrange(3) > 0
    state = random.choice([State.ESTABLISHED, State.TIME_WAIT] if calm else MOVING)
    queues = (0, 0) if calm else (random.choice([0, 1, 9000]), random.choice([0, 1, 9000]))
    line = f"{ss_name(state)} {queues[0]}   {queues[1]} {local}  {remote}"
    ended = state is State.TIME_WAIT
    if "p" in options and not ended and random.randrange(20):
        line += ' users:(("app",pid=7,fd=3))'
    if "o" in options and (ended or random.randrange(2)):
        kinds = ["keepalive,{}sec,0", "keepalive,{}sec,3", "on,{}sec,4", "persist,{}sec,2"]
        kind = "timewait,{}sec,0" if ended else random.choice(kinds)
        line += f" timer:({kind})".format(random.randrange(1, 60))
    if "e" in options:
        inode = 0 if ended or not random.randrange(9) else random.randrange(1, 9999)
        old = f" ino:{inode}" if inode else ""
        line += old if "E" in options else f" uid:33 ino:{inode} sk:{random.randrange(9999):x} <->"
    if "i" not in options or ended:
        return f"{line}\n"
    return f"{line}\n" + FIGURES.format(
        rto=random.choice([204, 3000]),
        n=random.randrange(1, 999),
        few=random.randrange(3),
        age=random.choice([0, 12, 4000, 900_000]),
        window=random.choice(["", " snd_wnd:64256"]),
    )


def told(snapshots: Sequence[Snapshot]) -> tuple[Any, ...]:
    """All that was read, and of what each connection is accused. (Other evidence may be shown:
    that is of the first of those that are alike.)
    """
    samples = [
        (sorted(map(repr, s.sockets)), s.source, s.whole, s.notes, s.at)
        for snapshot in snapshots
        for s in snapshot.samples
    ]
    diagnosis = diagnose(snapshots)
    causes = {
        (one.cause, frozenset(frozenset((each.local, each.remote)) for each in one.connections))
        for one in diagnosis.findings
    }
    return samples, causes, diagnosis.sockets, diagnosis.healthy, diagnosis.notes


def long(text: str) -> list[Snapshot]:
    """What is read of it by the way of long files."""
    return read_file(io.BytesIO(text.encode()), "pasted")


def is_crowd(snapshots: Sequence[Snapshot]) -> bool:
    """Whether rows were taken out of the text."""
    return any(isinstance(s.sockets, Crowd) for one in snapshots for s in one.samples)


@pytest.mark.parametrize("options", ["", "o", "e", "eE", "p", "op", "oe", "i", "oei", "oepi"])
@pytest.mark.parametrize("piece", [97, 4096, outside.PIECE])
def test_many_rows_at_a_time_are_what_they_are_one_by_one(
    options: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PIECE", piece)
    monkeypatch.setattr(bulk, "MANY", 7)
    text = listing(len(options) + piece, options)
    found = long(text)
    assert is_crowd(found)
    assert told(found) == told([*map(spelled_out, found)])
    assert told(found)[0] == told(read(text, "pasted"))[0]
    assert [*map(len, (found[0].samples[0].sockets, [*found[0].samples[0].sockets]))] == [
        text.count("\n") - 1 - text.count("\t")
    ] * 2


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: f"root@web1:~# ss -tanoei\n{text}root@web1:~# \n",
        lambda text: text.replace(HEADING, ""),
        lambda text: text + "ESTAB 0 0 10.1.0.1:443 10.2.0.9:5000",  # cut in the middle
        lambda text: text.replace(" rto:", "\n rto:", 3),  # broken by a terminal
        lambda text: text + "ESTAB 0 0 10.1.0.1%eth0:443 10.2.0.9:1\nUNCONN 0 0 *:1 *:*\n",
        lambda text: text + "ESTAB 0 0 [:::]:443 10.2.0.9:1\n",
        lambda text: text + "ESTAB 0 0 0.0.0.0:443 10.2.0.9:1\nESTAB 0 0 [2001:DB8::1]:4 [::]:9\n",
        lambda text: text + "ESTAB 0 0 [2001:0db8:0:0::1]:443 [1:0:0:2:0:0:0:3]:1\n",
        lambda text: f"it hangs since 10:00, see below\n\n{text}\nany ideas?\n",
        lambda text: text.replace("\nFIN", "\n\nFIN"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"```\n{text}```\n",
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: text.replace("0.0.0.0:443", "\u00e9:443"),
        lambda text: text + text,  # two looks
        lambda text: text + "".join(text.splitlines(True)[4:]),
        lambda text: f"web1:\n{text}web2:\n{text.replace('10.2.0', '10.3.0')}",
        lambda text: text + "#kernel\nTcpExtListenOverflows 7 0.0\n",
    ],
)  # fmt: skip
def test_whatever_else_is_in_the_text_is_read_alike(changed: Any) -> None:
    text = changed(listing(11, "oei", 40))
    assert told(long(text)) == told(read(text, "pasted"))


OTHERWISE: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.replace(HEADING, ""),
    lambda text: text[:-30],
    lambda text: f"{text}{HEADING}{text.replace('10.2.0', '10.3.0')}",  # a heading in the middle
    lambda text: text + text,
    lambda text: text.replace("\nFIN", "\n\nFIN"),
    lambda text: text.replace("10.2.0.10:", "10.2.0.10%eth0:"),
    lambda text: text.replace("10.2.0.10:", "10.2.999.10:"),
    lambda text: text.replace("[2001:db8::9]", "[2001:db8:::9]"),  # found only while it is divided
    lambda text: text.replace("0.0.0.0:443", "\u00e9:443"),
)


@pytest.mark.parametrize("otherwise", OTHERWISE)
@pytest.mark.parametrize(
    ("options", "piece"), [("", 97), ("", 4000), ("oei", 1000), ("oepi", 9000)]
)
def test_two_processes_read_what_one_does(
    otherwise: Callable[[str], str],
    options: str,
    piece: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "ss.txt"
    path.write_text(otherwise(listing(piece, options)))
    monkeypatch.setattr(outside, "PIECE", piece)
    monkeypatch.setattr(bulk, "MANY", 7)
    forks = forks_of_two_processors(monkeypatch)
    one = in_order(path)
    assert not forks
    monkeypatch.setattr(file, "FOR_TWO", 0)
    assert in_order(path) == one
    assert forks == ["forked"]


def test_one_process_judges_a_crowd_as_two_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ss.txt"
    for options in ("", "p", "oei"):
        path.write_text(listing(7, options).replace("[2001:db8::1]", "10.1.0.1"))
        with monkeypatch.context() as patch:
            patch.setattr(bulk, "MANY", 50)
            patch.setattr(judging, "SOME", 17)
            forks = forks_of_two_processors(patch)
            one = in_order(path)
            assert not forks
            patch.setattr(judging, "FOR_TWO", 0)
            patch.setattr(resting, "FOR_TWO", 1)
            assert in_order(path) == one
            assert forks == ["forked"] * 2


def in_order(path: Path) -> tuple[Any, ...]:
    """All that is read of a file, and said about it."""
    with path.open("rb") as opened:
        snapshots = read_file(opened, "pasted")
    samples = [
        (*map(repr, s.sockets), s.source, s.whole, s.notes, s.at)
        for snapshot in snapshots
        for s in snapshot.samples
    ]
    return samples, diagnose(snapshots).to_json()


def forks_of_two_processors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each fork from now on, on a machine that has two, whoever plays the tests."""
    forks: list[str] = []
    fork = os.fork

    def noted() -> int:
        forks.append("forked")
        return fork()

    monkeypatch.setattr(os, "fork", noted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    return forks


def test_a_row_has_the_figures_that_are_read_at_once() -> None:
    for seed in range(50):
        line = FIGURES.format(rto=204, n=seed, few=seed % 3, age=seed, window=" snd_wnd:5")
        said = f" timer:(on,1sec,2) skmem:(r0,d{seed}) {line.strip()}"
        figures, known = ss_row.RowFigures(said), ss_row.info(said)
        assert {**figures} == known
        begin = len(before := " mss:7 sacked:3\n")
        among = ss_row.RowFigures(f"{before}{said}\n rto:9 backoff:2", begin, begin + len(said))
        assert {**among} == known == {name: among.get(name) for name in known}
        assert [among.get(name) for name in ("sacked", "backoff")] == [None, None]
        assert {name: figures.get(name) for name in known} == known
        assert [name in figures for name in (*known, "nothing")] == [True] * len(known) + [False]
        assert figures.get("nothing", 5) == 5
    assert not ss_row.RowFigures(" uid:33 ino:7")
    assert not ss_row.RowFigures(" uid:33 ino:7\n rto:1", 0, 13)
    assert ss_row.RowFigures(" rto:1\n rto:2 mss:5", 7, 12).get("rto") is None
    assert (
        ss_row.RowFigures(" mss:1 mss:2 cwnd:x").get("mss")
        == 1
        == ss_row.info("mss:1 mss:2")["mss"]
    )


@pytest.mark.parametrize(
    "figures",
    ["lastrcv:50 lastack:3", "lastrcv:2 lastack:30", "lastrcv:5", "lastack:7",
     "lastack:1 lastrcv:2", "lastrcv:8 app_limited lastack:6",
     "lastrcv:99999999999 lastack:99999999999", ""],
)  # fmt: skip
def test_when_a_row_at_rest_was_heard(figures: str) -> None:
    some = "".join(
        f"ESTAB 0 0 10.1.0.1:443 10.2.0.9:{port} ino:{port} sk:1\n"
        f"\t cubic rto:204 {figures} mss:{10 ** (port % 5)}\n"
        for port in range(4000, 4009)
    )
    crowd = long(HEADING + some)[0].samples[0].sockets
    assert isinstance(crowd, Crowd)
    assert crowd.batches
    for batch in crowd.batches:
        known = [(s.info.get("lastrcv", 0), s.info.get("lastack", 0)) for s in batch.sockets()]
        assert batch.rows().heard == [min(*both, (bulk.UNKNOWN - 1) / 1000) for both in known]


@pytest.mark.parametrize(("timer", "inode", "rests"), [
    ("", 7, True), ("timer:(keepalive,9sec,0)", 7, True), ("timer:(keepalive,9sec,1)", 7, False),
    ("timer:(on,2sec,0)", 7, False), ("", 0, False), ("", "07", True),
])  # fmt: skip
def test_a_row_that_sends_or_probes_or_is_an_orphan_does_not_rest(
    timer: str, inode: object, rests: bool
) -> None:
    some = (
        f"ESTAB 0 0 10.1.0.1:443 10.2.0.9:{port} {timer} ino:{inode} sk:1\n"
        for port in range(4000, 4009)
    )
    crowd = long(HEADING + "".join(some))[0].samples[0].sockets
    assert isinstance(crowd, Crowd)
    assert bool(crowd.batches) is rests


@pytest.mark.parametrize("seed", range(5))
def test_of_a_snapshot_with_many_those_at_rest_stay_columns(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (careful,) = read(listing(seed, "oei"), "web1")
    looks = [
        RawSample(rows.table([*sample.sockets]), at=5.0 * number)
        for number, sample in enumerate([careful.samples[0], *careful.samples])
    ]
    text = store.to_json("web1", looks)
    small = read(text, "web1")
    monkeypatch.setattr(rows, "MANY", 0)
    monkeypatch.setattr(rows, "EACH", 11)
    large = read(text, "web1")
    assert is_crowd(large)
    assert not is_crowd(small)
    assert told(large) == told([*map(spelled_out, large)])
    assert told(large)[0] == told(small)[0]
    crowd = large[0].samples[-1].sockets
    assert isinstance(crowd, Crowd)
    assert {*map(at_rest, crowd.restless)} == {False}
    assert all(at_rest(socket) for batch in crowd.batches for socket in batch.sockets())
    assert crowd[0] == crowd.restless[0]
    assert crowd[-2:] == [*crowd][-2:]


def test_listeners_of_a_crowd_get_names() -> None:
    sockets = long(listing(6, "oei"))[0].samples[0].sockets
    named = changed(sockets, _named)
    assert isinstance(named, Crowd)
    assert len(named) == len(sockets) == len([*named])
    assert {one.state for one in named if one.owner == "x"} == {State.LISTEN}
    assert {one.owner for one in named if one.state is State.LISTEN} == {"x"}
    assert [*changed(tuple(sockets), _named)] == [*named]


def _named(socket: Socket) -> Socket:
    return replace(socket, owner="x") if socket.state is State.LISTEN else socket


def test_two_hosts_with_many_sockets_are_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is at rest at one host is the other end of what is not at the other."""
    text = listing(3, "oei").replace("127.0.0.1", "10.1.0.7")
    swapped = "".join(_turned(line) for line in text.splitlines(keepends=True))
    both = [*long(text), *long(swapped)]
    assert is_crowd(both)
    assert told(both) == told([*map(spelled_out, both)])
    assert told(both)[0] == told([*read(text, "pasted"), *read(swapped, "pasted")])[0]


def _turned(line: str) -> str:
    words = line.split(" ")
    ends = [number for number, word in enumerate(words) if ":" in word and "(" not in word][:2]
    if line.startswith(("State", "LISTEN", "\t")):
        return line
    words[ends[0]], words[ends[1]] = words[ends[1]], words[ends[0]]
    return " ".join(words)


def test_ports_that_run_out_are_seen_in_a_crowd() -> None:
    rows_of_one = [f"TIME-WAIT 0 0 10.1.0.1:{port} 10.2.0.9:443\n" for port in range(32768, 60999)]
    text = HEADING + "".join(rows_of_one) + listing(4, "")[len(HEADING) :]
    assert told(long(text)) == told(read(text, "pasted"))
    assert "ports-exhausted" in {one.cause for one in diagnose(long(text)).findings}


def test_a_listing_may_be_larger_than_another_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = listing(5, "oei")
    monkeypatch.setattr(outside, "PIECE", 1000)
    monkeypatch.setattr(file, "LARGEST", len(text) // 2)
    assert told(long(text)) == told(read(text, "pasted"))
    monkeypatch.setattr(file, "LARGEST_LISTING", len(text) - 1)
    with pytest.raises(ScenarioError, match="is larger than"):
        long(text)
    monkeypatch.setattr(file, "LARGEST_LISTING", 1 << 30)
    with pytest.raises(ScenarioError, match=r"is larger than .*nothing but one listing"):
        long(text + text)
    monkeypatch.setattr(bulk, "MOST_LEFT", 200)
    with pytest.raises(ScenarioError, match=r"is larger than .*nothing but one listing"):
        long("these are words, and no rows of ss\n" * 3000)


@pytest.mark.parametrize("again", [1, 2])  # one listing, and several, which are read anew
def test_a_file_is_read_from_where_it_stands(again: int) -> None:
    before, text = listing(7, ""), listing(8, "oei") * again
    file = io.BytesIO((before + text).encode())
    file.seek(len(before))
    assert told(read_file(file, "pasted")) == told(read(text, "pasted"))


def test_a_sample_with_few_is_a_tuple() -> None:
    assert isinstance(read(listing(1, ""), "x")[0].samples[0].sockets, tuple)
    assert isinstance(
        rows.sockets(rows.table(read(listing(1, ""), "x")[0].samples[0].sockets)), tuple
    )
    assert spelled_out(Snapshot((Sample(()),))) == Snapshot((Sample(()),))


@pytest.mark.parametrize("command", ["ss -tan", "ss -tanp", "ss -tanop", "ss -tanoip"])
def test_a_row_that_hides_what_was_asked_for_is_read_alike(command: str) -> None:
    """In FIN_WAIT2 there is a timer or a process."""
    bare = "FIN-WAIT-2 0      0      10.1.0.1:{}  10.2.0.9:443{}\n"
    rows = [bare.format(port, behind) for port, behind in enumerate(["", "  ", "  # why?"], 5000)]
    others = listing(9, "p" if command.endswith("p") else "")
    text = f"$ {command}\n{others}{''.join(rows)}LISTEN 0 9 *:9 *:*\n"
    found = long(text)
    assert is_crowd(found)
    assert told(found)[0] == told(read(text, "pasted"))[0]
    hidden = [note for note in found[0].samples[0].notes if "timer and its process" in note]
    assert len(hidden) == ({"o", "p"} <= {*command})
