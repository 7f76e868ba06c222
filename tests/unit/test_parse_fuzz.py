# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is pasted becomes snapshots or the one clear error: never a traceback."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from netlab.diagnosis import masking, store
from netlab.diagnosis.columns import column
from netlab.diagnosis.parse import read
from netlab.diagnosis.records import ANY, Look, Snapshot, Socket
from netlab.errors import ScenarioError
from netlab.tcp import State, Timer

from .test_parse import OUTPUTS

SAMPLES = [path.read_bytes().decode() for path in sorted(OUTPUTS.iterdir())]
WORDS = st.sampled_from(
    [word for text in SAMPLES for word in text.split()[:60]]
    + ["ESTAB", "tcp", "tcp6", "LISTEN", "0", "-1", "*:*", "[::]:*", ":::*", "users:((", "timer:(",
       "timer:(on,,)", "0A", "0:", "00000000:0000", "TcpExt:", "root@a:~#", "$", ">", "===", "{",
       "٣", "9" * 5000, "1.2.3.4:99999999999999999999", "[fe80::1]%:1", "\x1b[1m", "\0"]
)  # fmt: skip
LINES = st.lists(WORDS, max_size=12).map(" ".join)


def becomes_snapshots_or_the_error(text: str) -> None:
    try:
        found = read(text, "pasted")
    except ScenarioError:
        return
    assert found
    for snapshot in found:
        assert store.from_json(store.to_json("pasted", store.taken(snapshot)), "pasted")


@given(st.text())
def test_any_text(text: str) -> None:
    becomes_snapshots_or_the_error(text)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_words_of_the_tools_in_any_order(text: str) -> None:
    becomes_snapshots_or_the_error(text)


@given(st.sampled_from(SAMPLES), st.data())
def test_outputs_with_something_wrong(text: str, data: st.DataObject) -> None:
    """A piece cut out of a genuine output, and something else in its place."""
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 200)))
    other = data.draw(st.one_of(st.just(""), st.text(max_size=20), LINES))
    becomes_snapshots_or_the_error(text[:begin] + other + text[end:])


@given(st.sampled_from(SAMPLES), st.integers(0))
def test_outputs_that_end_anywhere(text: str, end: int) -> None:
    becomes_snapshots_or_the_error(text[: end % (len(text) + 1)])


# --- files

ADDRESSES = st.one_of(
    st.just(ANY), st.ip_addresses(v=4).map(str), st.sampled_from(["::1", "fe80::1", "2001:db8::7"])
)
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
LOOKS = st.builds(
    Look,
    st.lists(SOCKETS, max_size=8).map(tuple),
    st.dictionaries(st.sampled_from(["TCPTimeouts", "TcpOutRsts"]), st.integers(0, 1 << 63)),
    st.dictionaries(st.just("tcp_fin_timeout"), st.just("60")),
    st.one_of(st.none(), st.integers(0, 1 << 31).map(float)),
    st.just("ss -tan"),
)
SNAPSHOTS = st.builds(Snapshot, st.lists(LOOKS, min_size=1, max_size=2).map(tuple), st.just("web1"))


@given(SNAPSHOTS)
def test_a_snapshot_survives_its_file(snapshot: Snapshot) -> None:
    again = store.from_json(store.to_json(snapshot.name, store.taken(snapshot)), "file")
    for look, before in zip(again.looks, snapshot.looks, strict=True):
        assert sorted(map(_sorted, look.sockets)) == sorted(map(_sorted, before.sockets))
    assert [(look.counters, look.sysctls, look.at) for look in again.looks] == [
        (look.counters, look.sysctls, look.at) for look in snapshot.looks
    ]


def _sorted(each: Socket) -> str:
    return repr(replace(each, info=dict(sorted(each.info.items()))))


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
    document = json.loads(store.to_json("web1", store.taken(snapshot)))
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


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=5))
def test_a_column_is_one_value_where_all_are_the_same(values: list[int]) -> None:
    assert column(values) == (values[0] if len({*values}) == 1 else values)


# --- masks


@given(st.lists(ADDRESSES, unique=True), st.sampled_from(["", "word"]))
def test_pseudonyms_keep_what_matters_and_nothing_else(addresses: list[str], word: str) -> None:
    found = masking.masked(addresses, word)
    assert len({*found}) == len(found)
    assert masking.masked(addresses, word) == found
    for address, pseudonym in zip(addresses, found, strict=True):
        if address == ANY:
            assert pseudonym == ANY
            continue
        before, after = ipaddress.ip_address(address), ipaddress.ip_address(pseudonym)
        assert before.version == after.version
        assert before.is_loopback == after.is_loopback
        assert before.is_link_local == after.is_link_local
        for other, its in zip(addresses, found, strict=True):
            if other != ANY:
                assert (_subnet(address) == _subnet(other)) == (_subnet(pseudonym) == _subnet(its))


def _subnet(address: str) -> object:
    bits = 24 if "." in address else 64
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def test_the_same_word_gives_the_same_pseudonyms() -> None:
    addresses = ["192.0.2.1", "192.0.2.77", "198.51.100.1", "2001:db8::1", "2001:db8::2"]
    assert masking.masked(addresses, "word") == masking.masked(addresses, "word")
    assert masking.masked(addresses, "word") != masking.masked(addresses, "another")
    assert not {*addresses} & {*masking.masked(addresses, "word")}
