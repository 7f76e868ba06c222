# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus is told: findings, in a bounded number of series, as its own library reads it."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netlab.model.errors import LabError, ScenarioError
from netlab.model.findings import Finding
from netlab.watch.changes import Changes
from netlab.watch.looks import WatchLook
from netlab.watch.metrics import (
    FILE,
    MOST_SERIES,
    Metrics,
    removed_at_the_end,
    series,
    served,
)

from .build import finding

LOOK = WatchLook(1234.5, 10_000, 0.05, None)


def after(*found: Finding) -> Metrics:
    """Those after one look that shows these findings."""
    changes, metrics = Changes(), Metrics()
    changes.look(0.0, found)
    metrics.update(LOOK, changes.standing)
    return metrics


def read(text: bytes) -> dict[tuple[str, ...], float]:
    """Each sample of netlab's own: its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name.startswith("netlab_")
    }


def test_all_that_is_told() -> None:
    nasty = 'a"b\\c\nd'
    assert read(after(finding(12), finding(3, "syn-lost", None, nasty)).text()) == {
        ("netlab_stuck_connections", "not-closed", "80", "app"): 12,
        ("netlab_stuck_connections", "syn-lost", "", nasty): 3,
        ("netlab_sockets",): 10_000,
        ("netlab_look_seconds",): 0.05,
        ("netlab_last_look_timestamp_seconds",): 1234.5,
        ("netlab_looks_total",): 1,
    }
    assert read(Metrics().text()) == {("netlab_looks_total",): 0}


def test_the_number_of_series_is_bounded_and_no_connection_is_left_out() -> None:
    changes = Changes()
    changes.look(0.0, [finding(2, port=port) for port in range(1, 301)])
    found = series(changes.standing)
    assert len(found) == MOST_SERIES + 1
    assert found["other", "other", "other"] == 2 * (300 - MOST_SERIES)
    changes.look(1.0, [finding(900, port=301), *(finding(2, port=port) for port in range(1, 301))])
    assert series(changes.standing).keys() == {*found}  # the first ones keep their place
    assert sum(series(changes.standing).values()) == 2 * 300 + 900


def test_it_is_served_and_the_port_is_free_afterwards() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"--prometheus 127.0.0.1:{port} cannot be listened at"):
            served(Metrics(), "127.0.0.1", port).__enter__()
    metrics = after(finding(12))
    for _ in range(2):
        with (
            served(metrics, "127.0.0.1", port),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            text = answer.read()
        assert read(text) == read(metrics.text())


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"--prometheus 999.9.9.9:9123: there is no such"):
        served(Metrics(), "999.9.9.9", 9123).__enter__()


def test_the_file_is_there_as_long_as_the_watch(tmp_path: Path) -> None:
    with removed_at_the_end(tmp_path / "new") as path:
        assert path == tmp_path / "new" / FILE
        assert not path.exists()
        path.write_bytes(after(finding(1)).text())
    assert [*(tmp_path / "new").iterdir()] == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ScenarioError, match="--textfile"):
        removed_at_the_end(tmp_path / "file").__enter__()
