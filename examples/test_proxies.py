# SPDX-License-Identifier: GPL-2.0-or-later
"""haproxy beside the client, and a backend behind it that is gone without a word."""

import shutil
from pathlib import Path

import pytest
import requests

from netlab import ANY, Lab

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
CONFIG = """
defaults
  mode http
  retries 1
  http-reuse always
  timeout client 9s
  timeout connect 300ms
  timeout server 300ms
listen web
  bind :::8080 v4v6
  server backend server:8000
"""


@pytest.fixture
def proxy(lab: Lab, tmp_path: Path) -> str:
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG)
    lab.server.start("python3 -m http.server --protocol HTTP/1.1 --bind :: 8000", ready=8000)
    lab.client.start([str(HAPROXY), "-db", "-f", str(config)], ready=8080)
    return "http://client:8080/"


def test_a_backend_that_is_gone_is_told_after_the_connect_time_out(lab: Lab, proxy: str) -> None:
    gone = lab.drop(ANY, to=lab.server)
    with lab.client:
        assert requests.get(proxy, timeout=5).status_code == 503
    assert gone.packets == 2  # a SYN, and that of the retry


def test_a_connection_that_was_idle_meanwhile_costs_a_request(lab: Lab, proxy: str) -> None:
    with lab.client:
        assert requests.get(proxy, timeout=5).status_code == 200
        lab.drop(ANY, to=lab.server)
        assert requests.get(proxy, timeout=5).status_code == 504
    lab.expect(client="CLOSED", server="ESTABLISHED", port=8000)  # its RST is lost, too
