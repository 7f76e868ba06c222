# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that look into a lab from another terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.testbed.host import Host
    from netlab.testbed.lab import Lab


def commands(lab: Lab) -> list[tuple[str, str]]:
    """Each end, or ``both``, and a command that looks at it from another terminal."""
    from netlab.linux.privileges import in_user_namespace

    typed = []
    for host in lab.hosts:
        for tool in ("ss -tanoe", "nft list ruleset"):
            if tool.startswith("ss") or any(host.side in fault.sides for fault in lab.faults):
                typed.append((str(host.side), f"{entry(host)} {tool}"))
    # tcpdump switches to a user other than root, and a user namespace of one user has none.
    packets = f"ip -s link show {lab.link}" if in_user_namespace() else f"tcpdump -ni {lab.link}"
    return [*typed, ("both", f"{entry(lab.client)} {packets}")]


def entry(host: Host) -> str:
    """The nsenter command that runs a tool inside a host's namespace, from another terminal."""
    from netlab.linux.privileges import in_user_namespace

    process = os.getpid()
    net = f"--net=/proc/{process}/fd/{host.namespace.fd}"
    if in_user_namespace():
        return f"nsenter --user=/proc/{process}/ns/user --preserve-credentials {net}"
    return f"{'' if os.environ.get('SUDO_USER') is None else 'sudo '}nsenter {net}"
