# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab diagnose``: from the output of ss, netstat or ``netlab snapshot`` to what is stuck."""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys

from netlab.cli.shared import places
from netlab.cli.shared.options import Commands
from netlab.cli.shared.snapshots import snapshots
from netlab.model.errors import Unmet
from netlab.render.style import Style

EPILOG = """\
examples:
  netlab diagnose                          this host, now
  ss -tanoei | netlab diagnose -           what is pasted or piped, from any distribution's ss
  netlab diagnose client.txt server.txt    both ends: they name the packet that is lost
  netlab diagnose web.txt db.txt nat.txt   with 'conntrack -L' of the NAT between the two
  netlab diagnose --container web          a container of this machine, or --netns, --pid
  netlab diagnose --all-namespaces         all of them, each as a host: both ends of what they say
  netlab diagnose web1.txt db1.txt         of hosts without Python: see netlab collector
  netlab diagnose --explain web1.json      the evidence for and against each cause
  netlab diagnose --json web1.json         findings as JSON
  netlab repro web1.json                   the first finding as a scenario, to be played in a lab

The most useful options are -tanoei for ss, -tnop for netstat. Two looks show more than one:
  ss -tanoei; nstat -az; sleep 5; ss -tanoei; nstat -az
  netlab snapshot --twice 5

exit codes: 0 nothing is stuck, 1 something is, 2 the input cannot be read or the place is not
there, 3 only root may look there
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "diagnose",
        help="why connections are stuck, from ss output of one or both ends",
        description="Read sockets of one or both ends, and say what is stuck and why.",
        epilog=EPILOG,
    )
    command.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="output of ss, netstat, /proc/net/tcp, nstat, conntrack -L, netlab snapshot or the "
        "collector; - for "
        "standard input; several for several hosts (default: this host)",
    )
    places.add(command)
    command.add_argument(
        "--explain", action="store_true", help="all of the evidence, for and against"
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Read, diagnose and print; return 1 if connections are stuck."""
    from netlab.diagnosis.rank import diagnose

    gc.disable()  # no reference cycles are made here, and 100,000 sockets are many objects
    diagnosis = diagnose(snapshots(options.files, options))
    if options.json:
        print(json.dumps(diagnosis.to_json(), ensure_ascii=False))
    else:
        from netlab.render.findings import findings

        width = max(60, min(120, shutil.get_terminal_size().columns))
        print(findings(diagnosis, Style.of(sys.stdout), width, options.explain))
    return Unmet.exit_code if diagnosis.is_bad else 0
