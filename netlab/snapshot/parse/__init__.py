# SPDX-License-Identifier: GPL-2.0-or-later
"""Text to snapshots: what ss, netstat, nstat and ``/proc/net/tcp`` print."""

from netlab.snapshot.parse.paste import read

__all__ = ["read"]
