# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's behaviour as a file for version control: small, line-based, without what varies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netlab.kernels.compare import sentences
from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.differences import Comparison, compare, edited, some
from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.evidence import converter

#: Of the file, in bytes. All scenarios and all pairs take 40 KiB.
LARGEST = outside.MIB
#: Of the data in it: levels of nesting, and characters of a text.
DEEPEST, LONGEST = 20, 10_000
FORMAT = 2  # 2: steps are written in one way, however their file is formatted
HEAD = """\
# What TCP does on this kernel, as 'netlab baseline record' saw it. 'netlab baseline check' plays
# the same again and reports the differences.
"""
EXPECTED = "expected what 'netlab baseline record' wrote"
#: A counter is rounded down to one of these: how often it moves is chance, that it moves is not.
STEPS = (0, 1, 5, 10, 20, 50, 100, 200)


def text(behaviour: KernelProfile) -> str:
    """The file's text."""
    import yaml

    counters = {
        name: max(step for step in STEPS if step <= number)
        for name, number in behaviour.counters.items()
    }
    data = converter().copy(omit_if_default=True).unstructure(behaviour)
    whole = {"netlab-baseline": FORMAT, **data, "counters": counters}
    return HEAD + yaml.safe_dump(
        whole, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )


def read(path: Path) -> KernelProfile:
    """A baseline. Raises `ScenarioError` where the file cannot be read or is not a baseline."""
    data = _data(outside.text(path, LARGEST, "a baseline"), path)
    if not isinstance(data, dict) or "netlab-baseline" not in data:
        raise ScenarioError(f"is not a baseline; {EXPECTED}", path)
    if data["netlab-baseline"] != FORMAT:
        found = data["netlab-baseline"]
        raise ScenarioError(
            f"has format {found}, this netlab reads {FORMAT}; record it again", path
        )
    try:
        return converter().structure(data, KernelProfile)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ScenarioError(f"is not a complete baseline ({error}); {EXPECTED}", path) from None


def _data(text: str, path: Path) -> Any:
    """A text in YAML as data, which is never larger than the text: without aliases."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            long = isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST
            if depth > DEEPEST or long or isinstance(event, yaml.AliasEvent):
                raise ValueError
        return yaml.load(text, loader)
    except yaml.YAMLError:
        raise ScenarioError(f"is not YAML; {EXPECTED}", path) from None
    except (ValueError, OverflowError):  # it says that it is a number, or a date, and it is none
        raise ScenarioError(f"is not a baseline; {EXPECTED}", path) from None


def check(
    recorded: KernelProfile, now: KernelProfile, whole: bool = True
) -> tuple[Comparison, list[str]]:
    """The comparison of now with the record, and one sentence for each difference.

    With `whole`, everything that was recorded must have been played, and with the same steps:
    what was not compared is not as recorded.
    """
    comparison = compare(recorded, now)
    names = "the baseline", now.machine.release
    told = [sentences.sentence([each], *names) for each in comparison.differences]
    told = [each.replace(" on the baseline", " in the baseline") for each in told]
    return comparison, told + ([*_not_compared(recorded, now)] if whole else [])


def in_common(recorded: KernelProfile, now: KernelProfile) -> bool:
    """Whether anything of the record was played, so that there was something to compare."""
    parts = (
        (recorded.scenarios, now.scenarios),
        (recorded.cells, now.cells),
        (recorded.timers, now.timers),
    )
    return any(ours.keys() & theirs.keys() for ours, theirs in parts)


def _not_compared(recorded: KernelProfile, now: KernelProfile) -> Iterator[str]:
    for kind, ours, theirs in (
        ("scenario", recorded.scenarios, now.scenarios),
        ("pair", recorded.cells, now.cells),
        ("time-out", recorded.timers, now.timers),
    ):
        missing = sorted({*ours} - {*theirs})
        if missing:
            verb = "was" if len(missing) == 1 else "were"
            number = f"{len(missing)} of {len(ours)} {kind}s of the baseline {verb} not played"
            yield f"{number}: {some(missing)} (--ignore-missing allows that)"
    changed = edited(recorded, now)
    if changed:
        yield f"the steps are not the recorded ones, so nothing was compared: {some(changed)}"
