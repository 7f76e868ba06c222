# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of one connection of an audit, for a ladder."""

from __future__ import annotations

import os

from netlab.model.errors import LabError
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook


def evidence(lab: Lab, notebook: Notebook, fault: str, port: int) -> Evidence | None:
    """All that was seen under a fault of the connection that was opened last, of those that have
    this port at either end; None where there is none, or too many to know it, or the lab is not
    recorded.
    """
    if lab.recorder is None:
        return None
    try:
        flow = lab.flows(port=port)[-1]
    except (IndexError, LabError):
        return None
    faults = notebook.faults()
    client, server = (notebook.end(side, flow) for side in (Side.CLIENT, Side.SERVER))
    return Evidence(
        scenario=fault,
        outcome="pass",
        source="",
        path="",
        family=lab.family,
        kernel=os.uname().release,
        expected=ExpectedPair((flow.state(Side.CLIENT),), (flow.state(Side.SERVER),)),
        observed=flow.pair,
        elapsed_s=round(lab.elapsed(), 3),
        faults=faults,
        client=client,
        server=server,
        programs=lab.programs,
        recording=lab.recorder.recording(flow),
    )
