# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab watch`` beside a program that really leaks, and a Prometheus that really scrapes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from netlab.snapshot.holders import Holders
from netlab.testbed.lab import Lab
from netlab.watch.looks import STEP, LiveLooks
from tests.cli.shell import NETLAB, environment
from tests.programs import need

from . import tools

PORT = 8080
#: A server that accepts, and closes when it is told to. Its clients close at once.
LEAKY = f"""
import socket, sys
open("/proc/self/comm", "w").write("leaky")
listener = socket.create_server(("127.0.0.1", {PORT}), backlog=512)
open_ones = []
for line in sys.stdin:
    clients = [socket.create_connection(("127.0.0.1", {PORT})) for _ in range(int(line))]
    open_ones += [listener.accept()[0] for _ in clients]
    if not clients:
        [one.close() for one in open_ones]
    [client.close() for client in clients]
    print("done", flush=True)
"""


class Leaky:
    """The server, in a namespace of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def leaks(self, number: int) -> None:
        """So many connections more that it forgets to close; 0: it closes all."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def closes(self) -> None:
        """It closes all."""
        self.leaks(0)


@pytest.fixture
def leaky() -> Iterator[Leaky]:
    with Lab() as lab:
        with lab.server.namespace:
            process = subprocess.Popen(
                [sys.executable, "-c", LEAKY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        with process:
            yield Leaky(process)
            process.kill()


class Watch:
    """``netlab watch --json`` of somebody's namespace, served for Prometheus."""

    def __init__(self, port: int, output: Path) -> None:
        self._port, self._output = port, output

    def told(self) -> list[dict[str, Any]]:
        """What it has told so far."""
        *whole, _ = self._output.read_text().split("\n")
        return [json.loads(line) for line in whole]

    def turns(self) -> list[str]:
        """The words that its lines begin with."""
        return [each["event"] for each in self.told()]

    def looks(self) -> int | None:
        """How many looks it has taken."""
        with contextlib.suppress(OSError):
            url = f"http://127.0.0.1:{self._port}/metrics"
            for line in urllib.request.urlopen(url).read().decode().splitlines():
                if line.startswith("netlab_looks_total "):
                    return int(float(line.split()[1]))
        return None

    def looks_again(self, times: int) -> None:
        """Return after so many looks more."""
        before = tools.wait(self.looks)
        assert before is not None
        assert tools.wait(lambda: True if (self.looks() or 0) >= before + times else None)

    def tells(self, turn: str, number: int) -> dict[str, Any]:
        """The line that says so of so many connections."""

        def last() -> dict[str, Any] | None:
            known = [each for each in self.told() if each["event"] == turn]
            return known[-1] if known and known[-1]["connections"] == number else None

        found = tools.wait(last)
        assert found is not None, (turn, number, self.told())
        return found


@contextlib.contextmanager
def watching(place: str, folder: Path, *more: str) -> Iterator[tuple[Watch, int]]:
    """A watch of a namespace, and the port at which it is served."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*NETLAB, "watch", "--json", "--every", "1s", "--netns", place]
    words += ["--prometheus", f"127.0.0.1:{port}", *more]
    output = folder / "told"
    with output.open("w") as file, subprocess.Popen(
        words, stdout=file, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:  # fmt: skip
        try:
            yield Watch(port, output), port
        finally:
            process.terminate()
            _, err = process.communicate(timeout=tools.PATIENCE)
        assert (process.returncode, err) == (0, "")


def worth_telling(numbers: list[int]) -> bool:
    """Whether each is twice the one before, or has one more digit."""
    return all(now >= 2 * was or now >= 10 ** len(str(was)) for was, now in pairwise(numbers))


def test_a_leak_that_begins_grows_and_ends_is_told_once_each(leaky: Leaky, tmp_path: Path) -> None:
    with watching(str(leaky.process.pid), tmp_path) as (watch, _):
        watch.looks_again(2)
        assert watch.turns() == ["watching"]
        leaky.leaks(5)
        began = watch.tells("began", 5)
        assert (began["cause"], began["port"], began["process"]) == ("not-closed", PORT, "leaky")
        assert began["at"] - 60 < began["since"] <= began["at"]
        watch.looks_again(3)
        assert watch.turns() == ["watching", "began"]
        leaky.leaks(35)
        grew = watch.tells("grew", 40)
        assert grew["since"] == began["since"]
        watch.looks_again(3)
        numbers = [each["connections"] for each in watch.told()[1:]]
        assert worth_telling(numbers), numbers
        leaky.closes()
        ended = watch.tells("ended", 0)
        assert ended["most"] == 40
        watch.looks_again(3)
    *_, summary = told = watch.told()
    turns = [each["event"] for each in told]
    assert (turns.count("began"), turns.count("ended"), turns[-2]) == (1, 1, "ended")
    assert (summary["began"], summary["ended"], summary["standing"]) == (1, 1, [])


def ready(url: str) -> Callable[[], bool | None]:
    def asked() -> bool | None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url).read()
            return True
        return None

    return asked


def test_a_real_prometheus_scrapes_it(leaky: Leaky, tmp_path: Path) -> None:
    program = need("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    with watching(str(leaky.process.pid), tmp_path) as (watch, port):
        config = tmp_path / "prometheus.yml"
        scrape = {"job_name": "netlab", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        config.write_text(
            json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]})
        )
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={own}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def value(query: str) -> list[tuple[dict[str, str], str]]:
            url = f"http://{own}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            answer = json.load(urllib.request.urlopen(url))["data"]["result"]
            return [(each["metric"], each["value"][1]) for each in answer]

        with process:
            try:
                assert tools.wait(ready(f"http://{own}/-/ready")), "it did not start"
                assert tools.wait(lambda: value('up{job="netlab"} == 1') or None)
                assert value("netlab_stuck_connections") == []
                leaky.leaks(5)
                assert tools.wait(lambda: value("netlab_stuck_connections == 5") or None)
                leaky.leaks(35)
                assert tools.wait(lambda: value("netlab_stuck_connections == 40") or None)
                ((labels, _),) = value("netlab_stuck_connections")
                assert labels.items() >= {
                    "cause": "not-closed", "port": str(PORT), "process": "leaky", "job": "netlab",
                }.items()  # fmt: skip
                ((_, sockets),) = value("netlab_sockets")
                assert int(sockets) >= 41
                leaky.closes()
                assert watch.tells("ended", 0)
                assert tools.wait(lambda: True if not value("netlab_stuck_connections") else None)
            finally:
                process.terminate()


def test_a_watch_that_is_over_leaves_no_file(leaky: Leaky, tmp_path: Path) -> None:
    folder = tmp_path / "for node_exporter"
    with watching(str(leaky.process.pid), tmp_path, "--textfile", str(folder)) as (watch, _):
        watch.looks_again(1)
        file = tools.wait(lambda: next(folder.glob("*.prom"), None))
        assert file is not None
        assert "netlab_looks_total" in file.read_text()
    assert [*folder.iterdir()] == []


# --- one look


def test_a_holder_is_found_and_remembered_as_long_as_somebody_asks() -> None:
    holders = Holders()
    with socket.socket() as one, socket.socket() as other:
        first, second = (os.fstat(each.fileno()).st_ino for each in (one, other))
        own = f"pid={os.getpid()},fd={one.fileno()}"
        for _ in range(3):
            holders.look()
            assert own in holders.owner(first)
            assert holders.owner(1) == ""  # no socket has it
        holders.look()
        assert f"fd={other.fileno()}" in holders.owner(second)
    assert own in holders.owner(first)  # it is remembered, though it is closed by now
    holders.look()
    holders.look()
    assert holders.owner(first) == holders.owner(0) == holders.owner(None) == ""


def test_where_the_clock_was_set_the_look_before_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, real = LiveLooks(), time.time
    assert looks.look().diagnosis is None
    assert looks.look().diagnosis is not None
    monkeypatch.setattr(time, "time", lambda: real() + 10 * STEP)
    assert looks.look().diagnosis is None
    assert looks.look().diagnosis is not None
