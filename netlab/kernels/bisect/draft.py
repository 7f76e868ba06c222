# SPDX-License-Identifier: GPL-2.0-or-later
"""An entry for ``changes.yaml``, begun for a person to finish."""

from __future__ import annotations

import glob
import re
from typing import Any

from netlab.kernels.bisect.history import Commit
from netlab.kernels.compare.differences import Difference
from netlab.kernels.compare.sentences import sentence

LONGEST = 40  # characters of an id
WIDTH = 118
NAMES = "the kernel before", "the kernel with it"


def draft(commit: Commit, since: str, differences: tuple[Difference, ...]) -> str:
    """The entry as YAML. `since`: the first mainline kernel with the commit; '': not known."""
    import yaml

    told = dict.fromkeys(sentence([each], *NAMES) for each in differences)
    entry = {
        "id": _name(commit.subject),
        "since": since or "?",
        "known": "seen",
        "what": f"{'; '.join(told)}.",
        "source": f'"{commit.subject}"',
        "explains": [_effect(each) for each in differences],
    }
    return yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=WIDTH)


def _name(subject: str) -> str:
    """``tcp: Don't drop SYN+ACK`` as ``don-t-drop-syn-ack``."""
    words = re.findall(r"[a-z0-9]+", subject.rpartition(": ")[2].lower())
    name = ""
    for word in words:
        if len(name) + len(word) < LONGEST:
            name += f"-{word}" if name else word
    return name or "change"


def _effect(difference: Difference) -> dict[str, Any]:
    effect = {
        difference.topic: glob.escape(difference.subject),
        "aspect": glob.escape(difference.aspect),
    }
    if difference.topic == "timer":  # its values are sentences about times
        return effect
    for word, value in (("without", difference.before), ("with", difference.after)):
        if value:
            effect[word] = glob.escape(value)
    return effect
