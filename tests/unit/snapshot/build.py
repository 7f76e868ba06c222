# SPDX-License-Identifier: GPL-2.0-or-later
"""What several tests of snapshots need."""

from __future__ import annotations

from hypothesis import strategies as st

from netlab.model.errors import ScenarioError
from netlab.snapshot import rows, store
from netlab.snapshot.columns import ANY, RawSample
from netlab.snapshot.parse import read
from netlab.snapshot.records import Sample, Snapshot

ADDRESSES = st.one_of(
    st.just(ANY), st.ip_addresses(v=4).map(str), st.sampled_from(["::1", "fe80::1", "2001:db8::7"])
)


def raw(sample: Sample) -> RawSample:
    """A sample in columns."""
    table = rows.table(sample.sockets)
    return RawSample(
        table,
        sample.counters,
        sample.sysctls,
        sample.at,
        sample.source,
        sample.whole,
        sample.counts,
    )


def stored(snapshot: Snapshot) -> str:
    """A snapshot as its file."""
    return store.to_json(snapshot.name, [raw(sample) for sample in snapshot.samples])


def becomes_snapshots_or_the_error(text: str) -> None:
    """A text is read, and so is the file of what was read; or it is refused."""
    try:
        snapshots = read(text, "pasted")
    except ScenarioError:
        return
    assert snapshots
    for snapshot in snapshots:
        assert store.from_json(stored(snapshot), "pasted")
