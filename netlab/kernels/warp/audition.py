# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit in a guest in virtual time: each fault is played to its very end, however late that is.

The first half runs here; `main` is what the guest runs. What is said in between is a line of JSON a
cell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netlab import scheduler
from netlab.audit import faults, run
from netlab.audit.partners import standing
from netlab.audit.plan import AuditPlan
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.vm.qemu import Guest
from netlab.kernels.warp import order, parcel, play
from netlab.kernels.warp.order import WarpOrder
from netlab.kernels.warp.parcel import WarpRequest
from netlab.linux import privileges
from netlab.model.auditing import AuditCell
from netlab.model.errors import LabError, NetlabError, ScenarioError
from netlab.model.evidence import converter

#: What a line is about.
CELL, SOUND, USELESS, FAILED = "cell", "sound", "useless", "failed"
#: Seconds of a guest's time for each fault: more than any that is played.
UNTIL = 7 * 86400.0


class Audition:
    """One audit in a guest."""

    def __init__(
        self, plan: AuditPlan, names: Sequence[str], more: Sequence[str] = (), record: bool = False
    ) -> None:
        """Pack the program, and `more` files. What is recorded has its packets. Raises
        `ScenarioError` where that cannot be done.
        """
        self._plan = plan
        self._parcel = parcel.packed(request(plan, names, more, record))
        self._begun = b""
        self._trouble: NetlabError | None = None
        self._told: list[bytes] = []

    def play(
        self, kernel: Kernel, guest: Guest, sound: Callable[[], None],
        heard: Callable[[AuditCell], None],
    ) -> str:  # fmt: skip
        """Play it on a kernel; `sound` is called when the program was seen to work without a fault,
        and `heard` gets each cell as it ends. Returns the kernel's release.

        Raises `ScenarioError` for a program that does not work even without a fault, and `LabError`
        where the guest does not come to the end of it.
        """

        def take(data: bytes) -> None:
            *whole, self._begun = (self._begun + data).split(b"\n")
            for line in whole:
                found = self._understood(line)
                if isinstance(found, AuditCell):
                    heard(found)
                elif found:
                    sound()

        streams = {order.OUTPUT: take, order.ERRORS: self._told.append}
        warped = play.play(kernel, self._parcel, guest, None, streams)
        if self._trouble is not None:
            raise self._trouble
        if warped.end.code or warped.end.late:
            said = b"".join(self._told).decode(errors="replace").strip().splitlines()
            raise LabError(f"the audit failed in the guest: {said[-1] if said else 'no reason'}")
        return warped.release

    def _understood(self, line: bytes) -> AuditCell | bool:
        """What a line says: a cell, or whether the program works without a fault."""
        about, value = json.loads(line)
        if about == CELL:
            cell: AuditCell = converter().structure(value, AuditCell)
            cell = replace(cell, command=run.again(self._plan, cell.fault))
            return cell.allowing(self._plan.allow.get(cell.fault))
        if about != SOUND:
            kind = ScenarioError if about == USELESS else LabError
            self._trouble = kind(str(value))
        return bool(about == SOUND)


def request(
    plan: AuditPlan, names: Sequence[str], more: Sequence[str] = (), record: bool = False
) -> WarpRequest:
    """What is to be packed: the program, what its server needs, and `more` files."""
    return WarpRequest(
        line=plan.command,
        environment=dict(os.environ),
        folder=os.getcwd(),
        more=[*more, *standing.needs(plan.talks)],
        until=UNTIL,
        audit=asked(plan, names, record),
    )


def asked(plan: AuditPlan, names: Sequence[str], record: bool) -> Mapping[str, object]:
    """What a guest is told: the plan, with what leads to the program in its place, the names of
    faults, and whether they are recorded.
    """
    inside = replace(plan, command=(order.INTO, "client", *plan.command[1:]), allow={})
    return {"plan": converter().unstructure(inside), "faults": [*names], "record": record}


# --- in the guest


def main() -> None:
    """Play what the order says, a line for each cell."""
    told = WarpOrder.of(Path(order.ORDER).read_text()).audit
    assert told is not None
    plan = converter().structure(told["plan"], AuditPlan)
    names = converter().structure(told["faults"], list[str])
    scheduler.STIRS.wanted = True
    try:
        privileges.prepare()
        for about, value in _played(plan, names, bool(told["record"])):
            print(json.dumps([about, converter().unstructure(value)]), flush=True)
    except ScenarioError as error:
        print(json.dumps([USELESS, str(error)]), flush=True)
    except NetlabError as error:
        print(json.dumps([FAILED, str(error)]), flush=True)


def _played(plan: AuditPlan, names: Sequence[str], record: bool) -> Iterator[tuple[str, object]]:
    base = run.sound(plan)
    yield SOUND, None
    for cell in run.audit(plan, faults.chosen(names), base, record=record):
        yield CELL, cell


if __name__ == "__main__":
    main()
