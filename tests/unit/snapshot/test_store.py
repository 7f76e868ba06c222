# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of snapshots: what is written is read again, and whatever is wrong is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, Timer
from netlab.snapshot import store
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import ADDRESSES, becomes_snapshots_or_the_error, stored

ENDS = st.tuples(ADDRESSES, st.integers(0, 65535))
COUNTS = st.one_of(st.none(), st.integers(0, 1 << 31))
SOCKETS = st.builds(
    Socket,
    st.sampled_from(State),
    ENDS,
    ENDS,
    st.integers(0, 1 << 31),
    st.integers(0, 1 << 31),
    st.one_of(st.none(), st.sampled_from(Timer)),
    st.one_of(st.none(), st.integers(0, 100_000).map(lambda ms: ms / 1000)),
    COUNTS,
    COUNTS,
    COUNTS,
    st.sampled_from(["", 'users:(("a b",pid=1,fd=3))', "1/ä"]),
    st.dictionaries(
        st.sampled_from(["mss", "cwnd", "unacked", "bytes_acked"]), st.integers(0, 1 << 63)
    ),
)
MOMENTS = st.builds(
    Sample,
    st.lists(SOCKETS, max_size=8).map(tuple),
    st.dictionaries(st.sampled_from(["TCPTimeouts", "TcpOutRsts"]), st.integers(0, 1 << 63)),
    st.dictionaries(st.just("tcp_fin_timeout"), st.just("60")),
    st.one_of(st.none(), st.integers(0, 1 << 31).map(float)),
    st.just("ss -tan"),
    st.just(()),
    st.booleans(),
    st.dictionaries(st.sampled_from(State), st.integers(0, 1 << 31)),
)
SNAPSHOTS = st.builds(
    Snapshot, st.lists(MOMENTS, min_size=1, max_size=2).map(tuple), st.just("web1")
)


@given(SNAPSHOTS)
def test_a_snapshot_survives_its_file(snapshot: Snapshot) -> None:
    again = store.from_json(stored(snapshot), "file")
    for sample, before in zip(again.samples, snapshot.samples, strict=True):
        assert sorted(map(_sorted, sample.sockets)) == sorted(map(_sorted, before.sockets))
    assert [*map(_beside_sockets, again.samples)] == [*map(_beside_sockets, snapshot.samples)]


def _beside_sockets(sample: Sample) -> object:
    return sample.counters, sample.sysctls, sample.at, sample.whole, sample.counts


def test_a_file_of_an_older_netlab_is_whole() -> None:
    document = json.loads(stored(Snapshot((Sample(()),), "web1")))
    (look,) = document["looks"]
    del look["whole"], look["counts"]
    (sample,) = store.from_json(json.dumps(document), "file").samples
    assert (sample.whole, sample.counts) == (True, {})


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("whole", 1, "'whole' is neither true nor false"),
        ("counts", {"OPEN": 3}, "'counts' has 'OPEN', which is no state"),
        ("counts", {"LISTEN": "3"}, "'counts' is not an object of int values"),
    ],
)
def test_what_is_no_word_or_no_count_is_refused(key: str, value: object, why: str) -> None:
    document = json.loads(stored(Snapshot((Sample(()),), "web1")))
    document["looks"][0][key] = value
    with pytest.raises(ScenarioError, match=why):
        store.from_json(json.dumps(document), "file")


def test_what_a_terminal_would_obey_is_written_out() -> None:
    owner = 'users:(("a\x1b[2J\x1b]0;x\x07",pid=1,fd=3))'
    socket = Socket(
        State.CLOSE_WAIT, ("10.0.0.1", 80), ("10.0.0.2", 4000), 0, 0, inode=1, owner=owner
    )
    again = store.from_json(stored(Snapshot((Sample((socket,)),), "web\x9b1")), "a.json")
    assert again.name == r"web\x9b1"
    (kept,) = again.samples[0].sockets
    assert kept.owner == r'users:(("a\x1b[2J\x1b]0;x\x07",pid=1,fd=3))'


def _sorted(socket: Socket) -> str:
    return repr(replace(socket, info=dict(sorted(socket.info.items()))))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(SNAPSHOTS, st.data())
def test_a_file_with_something_wrong_is_refused(snapshot: Snapshot, data: st.DataObject) -> None:
    """Anything anywhere in a file replaced by anything else."""
    document = json.loads(stored(snapshot))
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = inner
    becomes_snapshots_or_the_error(json.dumps(document))
