# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab collector``: a shell script that looks at a host on which netlab is not installed."""

from __future__ import annotations

import argparse
import sys

from netlab.cli.shared.options import Commands
from netlab.snapshot import collector

EPILOG = """\
examples:
  netlab collector > collect.sh
  sh collect.sh > web1.txt                               on the host itself
  ssh web1 sh -s < collect.sh > web1.txt                 over ssh; as root it sees more
  ssh web1 sudo sh -s -- -t 10 < collect.sh > web1.txt   with 10 s between the two looks
  docker exec -i web sh -s -- -n web < collect.sh > web.txt
  kubectl exec -i web-0 -- sh -s < collect.sh > web-0.txt
  netlab diagnose web1.txt db1.txt                       what is stuck, and why

  netlab collector --playbook > collect.yaml             for Ansible: from a whole inventory
  ansible-playbook -i hosts.ini -f 50 collect.yaml       to one answer

The script is for any POSIX shell (dash, BusyBox, bash 3). It takes two looks, with ss, netstat or
/proc/net/tcp, whichever is there, writes no file and changes nothing. Options: -t SECONDS between
the looks (0: only one), -n NAME of the host.

exit codes: 0 printed, 2 bad usage
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "collector",
        help="a shell script that does the same on hosts without Python",
        description="Print a shell script whose output netlab diagnose reads.",
        epilog=EPILOG,
    )
    command.add_argument(
        "--playbook",
        action="store_true",
        help="an Ansible playbook instead, that runs it everywhere and diagnoses what it printed",
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print it."""
    sys.stdout.write((collector.PLAYBOOK if options.playbook else collector.SCRIPT).read_text())
    return 0
