# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab lab``: two hosts and a wire, to make and break connections by hand."""

from __future__ import annotations

import argparse

from netlab import extras
from netlab.cli.shared.from_outside import commands
from netlab.cli.shared.options import Commands, add_family
from netlab.model.errors import ScenarioError

EPILOG = """\
examples:
  netlab lab             l listens, c connects, d drops, x closes; ? shows how to look yourself
  netlab lab --ipv6      over IPv6

What was done can be written as a scenario file with w, and played with 'netlab run FILE'.

exit codes: 0 you left it, 2 bad usage or no terminal, 3 the lab could not be built
"""


def add(subcommands: Commands) -> None:
    """Declare the command."""
    command = subcommands.add_parser(
        "lab",
        help="make and break connections of your own",
        description="Two hosts, a wire and nothing else yet: open connections, lose segments, see "
        "what becomes of both ends, and write it down as a scenario.",
        epilog=EPILOG,
    )
    add_family(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Open the live view on an empty lab. Raises `ScenarioError` without a terminal."""
    from netlab.live import terminal

    if not terminal.fits():
        raise ScenarioError(
            "the lab needs a terminal. Without one, write a scenario file: "
            "'netlab show synack-dropped' explains one, 'netlab run FILE' plays it"
        )
    extras.require("live", "the lab's view")
    from netlab.live.controller import Controller
    from netlab.live.session import Session
    from netlab.model.vocabulary import Family
    from netlab.testbed.lab import Lab

    with Lab(Family.IPV6 if options.ipv6 else Family.IPV4, tape=True) as lab:
        written = terminal.show(Controller(lab, Session()), "lab", lambda: commands(lab))
    for name in written:
        print(f"written: {name}, to be played with: netlab run {name}")
    return 0
