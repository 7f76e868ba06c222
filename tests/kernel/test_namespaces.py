# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces: all are given back to the kernel, and hundreds of labs can have theirs at once."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.linux import closing, namespace, privileges
from netlab.linux.closing import LIMIT
from netlab.model.tcp import SYN
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, needs
from netlab.testbed.lab import Lab

from . import tools
from .runs import AT_ONCE, Runs

LABS = 500
#: Descriptors of one lab, and some for everything else.
EACH, BESIDES = 20, 200
#: Where a FIN is lost, an orphan keeps its namespace until the kernel gives it up. Measured: most
#: are gone after 107 s (eight retransmissions, tcp_orphan_retries), and the last one after 180 s.
ORPHANS = 240.0


class Place:
    """A user namespace of the test's own, where network namespaces are limited.

    No list shows a namespace that no process holds. So the kernel is given a limit that is just
    enough for one run: a single namespace that was left behind would be one too many.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        places = [f"--{kind}=/proc/{process.pid}/ns/{kind}" for kind in ("user", "net")]
        self.entry = [tools.program("nsenter"), *places, "--preserve-credentials"]
        #: What is played here: all that has a lab, and tries nothing in another one before.
        self.names = [
            each.name
            for each in catalogue.everything(slow=False)
            if each.family in (None, Family.IPV4) and not any(map(needs.is_tried, each.needs))
        ]
        self.few = self.names[:1]

    def needed(self, names: Sequence[str]) -> int:
        """Network namespaces: the place's, the parent of all labs, and two ends each."""
        return 2 + 2 * len(names)

    def limit(self, number: int) -> None:
        """From now on, there may be so many network namespaces."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "\n", "a limit could not be set"


@pytest.fixture
def place() -> Iterator[Place]:
    script = "while read limit; do echo $limit >/proc/sys/user/max_net_namespaces && echo; done"
    enter = [tools.program("unshare"), "--user", "--map-root-user", "--net", "sh", "-c", script]
    with subprocess.Popen(
        enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Place(process)
        finally:
            process.kill()


@pytest.fixture
def runs(tmp_path: Path, mark: str, place: Place) -> Runs:
    return Runs(tmp_path, mark, place.entry)


def test_a_run_that_ends_by_itself_gives_all_its_namespaces_back(place: Place, runs: Runs) -> None:
    place.limit(place.needed(place.names))
    code, printed = runs.finish(*place.names)
    assert code == 0, printed
    # Whatever was left behind would be one too many for a run of one scenario, too.
    place.limit(place.needed(place.few))
    assert passes(runs, place.few, tools.PATIENCE)
    place.limit(place.needed(place.few) - 1)
    code, printed = runs.finish(*place.few)
    assert code == 3, "the limit is not tight: this test could not fail"


@pytest.mark.skipif("NETLAB_KILLS" not in os.environ, reason="takes minutes: set NETLAB_KILLS=100")
@pytest.mark.timeout(3600)
def test_a_run_that_is_killed_gives_all_its_namespaces_back(place: Place, runs: Runs) -> None:
    place.limit(place.needed(place.names) * 1000 * AT_ONCE)
    runs.kill_many()
    place.limit(place.needed(place.few))
    assert passes(runs, place.few, ORPHANS)


def passes(runs: Runs, names: Sequence[str], patience: float) -> bool:
    """Whether a run passes within so many seconds: the kernel takes its time to clean up."""

    def attempt() -> bool | None:
        code, _ = runs.finish(*names)
        return True if code == 0 else None

    return bool(scheduler.wait(attempt, scheduler.now() + patience))


class Ends:
    """Learns of the end of namespaces: the kernel says when the number is free again that one was
    given (RTM_DELNSID, ``net/core/net_namespace.c``).
    """

    NEW, DELETED, GROUP = 88, 89, 28  # RTM_NEWNSID, RTM_DELNSID, RTNLGRP_NSID
    FIRST = 1 << 20
    MESSAGE = struct.Struct("=IHHII4xHHiHHi")  # a header, and two attributes: number, descriptor

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 1 << self.GROUP - 1))
        self._socket.setblocking(False)
        self._living: set[int] = set()

    def watch(self, lived_in: namespace.Namespace) -> None:
        """Expect this namespace to end."""
        number = self.FIRST + len(self._living)
        self._living.add(number)
        self._socket.send(
            self.MESSAGE.pack(self.MESSAGE.size, self.NEW, 1, 0, 0, 8, 1, number, 8, 3, lived_in.fd)
        )

    def all(self) -> bool | None:
        """Whether all of them have ended."""
        with contextlib.suppress(BlockingIOError):
            while True:
                said = self._socket.recv(1 << 16)
                _, kind, *_ = struct.unpack_from("=IH", said)
                if kind == self.DELETED:
                    self._living.discard(struct.unpack_from("=i", said, 24)[0])
        return None if self._living else True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def open_now() -> tuple[int, int]:
    """How many descriptors this process has, and threads that close: those of tests before may end
    meanwhile.
    """
    closers = [each for each in threading.enumerate() if each.name == "netlab-closing"]
    return len(os.listdir("/proc/self/fd")), len(closers)


def test_labs_that_are_lifted_and_closed_at_once_wait_for_nothing_and_leave_nothing() -> None:
    with Lab() as lab:  # and everything that a process opens once
        lab.drop(SYN, to=lab.server).remove()
    closing.finish()
    go = threading.Event()
    with contextlib.closing(Ends()) as ends:
        descriptors, none = before = open_now()
        assert none == 0
        closing.later(lambda: go.wait(tools.PATIENCE))  # as long as the kernel takes, at its worst
        try:
            for number in range(1, LIMIT + 5):
                with Lab() as lab:
                    ends.watch(lab.server.namespace)
                    lab.drop(SYN, to=lab.server).remove()
                waiting = min(number, LIMIT - 1)  # one socket each, and no more than so many
                assert open_now() == (descriptors + waiting, 1)
            assert not ends.all()
        finally:
            go.set()
        closing.finish()
        assert open_now() == before
        assert tools.wait(ends.all), "a namespace lives on"


@pytest.mark.alone  # it compares times
def test_hundreds_of_labs_work_at_once_and_the_last_costs_what_the_first_did() -> None:
    privileges.prepare()
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < LABS * EACH + BESIDES:
        pytest.skip(f"only {allowed} files may be open: raise the limit (ulimit -Hn)")
    labs, seconds = [], []
    with contextlib.ExitStack() as stack:
        for _ in range(LABS):
            began = time.perf_counter()
            labs.append(stack.enter_context(Lab()))
            seconds.append(time.perf_counter() - began)
        for lab in labs:
            lab.server.listen()
            lab.client.connect()
            lab.client.send("hello")
            lab.server.accept()
        assert [lab.server.read(5) for lab in labs] == [b"hello"] * LABS
    first, last = statistics.median(seconds[:100]), statistics.median(seconds[-100:])
    assert last < 3 * first, f"{first * 1000:.1f} ms at first, {last * 1000:.1f} ms at last"
