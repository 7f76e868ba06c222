# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudonyms of addresses."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from netlab.snapshot import mask
from netlab.snapshot.columns import ANY

from .build import ADDRESSES

UNSPECIFIED = (ANY, "0.0.0.0", "::")


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
