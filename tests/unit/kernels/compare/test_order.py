# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of two kernels is the newer, and where nobody can tell."""

from __future__ import annotations

import pytest

from netlab.kernels.compare import order
from netlab.model.kernel_run import Machine


def kernel(release: str, version: str = "#1 SMP") -> Machine:
    return Machine("here", release, version, "x86_64", 250)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("6.8.0-31-generic", "6.12.1"),
        ("5.10.0-46-cloud-amd64", "5.15.0-100-generic"),
        ("6.18.44-fc-v595", "7.0.0"),
        ("6.12.9", "6.12.41"),
        ("6.12.90+deb13-amd64", "6.12.118+deb13-cloud-amd64"),
        ("5.4.0-26-generic", "5.4.0-216-generic"),
        ("6.13.0-rc2", "6.13.0-rc11"),
        ("6.13.0-rc7", "6.13.0"),
        ("6.13.0-rc7", "6.13.0-9-generic"),
        ("6.12.99", "6.13.0-rc1"),
        ("6.19.0-rc4-00012-gabcdef012345", "6.19.0-rc4-00120-g0123456789ab"),
        ("6.99", "7.0"),
    ],
)
def test_the_releases_tell(older: str, newer: str) -> None:
    assert order.newer(kernel(older), kernel(newer)) is True
    assert order.newer(kernel(newer), kernel(older)) is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("6.12.1", "6.12.1"),
        ("6.1.0-56-cloud-amd64", "6.1.7"),  # the former has fixes up to 6.1.170 or so
        ("6.8.0-31-generic", "6.8.0"),
        ("5.14.0-503.el9.x86_64", "5.14.0-1-generic"),
        ("6.99.0-mine", "6.99.0-yours"),
        ("6.12.1-one", "6.12.1-two"),
        ("6.19.0-00012-gabcdef012345", "6.19.0-00012-g9876543210ab"),
        ("6.12.1+", "6.12.1-dirty"),
        ("custom", "6.12.1"),
        ("", "6.12.1"),
        ("debian:bookworm", "6.12.1"),  # as a kernel is called that was never booted
    ],
)
def test_they_do_not(one: str, other: str) -> None:
    assert order.newer(kernel(one), kernel(other)) is None
    assert order.newer(kernel(other), kernel(one)) is None


def test_debian_tells_what_its_release_is_made_of() -> None:
    debian = kernel("6.1.0-56-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-11-01)")
    assert order.newer(kernel("6.1.7"), debian) is True
    assert order.newer(debian, kernel("6.1.171")) is True
    older = kernel("6.1.0-40-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.153-1 (2025-09-20)")
    assert order.newer(older, debian) is True
    other = kernel("6.8.0-1", "#1 SMP Debian 6.1.170-3")
    assert order.newer(kernel("6.8.0-2"), other) is False, "that is not what it calls itself"
