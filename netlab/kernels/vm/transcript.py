# SPDX-License-Identifier: GPL-2.0-or-later
"""The output of a guest on all its channels, and what it shows of how the guest ended."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass, field
from typing import Any

from netlab.model.text import printable

#: Bytes of a channel that are kept: a kernel can complain without end.
MOST = 4 << 20
LAST_LINES = 12
LONGEST_LINE = 200
ENDINGS = ('{"record": "done"', '{"record": "error"')
RESULTS = ("scenario", "row", "cell", "timing")
PANIC = "Kernel panic - not syncing: "
OOPS = "[#1]"  # follows the name of the first fault that ends a kernel, whichever it is
NO_MEMORY = (
    "Out of memory",
    "invoked oom-killer",
    "page allocation failure",
    "System is deadlocked on memory",
    "Initramfs unpacking failed",  # followed by what is wrong with the part that was written
    "No space left on device",
    "Cannot allocate memory",
    "initrd too large",
)
#: What a kernel writes about its own faults where it goes on all the same.
TROUBLE = re.compile(
    r"^(BUG: |watchdog: BUG: |WARNING: |rcu: INFO: |INFO: task |Oops|general protection)"
)
#: What an oops says of a processor, beside the place (RIP) and the way there (Call Trace).
_REGISTERS = re.compile(r"^((R(?!IP)|[CDEF])[A-Z0-9]{1,5}:|PKRU:|Code:)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|[\x00-\x08\x0b-\x1f]")
_STAMP = re.compile(r"^\[\s*\d+\.\d+\](\[[^\]]*\])? ?")


class Cutoff(enum.Enum):
    """The reason a guest was ended from outside."""

    STOPPED = "netlab was stopped"
    LIMIT = "its time was up"
    SILENCE = "it wrote nothing"


@dataclass(slots=True)
class Transcript:
    """Everything that came from one guest."""

    memory: int  # MiB that it had
    records: list[str] = field(default_factory=list)
    console: bytes = b""
    complaints: bytes = b""  # QEMU's own
    cut: tuple[Cutoff, float] | None = None  # the reason, and after how many seconds
    _begun: bytes = b""  # the beginning of a record

    def take(self, way: str, data: bytes) -> list[str]:
        """Add the output of one channel. Returns the records that are complete now."""
        if way == "console":
            self.console = (self.console + data)[-MOST:]
        elif way == "complaints":
            self.complaints = (self.complaints + data)[:MOST]
        else:
            *whole, self._begun = (self._begun + data).split(b"\n")
            records = [record.decode(errors="replace") for record in whole]
            self.records += records
            return records
        return []

    @property
    def over(self) -> bool:
        """True if nothing more is to be expected, though QEMU may not have ended."""
        last = self.records[-1] if self.records else ""
        hopeless = b"KVM internal error" in self.complaints  # it stops there, but does not exit
        return last.startswith(ENDINGS) or hopeless or self.cut is not None

    @property
    def begun(self) -> bool:
        """True if the kernel has booted and said what it is."""
        return any(_read(record)[0] == "machine" for record in self.records[:1])

    @property
    def gave_up(self) -> bool:
        """True if netlab in the guest ended it, with a reason of its own."""
        if self.records:
            return self.records[-1].startswith(ENDINGS[1])
        return any(line.startswith("netlab: ") for line in self.lines())

    @property
    def played(self) -> bool:
        """True if anything of the job has been played."""
        return any(_read(record)[0] in RESULTS for record in self.records)

    @property
    def died(self) -> bool:
        """True if the kernel itself ended it while it played: by a panic, a restart, or silence.

        Not if its memory or its time was too little, or if netlab or QEMU gave up.
        """
        last = self.records[-1] if self.records else ""
        by_others = self.cut is not None and self.cut[0] is not Cutoff.SILENCE
        return self.begun and not (
            last.startswith(ENDINGS) or self._no_memory() or by_others or self.complaints
        )

    def lines(self) -> list[str]:
        """The console's lines, without control characters and time stamps."""
        text = self.console.decode(errors="replace").replace("\r", "")
        lines = (_STAMP.sub("", _ESCAPES.sub("", line)).rstrip() for line in text.split("\n"))
        return [printable(line[:LONGEST_LINE]) for line in lines if line]

    def last_lines(self) -> tuple[str, ...]:
        """The console's most useful lines: of a panic the fault that led to it, and where that was,
        or those around its first line; else the last.
        """
        lines = [line for line in self.lines() if not _REGISTERS.match(line)]
        panic = next((n for n, line in enumerate(lines) if PANIC in line), len(lines))
        start = next((n for n, line in enumerate(lines[:panic]) if OOPS in line), panic - 2)
        first = max(0, min(start, len(lines) - LAST_LINES))
        return tuple(lines[first : first + LAST_LINES])

    def error(self) -> str:
        """The reason that not everything was played, in a sentence; "" where everything was."""
        last = self.records[-1] if self.records else ""
        if last.startswith(ENDINGS[0]):
            return ""
        if self._no_memory():
            return f"the guest ran out of memory: {self.memory} MiB is too little{self._heard_of()}"
        if last.startswith(ENDINGS[1]):
            return printable(str(_read(last)[1].get("error", "it sent an error without a reason")))
        lines = self.lines()
        panic = next((line for line in lines if PANIC in line), "")
        if panic:
            return f"the kernel panicked: {self._cause(panic)}{self._heard_of()}"
        if self.cut is not None:
            return self._cut_short(*self.cut)
        complaint = self.complaints.decode(errors="replace").strip()
        if complaint:
            first = complaint.splitlines()[0].split(": ", maxsplit=1)[-1]
            return f"QEMU could not run it: {printable(first)}"
        said = [line for line in lines if line.startswith("netlab: ")]
        if said:
            return said[-1].removeprefix("netlab: ")
        return f"the guest ended before its last record{self._heard_of()}"

    def trouble(self) -> list[str]:
        """The kernel's reports of its own faults, whatever it did next."""
        return [line for line in self.lines() if TROUBLE.match(line)]

    def _no_memory(self) -> bool:
        return any(sign in line for line in self.lines() for sign in NO_MEMORY)

    def _cause(self, panic: str) -> str:
        """A panic's message. If the first program ended, the cause is what it wrote before."""
        message = panic.split(PANIC, maxsplit=1)[1]
        if "Attempted to kill init" not in message:
            return message
        lines = self.lines()
        before = lines[: lines.index(panic)]
        return f"{message} {before[-1]}" if before else message

    def _cut_short(self, why: Cutoff, seconds: float) -> str:
        if why is Cutoff.STOPPED:
            return f"it was stopped after {seconds:.0f} s"
        if why is Cutoff.SILENCE and not self.console and not self.records:
            return f"the kernel wrote nothing in {seconds:.0f} s: is it one for x86-64 machines?"
        trouble = f"; the kernel said: {self.trouble()[-1]}" if self.trouble() else ""
        if why is Cutoff.SILENCE:
            return f"the guest hangs: nothing came for {seconds:.0f} s{self._heard_of()}{trouble}"
        return f"the guest was not done after {seconds:.0f} s{self._heard_of()}{trouble}"

    def _heard_of(self) -> str:
        """The last record, which shows how far the guest came."""
        played = [record for record in self.records if not record.startswith(ENDINGS)]
        if not played:
            return ""
        kind, value = _read(played[-1])
        name = value.get("scenario") or value.get("name")
        return f" (the last it sent: {kind}{f' {printable(str(name))}' if name else ''})"


def _read(record: str) -> tuple[str, dict[str, Any]]:
    """A record's kind and value: what a dying guest sends may be neither."""
    try:
        data = json.loads(record)
        kind, value = printable(str(data["record"])), data["value"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "something that is no record", {}
    return kind, value if isinstance(value, dict) else {}
