# SPDX-License-Identifier: GPL-2.0-or-later
"""Removes a folder once nobody holds the other end of its standard input: whoever made the folder
has ended then, be it by a ``kill -9``.
"""

from __future__ import annotations

import os
import shutil
import sys
import time

#: Seconds in which those who end with its maker may still write there, and between two attempts.
PATIENCE, PAUSE = 10.0, 0.02


def main(folder: str) -> None:
    """Wait for the end, and remove it."""
    os.read(sys.stdin.fileno(), 1)
    until = time.monotonic() + PATIENCE
    while os.path.lexists(folder) and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1])
