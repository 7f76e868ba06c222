# SPDX-License-Identifier: GPL-2.0-or-later
"""What is stuck, for Prometheus: over HTTP, or as a file for node_exporter's textfile collector.

Findings are counted, not states: by cause, port of the service, and name of the process. There are
at most `MOST_SERIES` of them, those that began first; what is beyond is in one series that has
``other`` for all three.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from netlab.model import files
from netlab.model.errors import LabError, ScenarioError
from netlab.model.watching import Standing
from netlab.watch.looks import WatchLook

MOST_SERIES = 100
LABELS = ("cause", "port", "process")
OTHER = ("other",) * len(LABELS)
FILE = "netlab.prom"
#: Seconds: an answer takes a dozen turns of the interpreter, and a look that goes on meanwhile may
#: keep each of them waiting for so long (Python's own value is 0.005).
TURN = 0.0005


class Metrics(Collector):
    """The figures of the last look, whole: a scrape never sees parts of two looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # its own CPU time and memory
        self._last: tuple[WatchLook, dict[tuple[str, ...], int]] | None = None
        self._looks = 0

    def update(self, look: WatchLook, standing: Sequence[Standing]) -> None:
        """Another look was taken, and these findings stand."""
        self._last = look, series(standing)
        self._looks += 1

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for at each scrape."""
        stuck = GaugeMetricFamily(
            "netlab_stuck_connections",
            "Connections that are stuck, by cause, port of the service, and process.",
            labels=LABELS,
        )
        last = self._last
        if last is not None:
            look, numbers = last
            for labels, number in numbers.items():
                stuck.add_metric(labels, number)
            yield _gauge("sockets", "TCP sockets at the last look.", look.sockets)
            yield _gauge("look_seconds", "Seconds that the last look took.", look.seconds)
            yield _gauge(
                "last_look_timestamp_seconds", "When the last look was, as a Unix time.", look.at
            )
        yield stuck
        yield CounterMetricFamily(
            "netlab_looks", "Looks since netlab watch was started.", value=self._looks
        )

    def text(self) -> bytes:
        """All of it, in the format that Prometheus reads."""
        return generate_latest(self.registry)


def series(standing: Sequence[Standing]) -> dict[tuple[str, ...], int]:
    """The connections of each series, by its labels; at most `MOST_SERIES` and one for the rest."""
    numbers: dict[tuple[str, ...], int] = {}
    for number, each in enumerate(standing):
        port = "" if each.key.port is None else str(each.key.port)
        labels = (each.key.cause, port, each.key.process) if number < MOST_SERIES else OTHER
        numbers[labels] = numbers.get(labels, 0) + each.number
    return numbers


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"netlab_{name}", says, value=value)


@contextlib.contextmanager
def served(metrics: Metrics, address: str, port: int) -> Iterator[None]:
    """Answer Prometheus at this address ('': all of them) while the body runs.

    Raises `ScenarioError` if there is no such address, `LabError` if the port cannot be had.
    """
    where = f"--prometheus {address}:{port}"
    try:
        server, thread = start_http_server(port, address or "0.0.0.0", metrics.registry)
    except socket.gaierror as error:
        raise ScenarioError(f"{where}: there is no such address: {error.strerror}") from None
    except OSError as error:
        raise LabError(f"{where} cannot be listened at: {error.strerror}") from None
    turn = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def removed_at_the_end(folder: Path) -> Iterator[Path]:
    """The file in a folder that node_exporter reads: a watch that is over stands for nothing.

    Raises as `netlab.model.files.prepare` does.
    """
    files.prepare(folder, "--textfile")
    path = folder / FILE
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
