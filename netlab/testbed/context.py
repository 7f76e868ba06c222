# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the parts of one lab: its clock, its addresses, its connections, its recorders."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from netlab import scheduler
from netlab.linux.names import Names
from netlab.model.errors import LabError, TooBusy, Unmet
from netlab.model.vocabulary import USUAL_PORT, Family, Side
from netlab.testbed.flows import FlowTracker
from netlab.testbed.program import Program

if TYPE_CHECKING:
    from netlab.packets.ledger import Ledger
    from netlab.testbed.recorder import Recorder
    from netlab.testbed.tape import Tape

T = TypeVar("T")
#: Seconds that a lab may lose before what fails in it says nothing: TCP's first time-out (RFC 6298,
#: section 2). Whatever is lifted, called or looked at so much too late may find that another
#: timer has fired, and that its pair is gone as it should be.
TOLERABLE = 1.0
PORT = USUAL_PORT


class LabContext:
    """One lab, as its hosts, faults and proofs know it."""

    def __init__(self, family: Family, network: int) -> None:
        self.family = family
        self.network = network
        self.began, self.began_realtime = scheduler.now(), time.time_ns()
        client, server = map(self.address, Side)
        self.flows = FlowTracker(self.began, ((client, 0), (server, PORT)))
        self.recorder: Recorder | None = None
        self.tape: Tape | None = None
        self.ledger: Ledger | None = None  # where numbers are followed, for forged segments
        self._lost_before = scheduler.lost()
        self.programs: list[Program] = []  # of both hosts, in the order of their starts
        self._names: Names | None = None
        #: The addresses that have a name: of the hosts, and of what stands behind a service.
        self.known = {str(side): self.address(side) for side in Side}
        #: Why the hosts' names are known to nobody, where that is so.
        self.no_names = ""

    def close(self) -> None:
        """Let go of what belongs to no host."""
        if self._names is not None:
            self._names.close()

    def names(self) -> Names | None:
        """Where the hosts' names are known to programs; None where this machine cannot do that.

        They are those of the lab's family: what listens in one family is found at once.
        """
        if self._names is None and not self.no_names:
            named: dict[str, list[str]] = {}
            for name, address in self.known.items():
                named.setdefault(address, []).append(name)
            try:
                self._names = Names(named)
            except OSError as error:
                self.no_names = (
                    "the names client and server are not known here, only {client} and {server}: "
                    f"{error.filename or 'mounting'}: {error.strerror}"
                )
        return self._names

    def know(self, names: Mapping[str, str]) -> None:
        """Have programs that are started from now on know these names, each of an address."""
        self.known |= names
        if self._names is not None:
            self._names.close()
            self._names = None

    def call(self, side: Side, name: str) -> None:
        """Have one side known by one more name, from now on. Raises `LabError` if it is that of
        another address, and where this machine cannot do that.
        """
        address = self.address(side)
        if self.known.get(name, address) != address:
            raise LabError(f"{name} is the name of {self.known[name]} already")
        names = self.names()
        if names is None:
            raise LabError(self.no_names)
        if name not in self.known:
            names.add(address, name)
            self.known[name] = address

    def addressed(self, name: str) -> str:
        """The address of that name. Raises `LabError` if there is none."""
        if name not in self.known:
            raise LabError(f"no address is called {name!r}. Known: {', '.join(sorted(self.known))}")
        return self.known[name]

    def lost(self) -> float:
        """Seconds since the lab was built in which nobody looked at it who was to look."""
        return max(0.0, scheduler.lost() - self._lost_before)

    def excuse(self, failed: Unmet) -> None:
        """Raise `TooBusy` where the failure may be this machine's: it has lost too much time."""
        lost = self.lost()
        if lost > TOLERABLE:
            raise TooBusy(
                f"nobody looked for {lost:.2f} s in all ({TOLERABLE:g} s tolerated), so that this "
                f"says nothing: {failed}"
            ) from None

    def elapsed(self) -> float:
        """Seconds since the lab was built: the clock of its evidence."""
        return round(scheduler.now() - self.began, 6)

    def address(self, side: Side, extra: int = 0) -> str:
        """The address of one side; `extra` counts additional ones."""
        return side.address(self.family, self.network, extra)

    def sample(self) -> None:
        """Read both tables once, and note the state of every connection followed."""
        for rows in self.flows.sample():
            if self.recorder is not None:
                self.recorder.sampled(rows)
        if self.recorder is not None:
            self.recorder.drain()
        if self.tape is not None:
            self.tape.drain()
        for program in self.programs:
            program.look()

    def wait(
        self,
        condition: Callable[[], T | None],
        patience: float,
        again: Callable[[], float] | None = None,
    ) -> T | None:
        """Evaluate `condition` for up to `patience` seconds, sampling both ends each time; `again`
        is as for `scheduler.wait`.
        """

        def look() -> T | None:
            found = condition()
            self.sample()
            return found

        return scheduler.wait(look, scheduler.now() + patience, again)
