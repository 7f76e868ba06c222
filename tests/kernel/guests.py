# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that tests boot: one that is in netlab's cache, or NETLAB_TEST_KERNEL=SPEC."""

from __future__ import annotations

import json
import os

from netlab.kernels import cache
from netlab.kernels.sources import fetch, spec
from netlab.kernels.sources.kernel import Kernel

from .. import programs


def cached() -> Kernel:
    """The newest of the cache. Without one, the test is skipped, or fails where it must not be."""
    if named := os.environ.get("NETLAB_TEST_KERNEL"):
        return fetch.obtain(spec.parse(named))
    for kept in sorted(cache.root().glob(f"kernels/**/{fetch.KEPT}"), reverse=True):
        record = json.loads(kept.read_text())
        found = [kept.parent / record[name] for name in ("image", "modules")]
        if all(path.exists() for path in found):
            return Kernel("cached", record["release"], found[0], found[1])
    programs.lacking("no kernel is in the cache: netlab matrix fetches some")
