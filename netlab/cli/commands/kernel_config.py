# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab kernel-config``: what a kernel of one's own must be configured with."""

from __future__ import annotations

import argparse
import sys

from netlab.cli.shared.options import Commands

EPILOG = """\
examples:
  netlab kernel-config > netlab.config                   in a kernel's tree
  scripts/kconfig/merge_config.sh .config netlab.config  adds it to the configuration
  make bzImage
  netlab matrix --kernel .                               plays on what was built

Every option stands below what it is for. Without those that are required nothing can be played:
netlab matrix looks into the tree's .config, and names what is missing before anything is booted.

exit codes: 0 printed, 2 bad usage
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "kernel-config",
        help="the options that a kernel of yours needs, for merge_config.sh",
        description="Print what netlab needs of a kernel's configuration, as a fragment of it.",
        epilog=EPILOG,
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print it."""
    from netlab.kernels.sources import config

    sys.stdout.write(config.fragment())
    return 0
