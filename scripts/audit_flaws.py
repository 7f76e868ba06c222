# SPDX-License-Identifier: GPL-2.0-or-later
"""How many of the planted flaws `netlab audit` names, and how many sound programs it accuses:
``.venv/bin/python scripts/audit_flaws.py [NAME...]``, by hand, a quarter of an hour.

`tests/audit/flaws.yaml` says what is wrong with each program, and at which faults that shows.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netlab.audit import faults, run  # noqa: E402
from netlab.audit.plan import AuditPlan  # noqa: E402
from netlab.model.auditing import AuditCell  # noqa: E402
from netlab.model.errors import NetlabError  # noqa: E402
from netlab.model.units import duration  # noqa: E402
from tests.audit import planted  # noqa: E402


def audited(entry: dict[str, Any], words: list[str], as_server: bool) -> list[AuditCell]:
    """The cells of one program. Raises `NetlabError` for one that does not work at all."""
    cap, promise = (duration(str(entry.get(k, planted.LIST[k]))) for k in ("cap", "promise"))
    port = entry.get("port", 0)
    plan = AuditPlan(tuple(words), entry["talks"], as_server, port=port, cap=cap, promise=promise)
    if as_server:
        chosen = faults.chosen_of_servers([])
        return [*run.audit_server(plan, chosen, run.sound_server(plan))]
    return [*run.audit(plan, faults.chosen([]), run.sound(plan))]


def named(entry: dict[str, Any], cells: list[AuditCell]) -> Iterator[str]:
    """The faults at which a flaw was named as the list says."""
    for cell in cells:
        words = {each.word for each in cell.judgements}
        if words & {*entry.get("expected", {}).get(cell.fault, ())}:
            yield cell.fault


def accused(entry: dict[str, Any], cells: list[AuditCell]) -> Iterator[str]:
    """What is said to be wrong where the list says nothing."""
    told = {*entry.get("expected", {}), *entry.get("also", ()), *planted.LIST["unsure"]}
    for cell in cells:
        if not cell.sound and cell.fault not in told:
            yield f"{cell.fault}: {cell.word}: {cell.why}"


def main() -> None:
    """Audit them all, and count."""
    os.chdir(planted.HERE)
    wanted, counts = sys.argv[1:], Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for kind in planted.KINDS:
            for group in planted.GROUPS:
                for entry in planted.entries(kind, group):
                    if wanted and not any(word in entry["file"] for word in wanted):
                        continue
                    words = planted.words(entry, Path(folder))
                    told = "not here" if words is None else ""
                    try:
                        cells = audited(entry, words, kind == "servers") if words else []
                    except NetlabError as error:
                        cells, told = [], f"refused: {error}"
                    found, wrong = [*named(entry, cells)], [*accused(entry, cells)]
                    right = found if group == "flawed" else cells and not wrong
                    counts[f"{group} {kind}: {'right' if right else told or 'wrong'}"] += 1
                    said = told or f"named at {', '.join(found) or 'none'}"
                    print(f"{entry['file']}: {said}", *wrong, sep="\n    ", flush=True)
    for name, number in sorted(counts.items()):
        print(f"{number:3} {name}")


if __name__ == "__main__":
    main()
