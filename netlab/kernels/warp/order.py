# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest is told to run, and what it tells of the end: JSON both ways, with nothing that is
slow to import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from netlab.kernels.vm import bare

#: Files in a guest.
START = f"{bare.ROOT}/warp"
ORDER = f"{bare.ROOT}/warp.json"
INPUT = f"{bare.ROOT}/input"
INTO = f"{bare.ROOT}/into"
#: Ports, beside that of the records.
OUTPUT, ERRORS = "output", "errors"


@dataclass(frozen=True, slots=True)
class GuestCommand:
    """A command line, and the file that is executed for it."""

    program: str
    line: Sequence[str]


@dataclass(frozen=True, slots=True)
class WarpOrder:
    """What is run in a guest, and how."""

    client: GuestCommand
    environment: Mapping[str, str]
    folder: str  # where it starts
    hostname: str = "netlab"
    until: float | None = None  # seconds of the guest's time after which it is ended
    terminal: tuple[int, int] | None = None  # lines and columns; None: it has none
    joined: bool = False  # its errors go where its output goes
    user: tuple[int, int, Sequence[int]] | None = None  # number, group, other groups; None: root
    lab: Sequence[str] | None = None  # what netlab exec is told before the command
    servers: Sequence[GuestCommand] = ()  # what runs on the lab's server
    audit: Mapping[str, object] | None = None  # how the command is audited; None: it is run

    def json(self) -> str:
        """All of it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> WarpOrder:
        """What `json` wrote."""
        said = json.loads(text)
        said["client"] = GuestCommand(**said["client"])
        said["servers"] = [GuestCommand(**each) for each in said["servers"]]
        return cls(**said)


@dataclass(frozen=True, slots=True)
class WarpEnd:
    """How a program ended in a guest."""

    code: int  # its exit code; negative: the signal that ended it
    lasted: float  # seconds of the guest's time
    late: str = ""  # what it was at when its time was up; "": it ended by itself
    left: Sequence[str] = field(default_factory=tuple)  # processes that still ran when it ended
    crowded: int = 0  # it had so many processes at a time, and wanted more; 0: never
