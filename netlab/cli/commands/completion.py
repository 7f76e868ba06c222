# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab completion``: what a shell needs to complete commands, options and scenario names."""

from __future__ import annotations

import argparse

from netlab import extras
from netlab.cli.shared.options import Commands

EPILOG = """\
examples:
  eval "$(netlab completion bash)"       in ~/.bashrc
  eval "$(netlab completion zsh)"        at the end of ~/.zshrc
  netlab completion fish | source        in ~/.config/fish/config.fish

exit codes: 0 printed, 2 bad usage
"""
#: zsh completes nothing before it was told to, which is left to each one's ~/.zshrc.
ZSH = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }"


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

    code = argcomplete.shellcode(["netlab"], shell=options.shell)
    if options.shell == "zsh":  # its first line is for files: "#compdef netlab"
        code = code.replace("\n", f"\n{ZSH}\n", 1)
    print(code)
    return 0
