# SPDX-License-Identifier: GPL-2.0-or-later
"""What a wheel has besides the package: pages for man, made of the commands' help."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MAN = "share/man/man1"


class ManualHook(BuildHookInterface[Any]):
    """Puts them into every wheel but that of an editable install, whose help may change."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write them, and say where they belong."""
        if version == "editable":
            return
        sys.path[:0] = [self.root, f"{self.root}/docs/_ext"]
        from reference import manual

        self._folder = tempfile.TemporaryDirectory()
        for file in manual.write(Path(self._folder.name)):
            build_data["shared_data"][str(file)] = f"{MAN}/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was written on the way."""
        if version != "editable":
            self._folder.cleanup()
