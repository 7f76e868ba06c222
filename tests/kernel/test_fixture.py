# SPDX-License-Identifier: GPL-2.0-or-later
"""The `lab` fixture in somebody's own tests: what a failure shows, and what a hang leaves."""

from __future__ import annotations

import pytest

from . import tools

pytest_plugins = ["pytester"]


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_a_failed_expectation_shows_what_was_sampled(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from netlab import ACK, SYN, State

        def test_good(lab):
            lab.server.listen()
            with lab.drop(SYN | ACK, to=lab.client) as fault:
                lab.client.connect(wait=False)
                lab.expect(client=State.SYN_SENT, server=State.SYN_RECV, hold=0.2)
            assert fault.packets >= 1

        def test_wrong(lab):
            lab.server.listen()
            lab.client.connect()
            lab.expect(client=State.SYN_SENT, server=State.LISTEN, within=0.2)
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- netlab -*",
            "pair not reached (kernel *)",
            "  client  SYN_SENT  ESTABLISHED*",
            "  server  LISTEN    ESTABLISHED*",
        ]
    )


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_test_that_hangs_leaves_nothing_when_it_is_ended(
    pytester: pytest.Pytester, mark: str, method: str
) -> None:
    pytester.makepyfile(
        """
        def test_hangs(lab):
            lab.client.run(["sleep", "1000"])
            lab.wait(lambda: None, 1000)
        """
    )
    result = run(pytester, "-o", "timeout=2", "-o", f"timeout_method={method}")
    assert result.ret != 0
    assert "Timeout" in result.stdout.str() + result.stderr.str()
    assert tools.left_over(mark) == []
