# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of tar archives that nobody vouches for: none may take all memory."""

from __future__ import annotations

import tarfile
from typing import Any

from netlab.model import outside

#: What tar keeps in headers of their own: long names, and attributes.
TEXTS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip


class TarHeader(tarfile.TarInfo):
    """One whose text is of a reasonable length, for ``tarfile.open(tarinfo=)``: tarfile would read
    it whole. Raises `tarfile.ReadError` for a longer one.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """By which methods tarfile comes to a header is its own affair, and a security fix changed
        it; but each of them tells type and size here.
        """
        super().__setattr__(name, value)
        if name in ("type", "size") and self._is_long():
            raise tarfile.ReadError("one of its names is longer than 1 MiB")

    def _is_long(self) -> bool:
        size = getattr(self, "size", 0)
        return size > outside.MIB and getattr(self, "type", None) in TEXTS
