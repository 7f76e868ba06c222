# SPDX-License-Identifier: GPL-2.0-or-later
"""What a trial says of a program, beside the same on a healthy network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from netlab.model.errors import ScenarioError
from netlab.render.program import ended, last_lines
from netlab.search.cases import CUT, Case, named
from netlab.search.trial import CaseTrial


class CaseVerdict(StrEnum):
    """What became of the command."""

    FINE = "fine"
    ERROR = "error"  # it ended with another exit code, where TCP mends what happened
    HANGS = "hangs"  # it had not come back at the cap
    SHORT = "short"  # it is content with a part of its output
    DIFFERS = "differs"  # or with another one
    DIES = "dies"  # of a signal
    FAILS = "fails"  # the check says so
    UNMET = "not met"  # a packet did not come, so nothing was tried

    @property
    def is_failure(self) -> bool:
        """True if something is wrong with the program."""
        return self not in (CaseVerdict.FINE, CaseVerdict.UNMET)


@dataclass(frozen=True, slots=True)
class Judged:
    """A trial with its verdict."""

    trial: CaseTrial
    verdict: CaseVerdict
    #: How often the same was seen, of how many times that it was played.
    seen: tuple[int, int] = (1, 1)

    @property
    def case(self) -> Case:
        """What was tried."""
        return self.trial.case


@dataclass(frozen=True, slots=True)
class Healthy:
    """What the command does where no packet meets anything."""

    trial: CaseTrial
    #: Its output, if it is the same each time: otherwise nobody compares it.
    output: str | None

    @classmethod
    def of(cls, trials: Sequence[CaseTrial]) -> Healthy:
        """From several trials. Raises `ScenarioError` where a search would say nothing."""
        first = trials[0]
        for trial in trials:
            if trial.code is None:
                raise ScenarioError(
                    f"the command does not end within {trial.seconds:g} s on a healthy network, "
                    "either: a longer --cap, or another command"
                )
            if trial.failed:
                raise ScenarioError("--fails-when says of a healthy network, too, that it fails")
            if trial.failed is None and trial.code != 0:
                said = "\n".join(last_lines(trial.output + trial.errors))
                raise ScenarioError(
                    f"the command fails on a healthy network, too: {ended(trial.code)}"
                    + (f"; it wrote:\n{said}" if said else "")
                )
        if not first.packets:
            raise ScenarioError(
                "no TCP segment went between the client and the server: the command finds it as "
                "server, or {server}, and its port as {port}"
            )
        same = len({trial.output for trial in trials}) == 1
        return cls(first, first.output if same else None)

    def verdict(self, trial: CaseTrial) -> CaseVerdict:
        """What this trial says. After a cut an error is no failure: nobody could have mended it.

        What fails before all of its packets have come, fails.
        """
        if trial.is_empty:
            return CaseVerdict.UNMET
        verdict = self._of_command(trial)
        return CaseVerdict.UNMET if verdict is CaseVerdict.FINE and not trial.is_whole else verdict

    def _of_command(self, trial: CaseTrial) -> CaseVerdict:
        if trial.failed is not None:
            return CaseVerdict.FAILS if trial.failed else CaseVerdict.FINE
        if trial.code is None:
            return CaseVerdict.HANGS
        if trial.code < 0:
            return CaseVerdict.DIES
        if trial.code != self.trial.code:
            is_cut = any(each.word == CUT for each in trial.case)
            return CaseVerdict.FINE if is_cut else CaseVerdict.ERROR
        if self.output is None or trial.output == self.output:
            return CaseVerdict.FINE
        return CaseVerdict.SHORT if _is_part(trial.output, self.output) else CaseVerdict.DIFFERS

    def told(self, judged: Judged) -> str:
        """Why it is a failure, as a sentence without its end."""
        trial = judged.trial
        told = {
            CaseVerdict.ERROR: f"it ends with {ended(trial.code)} after {trial.seconds:.2f} s",
            CaseVerdict.HANGS: f"it has not come back after {trial.seconds:g} s",
            CaseVerdict.SHORT: "it has written only a part, and found nothing wrong",
            CaseVerdict.DIFFERS: "it has written something else, and found nothing wrong",
            CaseVerdict.DIES: f"it ends by {ended(trial.code)}",
            CaseVerdict.FAILS: "--fails-when says so",
        }
        return told.get(judged.verdict, f"{named(trial.case)}: {judged.verdict}")


def _is_part(some: str, whole: str) -> bool:
    return len(some) < len(whole) and (not some.strip() or some.strip() in whole)
