# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes hold a socket, as listings write it."""

from __future__ import annotations

import pytest

from netlab.snapshot.owners import processes


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("", []),
        ("-", []),
        ('users:(("nginx",pid=812,fd=6))', [("nginx", "812")]),
        (
            'users:(("nginx",pid=812,fd=6),("nginx",pid=813,fd=6))',
            [("nginx", "812"), ("nginx", "813")],
        ),
        ('users:(("app",pid=7,fd=3),("app",pid=7,fd=4))', [("app", "7")]),  # two descriptors
        ('users:(("a,b (c)",pid=7,fd=3))', [("a,b (c)", "7")]),
        ('users:(("",pid=7,fd=3))', [("", "7")]),
        ("812/nginx: worker", [("nginx: worker", "812")]),
        ("812/", []),
        ("nginx", []),
        ("x812/nginx", []),
    ],
)
def test_each_process_is_named_once(owner: str, expected: list[tuple[str, str]]) -> None:
    assert list(processes(owner)) == expected
