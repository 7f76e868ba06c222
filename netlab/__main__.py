# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m netlab``, and what the command ``netlab`` starts."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line. Ctrl-C counts from the first moment: imports take a while."""
    try:
        from netlab.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("netlab: stopped; nothing is left behind", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
