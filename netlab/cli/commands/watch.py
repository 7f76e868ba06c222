# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab watch``: what gets stuck on a host and what comes free, told once, as it happens."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netlab import extras
from netlab.cli.shared.options import Commands, note, seconds
from netlab.model import files
from netlab.model.errors import NetlabError
from netlab.model.text import printable
from netlab.render import watching
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.cli.shared.output import Output
    from netlab.cli.shared.stopping import Stop
    from netlab.model.watching import Happened
    from netlab.watch.changes import Changes
    from netlab.watch.looks import WatchLook
    from netlab.watch.metrics import Metrics

EPILOG = """\
examples:
  netlab watch                              this host, a look every ten seconds
  netlab watch --every 2s --for 1h          more often, and only for an hour
  netlab watch --netns 4711                 the namespace of a process, as in a container
  netlab watch --json > stuck.jsonl         one object a line
  netlab watch --prometheus :9123           also answers a Prometheus, at all addresses
  netlab watch --prometheus 127.0.0.1:9123  at this one only
  netlab watch --textfile /var/lib/node     a file there for node_exporter

A finding is told when it begins, when its connections have doubled or have one more digit, and
when it has been gone for two looks. Prometheus gets its connections, by cause, port of the
service, and process, in at most 100 series:
  netlab_stuck_connections{cause="not-closed",port="8080",process="app"} 12

exit codes: 0 ended by Ctrl-C, SIGTERM or --for, 2 bad usage or no such namespace, 3 only root may
look there, or the port or the folder cannot be used
"""
#: Seconds: the least between two looks, since progress is judged by two of them.
LEAST = 1.0
COLLECTED = 100  # looks after which cycles of the libraries are freed
GLANCE = 0.5  # seconds between two checks whether somebody wants it to end


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "watch",
        help="what gets stuck and what comes free, as it happens; also for Prometheus",
        description="Look at the TCP sockets of a host every few seconds, and say what has begun "
        "to be stuck, what has grown, and what has ended.",
        epilog=EPILOG,
    )
    command.add_argument(
        "--every", type=_every, default=10.0, metavar="TIME", help="between two looks (10s)"
    )
    command.add_argument("--for", dest="lasting", type=_lasting, metavar="TIME", help="then end")
    command.add_argument(
        "--netns",
        metavar="FILE|PID",
        help="another namespace: a file, a process, or a name of 'ip netns'",
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.add_argument(
        "--prometheus",
        type=_address,
        metavar="[ADDRESS]:PORT",
        help="answer a Prometheus here, at /metrics",
    )
    command.add_argument(
        "--textfile",
        type=Path,
        metavar="DIR",
        help="write netlab.prom there at each look, for node_exporter; removed at the end",
    )
    command.set_defaults(main=main)


def _lasting(text: str) -> float:
    hours = text.removesuffix("h")
    return float(hours) * 3600 if text != hours and hours.isdecimal() else seconds(text)


def _every(text: str) -> float:
    found = seconds(text)
    if found < LEAST:
        raise argparse.ArgumentTypeError(f"expected {LEAST:.0f}s or more; found {text!r}")
    return found


def _address(text: str) -> tuple[str, int]:
    address, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise argparse.ArgumentTypeError(
            f"expected a port with or without an address, such as :9123; found {text!r}"
        )
    return address.strip("[]"), int(port)


def main(options: argparse.Namespace) -> int:
    """Look until somebody or the time ends it."""
    from netlab.cli.shared.output import Output
    from netlab.cli.shared.stopping import stopping
    from netlab.snapshot import places

    with stopping() as stop, contextlib.ExitStack() as stack:
        # The address is one of this namespace, whichever is looked at.
        published = stack.enter_context(_published(options))
        place = places.of_netns(options.netns) if options.netns else places.here()
        stack.enter_context(places.inside(place))
        output = Output(sys.stdout)
        output.start()
        teller: _Teller = (_Json if options.json else _Text)(output, options)
        stack.enter_context(_without_collecting())
        _watch(options, stop, teller, published)
        output.finish(lambda: stop.asked)
    return 0


# --- the looks


def _watch(options: argparse.Namespace, stop: Stop, teller: _Teller, metrics: _Published) -> None:
    from netlab import scheduler
    from netlab.watch.changes import Changes
    from netlab.watch.looks import LiveLooks

    looks, changes = LiveLooks(), Changes()
    began = scheduler.now()
    end = math.inf if options.lasting is None else began + options.lasting
    taken = 0

    def over() -> bool | None:
        return stop.asked or teller.gone or None

    while not over():
        look = looks.look()
        told = changes.look(look.at, look.findings()) if look.diagnosis else []
        taken += 1
        if taken % COLLECTED == 0:
            gc.collect()
        if taken == 1:
            teller.begin(look)
        for change in told:
            teller.tell(change)
        metrics.update(look, changes)
        due = _next(began, options.every, scheduler.now())
        scheduler.wait(over, min(due, end), again=lambda: scheduler.now() + GLANCE)
        if due > end and scheduler.now() >= end:
            break
    teller.end(scheduler.now() - began, taken, changes)


def _next(began: float, every: float, now: float) -> float:
    """When the next look is due: looks that are late do not move those after them."""
    return began + (math.floor((now - began) / every) + 1) * every


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """No look makes reference cycles, and to go through its many objects holds up who asks."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# --- what is told


class _Teller(Protocol):
    """Who tells a person or a program."""

    @property
    def gone(self) -> bool:
        """Whether nobody reads it any more."""

    def begin(self, look: WatchLook) -> None:
        """The first look was taken."""

    def tell(self, change: Happened) -> None:
        """Something changed."""

    def end(self, seconds: float, looks: int, changes: Changes) -> None:
        """The watch is over, after so many seconds."""


class _Text:
    """Lines for a person."""

    def __init__(self, output: Output, options: argparse.Namespace) -> None:
        self._output, self._options = output, options
        self._style = Style.of(sys.stdout)

    @property
    def gone(self) -> bool:
        return self._output.gone

    def begin(self, look: WatchLook) -> None:
        host, every = _host(self._options), self._options.every
        self._write(watching.heading(host, look.sockets, every, self._style))

    def tell(self, change: Happened) -> None:
        self._write(watching.change(change, self._style))

    def end(self, seconds: float, looks: int, changes: Changes) -> None:
        counts = changes.began, changes.ended
        self._write(watching.summary(seconds, looks, counts, changes.standing, self._style))

    def _write(self, text: str) -> None:
        self._output.write(f"{text}\n")


class _Json:
    """Objects for a program."""

    def __init__(self, output: Output, options: argparse.Namespace) -> None:
        self._output, self._options = output, options

    @property
    def gone(self) -> bool:
        return self._output.gone

    def begin(self, look: WatchLook) -> None:
        self._write(
            event="watching",
            at=look.at,
            host=_host(self._options),
            sockets=look.sockets,
            every=self._options.every,
        )

    def tell(self, change: Happened) -> None:
        self._write(**change.to_json())

    def end(self, seconds: float, looks: int, changes: Changes) -> None:
        self._write(
            event="summary",
            seconds=round(seconds, 3),
            looks=looks,
            began=changes.began,
            ended=changes.ended,
            standing=[each.to_json() for each in changes.standing],
        )

    def _write(self, **values: Any) -> None:
        self._output.write(json.dumps(values, ensure_ascii=False) + "\n")


def _host(options: argparse.Namespace) -> str:
    name = os.uname().nodename
    return printable(f"{name} {options.netns}" if options.netns else name)


# --- what others read


@contextlib.contextmanager
def _published(options: argparse.Namespace) -> Iterator[_Published]:
    """For Prometheus, where that was asked for."""
    option = "--prometheus" if options.prometheus else "--textfile" if options.textfile else ""
    if not option:
        yield _Published()
        return
    extras.require("watch", option)
    from netlab.watch import metrics

    with contextlib.ExitStack() as stack:
        figures, file = metrics.Metrics(), None
        if options.textfile:
            file = stack.enter_context(metrics.removed_at_the_end(options.textfile))
        if options.prometheus:
            stack.enter_context(metrics.served(figures, *options.prometheus))
        yield _Published(figures, file)


class _Published:
    """What others read of a watch: nothing, unless it was asked for."""

    def __init__(self, metrics: Metrics | None = None, file: Path | None = None) -> None:
        self._metrics, self._file = metrics, file
        self._trouble = ""

    def update(self, look: WatchLook, changes: Changes) -> None:
        """Another look was taken. A file that cannot be written is told once, and tried again."""
        if self._metrics is None:
            return
        self._metrics.update(look, changes.standing)
        if self._file is None:
            return
        try:
            files.write(self._file, self._metrics.text(), "--textfile")
            self._trouble = ""
        except NetlabError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                note(self._trouble)
