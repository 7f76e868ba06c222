# SPDX-License-Identifier: GPL-2.0-or-later
"""When a look was taken, as far as a text says it: by ``date``, a time stamp, ``sleep``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?"
ISO = re.compile(rf"\W?(?P<year>\d{{4}})[-/](?P<month>\d\d)[-/](?P<day>\d\d)[T _]{_CLOCK}")
#: Of date and watch, in most places of the world.
NAMED = re.compile(
    rf"(?:[A-Z][a-z]{{2}},? )?\s*(?:(?P<day>\d{{1,2}}) )?(?P<name>{'|'.join(MONTHS)})\s+"
    rf"(?:(?P<later>\d{{1,2}})\s+)?(?:(?P<year>\d{{4}})\s+)?{_CLOCK}"
)
AFTER = re.compile(r"\s.{0,20}\b((?:19|20)\d\d)\s*$")  # the year, where the time comes first
CLOCK = re.compile(rf"\W?{_CLOCK}\W?$")
PAUSE = re.compile(r"\bsleep\s+(?P<number>\d{1,6}(?:\.\d{1,3})?)(?P<unit>[smh]?)\b")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def moment(line: str) -> float | None:
    """Seconds since 1970 of a line that is a date and a time; only their differences are right,
    since no zone is looked at. None for other lines.
    """
    line = line.strip()[:80]
    if match := ISO.match(line):
        return _seconds(match, int(match["year"]), int(match["month"]), int(match["day"]))
    if match := NAMED.match(line):
        later = AFTER.match(line[match.end() :])
        year = int(match["year"] or (later[1] if later else 1970))
        day = int(match["day"] or match["later"] or 1)
        return _seconds(match, year, MONTHS.index(match["name"]) + 1, day)
    if match := CLOCK.match(line):
        return _seconds(match, 1970, 1, 1)
    return None


def _seconds(match: re.Match[str], year: int, month: int, day: int) -> float | None:
    clock = (int(match["hour"]), int(match["minute"]), int(match["second"]))
    try:
        whole = datetime(year, month, day, *clock, tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return max(0.0, whole) + float(f"0.{match['part'] or 0}")


def pause(line: str) -> float | None:
    """The seconds that a command in this line sleeps; None if it does not."""
    match = PAUSE.search(line)
    return None if match is None else float(match["number"]) * UNITS[match["unit"]]
