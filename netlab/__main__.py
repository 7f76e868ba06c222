# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m netlab``, and what the command ``netlab`` starts."""

from __future__ import annotations

import sys
import traceback

#: The exit code where the machine is at fault; 1 would say that a pair was not held.
MACHINE = 3


def main() -> int:
    """Run the command line. Ctrl-C counts from the first moment: imports take a while, and may
    fail where files cannot be read or memory is short.
    """
    try:
        from netlab.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("netlab: stopped; nothing is left behind", file=sys.stderr)
        return 130
    except (OSError, MemoryError, ImportError) as error:
        print(
            f"netlab: cannot start here: {error or 'there is not enough memory'}", file=sys.stderr
        )
        return MACHINE
    except Exception:  # a bug: its place is of use, and it is no pair that was not held
        traceback.print_exc()
        return MACHINE


if __name__ == "__main__":
    sys.exit(main())
