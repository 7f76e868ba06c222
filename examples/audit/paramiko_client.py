# SPDX-License-Identifier: GPL-2.0-or-later
"""One command by paramiko (PyPI: paramiko), with a password out of NETLAB_PASSWORD: SSH.

By default connecting takes as long as TCP does, the banner 15 s, and a command for ever.
`--recommended`: the time-outs of https://docs.paramiko.org/en/stable/api/client.html
"""

import os
import sys
from typing import Any

import paramiko

LIMITS: dict[str, Any] = {
    "timeout": 10,
    "banner_timeout": 10,
    "auth_timeout": 10,
    "channel_timeout": 10,
}
recommended = "--recommended" in sys.argv
host, port = os.environ["NETLAB_SERVER"].rsplit(":", 1)
with paramiko.SSHClient() as client:
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        host,
        int(port),
        username=os.environ.get("NETLAB_USER", "netlab"),
        password=os.environ.get("NETLAB_PASSWORD", "netlab"),
        allow_agent=False,
        look_for_keys=False,
        **LIMITS if recommended else {},
    )
    _, output, _ = client.exec_command("echo hello", timeout=10 if recommended else None)
    print(output.read())
