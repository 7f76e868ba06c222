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


CALLS = {
    "expect": "lab.expect(client='SYN_SENT', server='LISTEN', within=0.1)",
    "sockets": "lab.server.listen(); lab.expect_no_sockets(may_stay=(), within=0.1)",
    "wait": "lab.client.run('sleep 9').wait(0.1)",
    "start": "lab.client.start('false', ready=80)",
    "drop": "lab.drop('SIN', to='client')",
    "within": "with net.within(0.1): socket.create_connection(net.blackhole)",
}


def test_what_fails_is_shown_where_it_was_called_and_not_inside(
    pytester: pytest.Pytester,
) -> None:
    tests = [f"def test_{name}(lab, net):\n    {call}\n" for name, call in CALLS.items()]
    pytester.makepyfile("import socket\n" + "\n".join(tests))
    result = run(pytester)
    result.assert_outcomes(failed=len(CALLS))
    shown = result.stdout.str()
    for call in CALLS.values():
        assert f"\n>       {call}\n" in shown
    assert "sock.connect(sa)" in shown  # what hangs is no inside
    assert "netlab/testbed" not in shown
    assert "contextlib.py" not in shown
    whole = run(pytester, "--full-trace", "-k", "expect").stdout.str()
    assert "netlab/testbed/lab.py" in whole


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
