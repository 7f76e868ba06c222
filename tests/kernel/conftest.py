# SPDX-License-Identifier: GPL-2.0-or-later
"""Labs for the tests here: each test with a lab runs over IPv4 and over IPv6."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.model.vocabulary import Family
from netlab.testbed.lab import Lab

from .somebody import Somebody


@pytest.fixture(params=Family, ids=str)
def netlab_family(request: pytest.FixtureRequest) -> Family:
    """Both families: the `lab` fixture of netlab's own plugin builds what this says."""
    family: Family = request.param
    if family is Family.IPV6 and not Path("/proc/net/tcp6").exists():
        pytest.skip("this kernel was booted without IPv6")
    return family


@pytest.fixture
def established(lab: Lab) -> Lab:
    """A lab whose client is connected, and whose server has accepted it."""
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    return lab


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What every process that the test starts has in its environment, and all that those start."""
    found = uuid.uuid4().hex
    monkeypatch.setenv("NETLAB_TEST_MARK", found)
    return found


@pytest.fixture(scope="module")
def somebody() -> Iterator[Somebody]:
    # Not in tmp_path: pytest lets nobody else into its folders.
    with tempfile.TemporaryDirectory() as home:
        yield Somebody(Path(home))
