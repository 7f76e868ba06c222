# SPDX-License-Identifier: GPL-2.0-or-later
"""Cells that several processes ask for, such as the workers of pytest-xdist: whoever comes first
plays them, all side by side, and the others wait for that and read them.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from netlab.audit.plan import AuditPlan
from netlab.model import files
from netlab.model.auditing import AuditCell
from netlab.model.evidence import converter


class SharedCells:
    """Those in a folder. `mark` is what the processes have in common that share them, and no others
    that know the folder.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder, self._mark = folder, mark

    def of(
        self, plan: AuditPlan, names: Sequence[str], play: Callable[[], list[AuditCell]]
    ) -> list[AuditCell]:
        """The cells of a plan under faults of these names: those that are there, or what `play`
        returns, which then are there. Raises as that does, and OSError.
        """
        digest = sha256(repr((self._mark, plan, (*names,))).encode()).hexdigest()
        path = self._folder / f"netlab-audit-{digest[:32]}"
        with open(path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a worker that is killed lets go of it
            if path.exists():
                return converter().structure(json.loads(path.read_text()), list[AuditCell])
            cells = play()
            files.replace(path, json.dumps(converter().unstructure(cells)))
            return cells
