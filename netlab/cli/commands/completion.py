# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab completion``: what a shell needs to complete commands, options and scenario names."""

from __future__ import annotations

import argparse

from netlab import extras
from netlab.cli.shared.options import Commands

EPILOG = """\
examples:
  eval "$(netlab completion bash)"       in ~/.bashrc
  eval "$(netlab completion zsh)"        in ~/.zshrc
  netlab completion fish | source        in ~/.config/fish/config.fish

exit codes: 0 printed, 2 bad usage
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "completion",
        help="shell completion",
        description="Print the code that makes a shell complete netlab's words.",
        epilog=EPILOG,
    )
    command.add_argument("shell", choices=("bash", "zsh", "fish"))
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print it."""
    extras.require("completion", "netlab completion")
    import argcomplete

    print(argcomplete.shellcode(["netlab"], shell=options.shell))
    return 0
