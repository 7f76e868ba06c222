# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what hangs ends when `netlab audit` says. Run it by hand, for a quarter of an hour:

    .venv/bin/python scripts/audit_ends.py                  curl, urllib, requests, redis-py, fetch
    .venv/bin/python scripts/audit_ends.py curl fetch       only these
    .venv/bin/python scripts/audit_ends.py --kernel debian:bullseye curl

Each client is audited here, where what has not come back after 40 s is predicted by the kernel's
own timers; then each of those faults is played to its very end in virtual time (`--virtual`). A
row for each: what was predicted, what came, and by how much they differ, both counted from when the
fault met the program: how long it takes to get there is the machine's. Exit code 1 where an end
that is TCP's differs by more than 2 %, or something ends that was to hang for ever, or the reverse.

Where clients are not installed for this Python or on this machine, they are left out, and named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Of the time that it really took.
MOST = 0.02
HTTP = "http://{server}:{port}/"
#: By name: what it talks, and its words. None of them has a time-out of its own, where it can.
CLIENTS = {
    "curl": ("http", ["curl", "-sS", HTTP]),
    "urllib": (
        "http",
        [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{HTTP}').read()"],
    ),
    "requests": ("http", [sys.executable, "-c", f"import requests; requests.get('{HTTP}')"]),
    "redis-py": (
        "redis",
        [
            *(sys.executable, "-c"),
            "import redis; print(redis.Redis('{server}', {port}, socket_timeout=None, "
            "socket_connect_timeout=None, retry=None).ping())",
        ],
    ),
    "fetch": ("http", ["node", "-e", f"fetch('{HTTP}').then(reply => reply.text())"]),
}
#: Words of a prediction by which the program ends it itself, and not TCP.
ITS_OWN = "its own time-out"
Cell = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndRow:
    """One hanging cell: seconds from when the fault met the program, None for never."""

    client: str
    fault: str
    predicted: float | None
    why: str
    wakes: float | None  # seconds after which it may give up by itself, again and again
    came: float | None

    @property
    def differs(self) -> float | None:
        """By which share of what came; None where one of them is never."""
        if self.predicted is None or not self.came:
            return None
        return abs(self.predicted - self.came) / self.came

    @property
    def holds(self) -> bool:
        """Whether it is as predicted, where that is TCP's to decide; or no later, where the
        program may give up by itself.
        """
        if self.wakes is not None and self.came is not None:
            return self.predicted is None or self.came <= (1 + MOST) * self.predicted
        if self.differs is None:
            return self.predicted is None and self.came is None
        return self.differs <= MOST or ITS_OWN in self.why


def audited(client: str, *options: str) -> list[Cell]:
    """The cells of one audit."""
    talks, words = CLIENTS[client]
    command = [sys.executable, "-m", "netlab", "audit", "--json", "--talks", talks, *options]
    done = subprocess.run([*command, "--", *words], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{client}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows(client: str, kernel: list[str]) -> Iterator[EndRow]:
    """Every cell of a client that hangs here."""
    hanging = {cell["fault"]: cell for cell in audited(client) if cell["verdict"] == "hangs"}
    faults = [word for name in hanging for word in ("--fault", name)]
    for cell in audited(client, "--virtual", *kernel, *faults) if faults else ():
        here, guest = hanging[cell["fault"]]["play"], cell["play"]
        until = here["until"]
        predicted = _since_it_met(here, until["seconds"])
        came = _since_it_met(guest, guest["seconds"]) if guest["ended"] else None
        yield EndRow(client, cell["fault"], predicted, until["why"], until["wakes"], came)


def _since_it_met(play: Cell, seconds: float | None) -> float | None:
    """Seconds from the start of the program, as those from when the fault met it."""
    return None if seconds is None else seconds - (play["reached_at"] or 0.0)


def told(row: EndRow) -> str:
    """A row of the table."""
    predicted = "never" if row.predicted is None else f"{row.predicted:.0f} s"
    cells = (
        row.client,
        f"`{row.fault}`",
        predicted if row.wakes is None else f"{predicted}, or by itself",
        "never" if row.came is None else f"{row.came:.1f} s",
        "" if row.differs is None else f"{row.differs:.1%}",
        row.why if row.holds else f"**{row.why}**",
    )
    return f"| {' | '.join(cells)} |"


def is_there(client: str) -> bool:
    """Whether a client can be played here."""
    program = CLIENTS[client][1][0]
    if program != sys.executable:
        return shutil.which(program) is not None
    package = CLIENTS[client][1][2].split()[1].rstrip(";").split(".")[0]
    done = subprocess.run([program, "-c", f"import {package}"], capture_output=True, check=False)
    return done.returncode == 0


def main() -> int:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", default=[*CLIENTS])
    parser.add_argument("--kernel", metavar="SPEC", help="of the guest (default: a stable one)")
    options = parser.parse_args()
    kernel = ["--kernel", options.kernel] if options.kernel else []
    print(f"here: Linux {os.uname().release}\n")
    print("| client | fault | predicted | came | differs by | why |")
    print("|---|---|---|---|---|---|", flush=True)
    wrong = 0
    for client in options.clients:
        if not is_there(client):
            print(f"{client} is not installed here", file=sys.stderr)
            continue
        for row in rows(client, kernel):
            wrong += not row.holds
            print(told(row), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
