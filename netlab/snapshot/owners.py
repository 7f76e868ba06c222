# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes that hold a socket, as ``ss -p`` and ``netstat -p`` write them."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: One of the processes that hold a socket, as ``ss -p`` writes it. Its name may hold anything.
HOLDER = re.compile(r'\("(.*?)",pid=(\d+),fd=(\d+)\)')
#: ``netstat -p``: 812/nginx: worker
NETSTAT = re.compile(r"(\d+)/(.+)")


def processes(owner: str) -> Iterator[tuple[str, str]]:
    """The name and the number of each process, once: a process may have several descriptors."""
    found = [(name, process) for name, process, _ in HOLDER.findall(owner)]
    if not found and (match := NETSTAT.fullmatch(owner)):
        found = [(match[2], match[1])]
    yield from dict.fromkeys(found)
