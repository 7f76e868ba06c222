# SPDX-License-Identifier: GPL-2.0-or-later
"""One trial: a lab of its own, a server, the command, and a fate for some of their packets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.linux import scratch
from netlab.model.vocabulary import Family, Pair
from netlab.programs.exchange import Sent
from netlab.search.cases import Case
from netlab.testbed.lab import Lab
from netlab.testbed.program import Program, filled_in

KEPT = 1 << 16  # characters of what a command wrote, its last
CALM = 0.3  # seconds in which what its end has set in motion comes to rest
CHECKING = 10.0  # seconds that a check may take
#: Environment of the server, the command and the check.
FOLDER_NAME, SERVER, PORT = "NETLAB_FOLDER", "NETLAB_SERVER", "NETLAB_PORT"
EXIT_CODE = "NETLAB_EXIT_CODE"
OUTPUT_FILE, SERVER_FILE = "output", "server"  # what they wrote, in the trial's folder


@dataclass(frozen=True, slots=True)
class Setup:
    """What is tried, over and over."""

    command: Sequence[str]
    server: str  # a command line
    ready: int | str  # the port on which it listens, or what it has written, when it is ready
    cap: float  # seconds after which a command hangs that has not come back
    fails_when: str = ""  # a shell command that succeeds where a trial has failed
    family: Family = Family.IPV4


@dataclass(frozen=True, slots=True)
class CaseTrial:
    """What came of a case."""

    case: Case
    code: int | None  # None: it had not come back at the cap; negative: the signal
    output: str
    errors: str
    seconds: float
    met: tuple[int, ...]  # for each of the case, how many packets it met
    packets: tuple[Sent, ...]
    failed: bool | None  # what the check says, if there is one
    pair: Pair  # of the connection that was opened last, in the end
    lost: float  # seconds in which nobody looked

    @property
    def is_whole(self) -> bool:
        """True if each packet has come, and so has met its fate."""
        return all(self.met)

    @property
    def is_empty(self) -> bool:
        """True if none has, where one should have."""
        return bool(self.case) and not any(self.met)


def play(setup: Setup, case: Case) -> CaseTrial:
    """Play one. Raises `LabError` where the lab cannot be built, `ActionFailed` where the server
    is not ready.
    """
    with Lab(setup.family) as lab, scratch.folder("trial") as folder:
        lab.wire.watch()
        faults = [
            getattr(lab.wire, each.word)(each.packet, each.to, each.connection, each.again)
            for each in case
        ]
        told = _environment(setup, lab, str(folder))
        values = {"port": told.get(PORT, "{port}")}
        server = lab.server.start(filled_in(setup.server, values), setup.ready, env=told)
        line = [filled_in(word, values) for word in setup.command]
        lost = lab.context.lost()
        program = lab.client.run(line, env=told)
        lab.wait(lambda: program.exit_code is not None, setup.cap)
        code, seconds = program.exit_code, program.lasted
        output, errors = program.output, program.errors
        met = tuple(fault.packets for fault in faults)
        packets = tuple(lab.wire.seen())
        lost = lab.context.lost() - lost
        if code is not None:
            lab.wait(lambda: None, CALM)
        pair = lab.flow().pair
        failed = None
        if setup.fails_when:
            for fault in faults:
                fault.remove()
            told[EXIT_CODE] = "" if code is None else str(code)
            failed = _check(setup, lab, told, {OUTPUT_FILE: output, SERVER_FILE: server.said})
        return CaseTrial(
            case, code, output[-KEPT:], errors[-KEPT:], seconds or setup.cap, met, packets, failed,
            pair, lost,
        )  # fmt: skip


def _environment(setup: Setup, lab: Lab, folder: str) -> dict[str, str]:
    port = {PORT: str(setup.ready)} if isinstance(setup.ready, int) else {}
    return {FOLDER_NAME: folder, SERVER: "server", **port}


def _check(setup: Setup, lab: Lab, told: Mapping[str, str], said: Mapping[str, str]) -> bool:
    """Whether a trial has failed by the check's own word."""
    for name, text in said.items():
        Path(told[FOLDER_NAME], name).write_text(text)
    checking: Program = lab.client.run(["sh", "-c", setup.fails_when], env=told)
    return checking.wait(CHECKING) == 0
