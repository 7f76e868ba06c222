# SPDX-License-Identifier: GPL-2.0-or-later
"""Text to snapshots: files of the collector, the output of ss, netstat and nstat, and
``/proc/net/tcp``.
"""

from netlab.snapshot.parse.file import read, read_file

__all__ = ["read", "read_file"]
