# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudonyms of addresses."""

from __future__ import annotations

import ipaddress
import random
import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.diagnosis.rank import diagnose
from netlab.model.findings import Finding
from netlab.model.tcp import State
from netlab.snapshot import mask, rows, store
from netlab.snapshot.columns import ANY, RawSample
from netlab.snapshot.parse import read
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import ADDRESSES, raw
from .test_parse import OUTPUTS
from .test_store import SNAPSHOTS

UNSPECIFIED = (ANY, "0.0.0.0", "::")


@settings(deadline=None)
@given(st.lists(ADDRESSES, unique=True), st.sampled_from(["", "word"]))
def test_pseudonyms_keep_what_matters_and_nothing_else(addresses: list[str], word: str) -> None:
    found = mask.pseudonyms(addresses, word)
    assert len({*found}) == len(found)
    assert mask.pseudonyms(addresses, word) == found
    for address, pseudonym in zip(addresses, found, strict=True):
        if address in UNSPECIFIED:
            assert pseudonym == address
            continue
        before, after = ipaddress.ip_address(address), ipaddress.ip_address(pseudonym)
        assert before.version == after.version
        assert before.is_loopback == after.is_loopback
        assert before.is_link_local == after.is_link_local
        for other, its in zip(addresses, found, strict=True):
            if other not in UNSPECIFIED:
                assert (_subnet(address) == _subnet(other)) == (_subnet(pseudonym) == _subnet(its))


def _subnet(address: str) -> object:
    bits = 24 if "." in address else 64
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def test_the_same_word_gives_the_same_pseudonyms() -> None:
    addresses = ["192.0.2.1", "192.0.2.77", "198.51.100.1", "2001:db8::1", "2001:db8::2"]
    assert mask.pseudonyms(addresses, "word") == mask.pseudonyms(addresses, "word")
    assert mask.pseudonyms(addresses, "word") != mask.pseudonyms(addresses, "another")
    assert not {*addresses} & {*mask.pseudonyms(addresses, "word")}


#: By the word "word". The last ones have a subnet whose first pseudonym may be nobody's address:
#: 0.0.0.0/8, loopback, link-local, multicast and what is reserved. They get the next one that may.
KNOWN = {
    "192.0.2.1": "45.129.121.91",
    "192.0.2.77": "45.129.121.169",
    "198.51.100.1": "64.134.154.96",
    "169.254.7.9": "169.254.235.99",
    "fe80::1": "fe80::faaa:1ad7:6d53:2342",
    "fe80::1%eth0": "fe80::faaa:1ad7:6d53:2342",
    "2001:db8::7": "a2c7:f2cf:869:d866:c370:b7ff:f220:344d",
    "2001:db8::8": "a2c7:f2cf:869:d866:edbc:dfef:8b29:a277",
    "2001:db8:0:1::7": "c4cb:a993:2c61:ea25:f53b:3471:67d4:a759",
    "127.8.9.1": "127.8.9.1",
    "::1": "::1",
    ANY: ANY,
    "10.8.0.1": "1.177.5.223",
    "10.67.1.1": "223.174.105.36",
    "10.32.2.1": "108.163.245.3",
    "10.34.2.1": "144.117.20.222",
    "10.126.43.1": "222.244.246.209",
    "10.241.0.1": "85.159.168.167",
    "10.215.2.1": "9.184.85.109",
    "10.78.0.1": "81.227.124.0",
    "10.215.1.1": "4.196.58.134",
    "2001:db8:1b:1::1": "933a:215d:e8fe:32e2:b8e8:6a9d:716b:ac17",
    "2001:db8:1b::1": "39e1:59e4:ec5d:435f:e3cd:e8d0:78bb:4fd4",
}


def test_a_name_and_what_stands_for_an_address_have_pseudonyms_of_their_own() -> None:
    names = ["db1", "x.x.x.x", "10.xx.1.2", "<client>"]
    found = mask.pseudonyms(names, "word")
    assert len({*found}) == len(names)
    assert all(re.fullmatch("host-[0-9a-f]{12}", each) for each in found)
    assert mask.pseudonyms(names, "word") == found != mask.pseudonyms(names, "another")


def test_two_hosts_with_the_same_word_agree_whatever_their_netlab() -> None:
    """A connection is found at its other end by its addresses: these may never change."""
    assert dict(zip(KNOWN, mask.pseudonyms(KNOWN, "word"), strict=True)) == KNOWN


def test_without_a_word_two_processes_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mask.pseudonyms(["192.0.2.1"])
    assert mask.pseudonyms(["192.0.2.1"]) == ours
    assert len(mask._own_key()) == 32  # bytes: nobody tries them all
    monkeypatch.setattr(mask, "_KEYS", [])  # as another process begins
    assert mask.pseudonyms(["192.0.2.1"]) != ours


# --- how well addresses are hidden


def permuted(bits: int) -> list[tuple[int, int]]:
    """Numbers of so many bits, and what a key makes of them."""
    chosen = {random.Random(seed).randrange(1 << bits) for seed in range(4000)}
    return [(number, mask._permuted(number, bits, b"a key")) for number in chosen]


def share(whether: Iterable[bool]) -> float:
    """How often it is so."""
    times = Counter(whether)
    return times[True] / times.total()


@pytest.mark.parametrize("bits", [8, 16, 24, 64])
def test_no_half_of_a_number_can_be_read_in_its_pseudonym(bits: int) -> None:
    """After one round of a Feistel network the right half is the left one; after two, numbers with
    the same right half still differ as they did before.
    """
    half = bits // 2
    chance = 1.5 / (1 << min(half, 10)) + 0.05
    pairs = permuted(bits)
    low = (1 << half) - 1
    for before, after in ((0, 0), (0, half), (half, 0), (half, half)):
        assert share((a >> before) & low == (b >> after) & low for a, b in pairs) < chance
    same_right = [
        [mask._permuted(left << half | right, bits, b"a key") for left in (0, 1)]
        for right in range(min(4000, 1 << half))
    ]
    for shift in (0, half):
        kept = ((one >> shift ^ other >> shift) & low == 1 for one, other in same_right)
        assert share(kept) < 1.5 / (1 << min(half, 10)) + 0.2
    assert len({after for _, after in pairs}) == len(pairs)


def test_subnets_are_masked_as_hosts_are() -> None:
    """Of 2000 addresses hardly one keeps its subnet, any byte of it, or its own last byte."""
    chosen = random.Random(2)
    ours = [f"10.{chosen.randrange(256)}.{chosen.randrange(256)}.{chosen.randrange(1, 255)}"
            for _ in range(2000)]  # fmt: skip
    pairs = [
        (a.split("."), b.split(".")) for a, b in zip(ours, mask.pseudonyms(ours, "w"), strict=True)
    ]
    assert not any(a[:3] == b[:3] for a, b in pairs)
    for place in range(4):
        assert share(a[place] == b[place] for a, b in pairs) < 0.02


# --- the rest of a snapshot

SECRETS = ("nginx", "4711", "4712", "990017", "192.0.2.1", "198.51.100.7", "web1")
OWNED = 'users:(("nginx",pid=4711,fd=9),("nginx",pid=4712,fd=9),("sshd",pid=4711,fd=3))'
EVIL = 'users:(("",pid=1,fd=1)",pid=4711,fd=5))'  # a name of 13 characters


def test_no_name_and_no_number_of_a_process_is_left() -> None:
    sockets = tuple(
        Socket(State.CLOSE_WAIT, ("192.0.2.1", 80), ("198.51.100.7", port), 1, 0, inode=inode,
               owner=owner)
        for port, inode, owner in ((4000, 990017, OWNED), (4001, 990017, OWNED), (4002, 0, ""),
                                   (4003, 5, EVIL))
    )  # fmt: skip
    one, other = mask.masked([raw(Sample(sockets)), raw(Sample(sockets[1:]))], "word")
    text = store.to_json("", [one, other])
    assert not [secret for secret in SECRETS if secret in text]
    first, second = (sample.sockets for sample in store.from_json(text, "a").samples)
    assert [socket.inode for socket in first] == [1, 1, 0, 2]
    assert first[0].owner == (
        'users:(("process-1",pid=1,fd=9),("process-1",pid=2,fd=9),("process-2",pid=1,fd=3))'
    )
    assert [s.owner for s in second] == [s.owner for s in first[1:]]
    assert [s.remote[1] for s in first] == [4000, 4001, 4002, 4003]


def test_what_netstat_names_is_masked_in_its_own_form() -> None:
    sockets = tuple(
        Socket(State.CLOSE_WAIT, ("192.0.2.1", 80), ("198.51.100.7", port), 1, 0, owner=owner)
        for port, owner in (
            (4000, "4711/nginx: worker"),
            (4001, "4712/nginx: worker"),
            (4002, "-"),
            (4003, "4711/nginx: exiting"),  # the first one, which has another name by now
        )
    )
    (masked,) = mask.masked([raw(Sample(sockets))], "word")
    shown = rows.snapshot("a", [masked]).samples[0].sockets
    assert [each.owner for each in shown] == [
        "1/process-1",
        "2/process-1",
        "users:()",
        "1/process-2",
    ]


def found(samples: Iterable[RawSample]) -> Counter[object]:
    """What a diagnosis says, but for whom it names."""
    snapshot = rows.snapshot("a", [*samples])
    return Counter(map(_of, diagnose([snapshot]).findings))


def _of(finding: Finding) -> object:
    states = tuple(sorted(Counter(c.states for c in finding.connections).items()))
    return finding.cause, finding.also, round(finding.confidence, 6), finding.port, states


def _files() -> list[str]:
    """Those that are read without the command line that made them."""
    return [path.name for path in sorted(OUTPUTS.iterdir()) if "closewait" not in path.name]


@pytest.mark.parametrize("name", _files())
def test_a_masked_listing_has_the_same_findings(name: str) -> None:
    for snapshot in read((OUTPUTS / name).read_text(), name):
        samples = [raw(sample) for sample in snapshot.samples]
        assert found(mask.masked(samples, "word")) == found(samples)


@settings(deadline=None)
@given(SNAPSHOTS)
def test_any_masked_snapshot_has_the_same_findings(snapshot: Snapshot) -> None:
    samples = [raw(sample) for sample in snapshot.samples]
    assert found(mask.masked(samples, "word")) == found(samples)
